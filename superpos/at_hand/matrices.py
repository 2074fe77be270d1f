"""Arrays at hand as similarity matrices, kernels as study files write them, and their measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_matrix, as_psm
from superpos.errors import ArgumentError, InputError, allowed, shown
from superpos.kinds.measures import MEASURES, Measure
from superpos.kinds.potentials import Potential
from superpos.psms import similarity_matrix
from superpos.psms.measuring import Asked, answer
from superpos.records.named import Psm
from superpos.specs.axes import check_count
from superpos.specs.kernel_tables import read_kernels
from superpos.specs.toml_table import Table
from superpos.threads import one_thread

DIAGONAL = 1e-9
"""Largest departure of a diagonal from 1."""


class Given(NamedTuple):
    """What is measured."""

    matrix: Float
    """(n, n)."""
    directions: Float | None
    """(n, d); None where a matrix was given."""

    @property
    def width(self) -> float:
        """d, NaN where it is not known."""
        return np.nan if self.directions is None else float(self.directions.shape[1])


def read_given(P: ArrayLike | Psm, similarity: str = "cosine", rbf_scale: float = 200.0) -> Given:
    """Return directions, or a matrix, as both.

    A square array is a similarity matrix where it is symmetric with diagonal 1. Directions that happen to
    look so go in as `superpos.psms.cosine(P)`.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        If it is no finite array of two directions or more, or a row is zero under cosine.
    """
    rows = as_matrix("P", P, min_rows=2)
    if is_psm(rows):
        return Given(as_psm("P", (rows + rows.T) / 2.0), None)
    return Given(similarity_matrix(rows, similarity, rbf_scale), rows)


def is_psm(rows: Float) -> bool:
    """Whether an array is a similarity matrix: square, symmetric, with diagonal 1."""
    square = rows.shape[0] == rows.shape[1]
    return bool(
        square and np.allclose(rows, rows.T, atol=DIAGONAL) and np.allclose(np.diag(rows), 1.0, atol=DIAGONAL)
    )


def read_potentials(kernels: str | Mapping[str, Any] | Sequence[Any]) -> tuple[Potential, ...]:
    """Return kernels: texts (`exp`, `exp:4`, `log`, `riesz:1`) or tables with energy, s and softening.

    Raises
    ------
    InputError
        Saying which one is wrong and what is allowed.
    """
    given = [kernels] if isinstance(kernels, str | Mapping) else list(kernels)
    if not given:
        return ()
    try:
        found = read_kernels(Table(Path("superpos"), {"kernels": given}), {})
    except InputError as error:
        raise InputError(str(error).removeprefix("superpos: ")) from error
    return tuple(dict.fromkeys(Potential(one.energy, one.s, one.softening) for one in found))


def asked_of(
    similarity: str, potentials: Sequence[Potential], n_dims: Sequence[int], wanted: Sequence[str] | None
) -> Iterator[tuple[int, tuple[Asked, ...]]]:
    """Yield a dimension, 0 for none, and what is asked in it, as the pipeline asks of a study's matrices.

    Raises
    ------
    ArgumentError
        For an unknown measure, or one that needs a kernel, a dimension or a noise ceiling that is not given.
    """
    kinds = [kind for kind in MEASURES if kind.applies_to(similarity) and kind.reads != "intervals"]
    if wanted is not None:
        known = {kind.name: kind for kind in kinds}
        for name in wanted:
            if name not in known:
                raise ArgumentError("measures", f"{shown(name)} is not measured here; {allowed(name, known)}")
            lacks = _lacks(known[name], potentials, n_dims)
            if lacks:
                raise ArgumentError("measures", f"{name} needs {lacks}")
        kinds = [known[name] for name in wanted]
    for depth in (0, *dict.fromkeys(check_count("n_dims", one, 1) for one in n_dims)):
        asked = tuple(
            Asked(kind, kernel)
            for kind in kinds
            if kind.per_dimension == (depth > 0)
            for kernel in (potentials if kind.per_kernel else (None,))
        )
        if asked:
            yield depth, asked


def _lacks(kind: Measure, potentials: Sequence[Potential], n_dims: Sequence[int]) -> str:
    if kind.per_kernel and not potentials:
        return "a kernel: kernels=['exp']"
    if kind.per_dimension and not n_dims:
        return "a dimension: n_dims=[2]"
    return ""


def measured(
    matrices: Sequence[Float],
    widths: Sequence[float],
    similarity: str,
    potentials: Sequence[Potential],
    n_dims: Sequence[int],
    wanted: Sequence[str] | None,
) -> pd.DataFrame:
    """Return a row a measure, kernel, dimension and matrix, with the columns of `geometry_results`.

    Raises
    ------
    ArgumentError
        As `asked_of`, and for a dimension that is not below n.
    """
    n = len(matrices[0])
    rows: list[pd.DataFrame] = []
    for depth, asked in asked_of(similarity, potentials, n_dims, wanted):
        if depth >= n:
            raise ArgumentError("n_dims", f"{depth} must be below the {n} features")
        with one_thread():  # of BLAS, as in the pipeline: the same bits
            answers, failed = answer(matrices, asked, n_dims=depth, widths=widths)
        if failed:
            raise ArgumentError("measures", next(iter(failed.values())))
        for one, found in answers.items():
            kernel = one.kernel or Potential("")
            rows.append(
                pd.DataFrame(
                    {
                        "measure": one.measure.name,
                        "kernel": kernel.label if one.kernel else "",
                        "softening": kernel.softening,
                        "n_dims": depth,
                        "matrix": range(len(matrices)),
                        "value": found.value,
                        "bound": found.bound,
                        "value_scaled": found.scaled,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)
