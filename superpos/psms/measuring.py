"""Measures of many matrices at once.

scaled = (value - bound) / (value of I - bound)     0 at the bound, 1 for orthogonal features;
                                                    not defined unless the bound is below
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from superpos.arrays import Float, as_psm
from superpos.errors import ShapeError, plain
from superpos.kinds.measures import Measure, read
from superpos.kinds.potentials import Potential

_ROUNDING = 1e-12
"""Bounds nearer to orthogonal features than this, relatively, are no scale."""


class Asked(NamedTuple):
    """One measure, under one kernel where it needs one."""

    measure: Measure
    kernel: Potential | None = None

    @property
    def said(self) -> str:
        """What messages call it."""
        return self.measure.name + (f" ({self.kernel.label})" if self.kernel else "")


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a measure says of each matrix, (m,) each; NaN where it is not defined."""

    value: Float
    bound: Float
    scaled: Float


def measure_matrices(
    matrices: Sequence[Float], measures: Sequence[Measure]
) -> tuple[dict[str, Float], dict[str, str]]:
    """Return each measure of each matrix, and what went wrong.

    Parameters
    ----------
    matrices
        Similarity matrices (n, n); n may differ. Those of one n are measured together.
    measures
        Measures that are defined for their similarity and need neither kernel nor dimension.

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
    answers, failed = answer(matrices, [Asked(measure) for measure in measures])
    return (
        {asked.measure.name: found.value for asked, found in answers.items()},
        {asked.measure.name: said for asked, said in failed.items()},
    )


def answer(
    matrices: Sequence[Float],
    asked: Sequence[Asked],
    *,
    n_dims: int = 0,
    widths: Sequence[float] | None = None,
    intervals: Sequence[Float] | None = None,
) -> tuple[dict[Asked, Answer], dict[Asked, str]]:
    """Return what measures say of each matrix, with bound and scale, and what went wrong.

    Parameters
    ----------
    matrices
        Similarity matrices (n, n); n may differ. Those of one n are measured together.
    asked
        Measures that are defined for their similarity.
    n_dims
        f of those that need a dimension; below every n.
    widths
        Dimensions of the space of each matrix' features; NaN, the default, where it is not known.
    intervals
        Noise ceilings of the entries of each matrix, (n (n - 1) / 2, 2); none is known by default.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If a matrix is no pairwise similarity matrix.
    """
    spaces = np.full(len(matrices), np.nan) if widths is None else np.asarray(widths, dtype=np.float64)
    places: dict[tuple[int, ...], list[int]] = {}
    for place, matrix in enumerate(matrices):
        places.setdefault(np.shape(matrix), []).append(place)
    found = {one: np.full((3, len(matrices)), np.nan) for one in asked}
    failed: dict[Asked, str] = {}
    for here in places.values():
        stack = _stack([matrices[place] for place in here])
        known = None if intervals is None else np.stack([intervals[place] for place in here])
        seen = _Seen(stack, [one.measure.reads for one in asked], n_dims, spaces[here], known)
        for one in asked:
            try:
                with np.errstate(all="ignore"):  # what leaves the range of a double is NULL in the end
                    found[one][:, here] = seen.answer(one)
            except Exception as error:  # whatever a stranger's function does on unlucky numbers
                failed[one] = plain(f"{one.said} failed: {type(error).__name__}: {error}", 300)
    return {one: Answer(*rows) for one, rows in found.items() if one not in failed}, failed


class _Seen:
    """What measures read of a stack of matrices, and of the identity beside it."""

    def __init__(
        self, stack: Float, reads: Sequence[str], n_dims: int, widths: Float, intervals: Float | None
    ) -> None:
        self.stack, self.n_dims, self.widths = stack, n_dims, widths
        self.seen = read(stack, reads, n_dims, intervals)
        identity = np.eye(stack.shape[-1])[None]
        self.identity, self.of_identity = identity, read(identity, set(reads) - {"configuration"})

    def answer(self, asked: Asked) -> Float:
        """Return value, bound and scaled value, (3, m)."""
        measure, m = asked.measure, len(self.stack)
        words = measure.words(
            kernel=asked.kernel, n_dims=self.n_dims, width=_locked(self.widths), target=_locked(self.stack)
        )
        value = _checked(measure.function(_locked(self.seen[measure.reads]), **words), m)
        nothing = np.full(m, np.nan)
        if measure.bound is None:
            return np.stack([value, nothing, nothing])
        bound = _checked(measure.bound(m, self.stack.shape[-1], **words), m)
        if measure.reads == "configuration":
            return np.stack([value, bound, nothing])
        of_one = measure.words(
            kernel=asked.kernel, n_dims=self.n_dims, width=self.widths[:1], target=self.identity
        )
        free = _checked(measure.function(_locked(self.of_identity[measure.reads]), **of_one), 1)
        room = free - bound
        defined = room > _ROUNDING * np.maximum(np.abs(free), np.abs(bound))
        scaled = np.divide(value - bound, room, out=nothing, where=defined)
        return np.stack([value, bound, scaled])


def _stack(matrices: Sequence[Float]) -> Float:
    """Return matrices of one shape as (m, n, n), checked; one by one only where all at once will not do."""
    stack = np.asarray(matrices, dtype=np.float64)
    square = stack.ndim == 3 and stack.shape[1] == stack.shape[2] >= 2
    if square and np.all(np.isfinite(stack)) and np.array_equal(stack, np.swapaxes(stack, 1, 2)):
        return stack
    return np.stack([as_psm("matrices", matrix) for matrix in matrices])


def _locked(array: Float) -> Float:
    """Return a view that cannot be written: others read it too."""
    view = array.view()
    view.setflags(write=False)
    return view


def _checked(given: Any, m: int) -> Float:
    values = np.asarray(given, dtype=np.float64)
    if values.shape != (m,):
        raise ShapeError("function", f"gives shape {values.shape}; use ({m},)")
    return values
