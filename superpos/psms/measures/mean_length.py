"""Length of the mean of the unit vectors."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure

ROUNDING = 1e-15
"""Means of the matrix nearer to 0 than this are 0."""


def mean_length(matrices: Float) -> Float:
    """Return sqrt(sum_ij T_ij) / n of matrices (m, n, n), (m,); NaN where the sum is negative."""
    squares = np.mean(matrices, axis=(1, 2))
    squares = np.where(np.abs(squares) <= ROUNDING, 0.0, squares)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(squares), dtype=np.float64)


KIND = Measure(
    name="mean_length",
    version=1,
    rank=146,
    meaning="Length of the mean of the unit vectors: 0 where they cancel, 1/sqrt(n) if orthogonal.",
    formula="sqrt(sum_ij T_ij) / n",
    source="K. V. Mardia, P. E. Jupp, Directional Statistics (2000), the mean resultant length.",
    reads="matrix",
    function=mean_length,
    low=0.0,
    high=1.0,
    under=("cosine",),
)
