"""Distance to a simplex equiangular tight frame, both of norm 1."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure


def etf_error(matrices: Float) -> Float:
    """Return || T / ||T||_F - (I - 11'/n) / sqrt(n - 1) ||_F of matrices (m, n, n), (m,); NaN for zeros."""
    n = matrices.shape[-1]
    frame = (np.eye(n) - 1.0 / n) / np.sqrt(n - 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = matrices / np.linalg.norm(matrices, axis=(1, 2), keepdims=True)
    return np.asarray(np.linalg.norm(scaled - frame, axis=(1, 2)), dtype=np.float64)


KIND = Measure(
    name="etf_error",
    version=1,
    rank=125,
    meaning="Distance to the simplex equiangular tight frame, both scaled to norm 1; 0 for the simplex.",
    formula="|| T / ||T||_F - (I - 11'/n) / sqrt(n - 1) ||_F",
    source="V. Kothapalli, Neural collapse: a review on modelling principles and generalization (2023).",
    reads="matrix",
    function=etf_error,
    low=0.0,
    high=2.0,
    under=("cosine",),
)
