"""`superpos.geometry`: the measures of directions, or of a matrix, at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike

from superpos.at_hand.matrices import measured, read_given, read_potentials
from superpos.kinds.measures import MEASURES
from superpos.records.named import Psm


def geometry(
    P: ArrayLike | Psm,
    *,
    kernels: Any = ("exp",),
    n_dims: Sequence[int] = (),
    similarity: str = "cosine",
    rbf_scale: float = 200.0,
    measures: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return every measure of directions or of a similarity matrix, as the view `geometry_results` has them.

    Parameters
    ----------
    P : array_like, (n, d) or (n, n), or Psm
        Directions, one row a feature. A square array that is symmetric with diagonal 1 is taken for a
        similarity matrix.
    kernels
        Energies for the measures that have one: `exp`, `exp:4`, `log`, `riesz:1`, or tables with energy, s
        and softening (`docs/kinds.md`).
    n_dims
        Dimensions f < n for the measures that have one: the balance of forces, the nearest configuration.
    similarity, rbf_scale
        Similarity of the directions, and C where it has one.
    measures
        Names of measures; every one that needs nothing else by default.

    Returns
    -------
    DataFrame
        A row a measure, kernel and dimension: measure, kernel, softening, n_dims, value, bound,
        value_scaled (0 at the bound, 1 for orthogonal features), meaning. NaN is not defined.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError, InputError
        If P is no finite array of two directions or more, or a kernel, dimension or measure is not known.
    """
    given = read_given(P, similarity, rbf_scale)
    found = measured(
        [given.matrix], [given.width], similarity, read_potentials(kernels), tuple(n_dims), measures
    )
    meanings = {kind.name: kind.meaning for kind in MEASURES}
    return found.drop(columns="matrix").assign(meaning=found["measure"].map(meanings))
