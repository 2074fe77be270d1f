"""Participation ratio of the eigenvalues."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure


def effective_dimension(eigenvalues: Float) -> Float:
    """Return (sum lambda)^2 / sum lambda^2 of eigenvalues (m, n), (m,); NaN where all are 0."""
    squares = np.sum(eigenvalues**2, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sum(eigenvalues, axis=1) ** 2 / squares, dtype=np.float64)


KIND = Measure(
    name="effective_dimension",
    version=1,
    rank=30,
    meaning="Number of equal eigenvalues that would spread as much: n if orthogonal, 1 if all are one.",
    formula="(sum lambda)^2 / sum lambda^2",
    source="M. Del Giudice, Effective dimensionality: a tutorial (2021), as n_2.",
    reads="eigenvalues",
    function=effective_dimension,
    low=0.0,
)
