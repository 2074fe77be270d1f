"""Measures of many matrices at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from superpos.arrays import Float, as_psm
from superpos.errors import ShapeError, plain
from superpos.kinds.measures import Measure, read


def measure_matrices(
    matrices: Sequence[Float], measures: Sequence[Measure]
) -> tuple[dict[str, Float], dict[str, str]]:
    """Return each measure of each matrix, and what went wrong.

    Parameters
    ----------
    matrices
        Similarity matrices (n, n); n may differ. Those of one n are measured together.
    measures
        Measures that are defined for their similarity.

    Returns
    -------
    values : dict
        By name an array (len(matrices),); NaN where a measure is not defined.
    failed : dict
        By name a line on each measure that raised or gave another shape; it has no values.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If a matrix is no pairwise similarity matrix.
    """
    places: dict[tuple[int, ...], list[int]] = {}
    for place, matrix in enumerate(matrices):
        places.setdefault(np.shape(matrix), []).append(place)
    values = {measure.name: np.full(len(matrices), np.nan) for measure in measures}
    failed: dict[str, str] = {}
    for here in places.values():
        stack = _stack([matrices[place] for place in here])
        seen = read(stack, [measure.reads for measure in measures])
        for measure in measures:
            try:
                values[measure.name][here] = _values(measure, seen[measure.reads])
            except Exception as error:  # whatever a stranger's function does on unlucky numbers
                failed[measure.name] = plain(f"{measure.name} failed: {type(error).__name__}: {error}", 300)
    return {name: column for name, column in values.items() if name not in failed}, failed


def _stack(matrices: Sequence[Float]) -> Float:
    """Return matrices of one shape as (m, n, n), checked; one by one only where all at once will not do."""
    stack = np.asarray(matrices, dtype=np.float64)
    square = stack.ndim == 3 and stack.shape[1] == stack.shape[2] >= 2
    if square and np.all(np.isfinite(stack)) and np.array_equal(stack, np.swapaxes(stack, 1, 2)):
        return stack
    return np.stack([as_psm("matrices", matrix) for matrix in matrices])


def _values(measure: Measure, given: Float) -> Float:
    given = given.view()
    given.setflags(write=False)  # others read it too
    values = np.asarray(measure.function(given), dtype=np.float64)
    if values.shape != (len(given),):
        raise ShapeError("function", f"gives shape {values.shape}; use ({len(given)},)")
    return values
