"""Number of eigenvalues that are not 0."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure

RANK_TOLERANCE = 1e-10
"""Eigenvalues below this fraction of the largest count as 0."""


def rank(eigenvalues: Float) -> Float:
    """Return how many of the eigenvalues (m, n) are above the tolerance in absolute value, (m,)."""
    magnitudes = np.abs(eigenvalues)
    above = magnitudes > RANK_TOLERANCE * np.max(magnitudes, axis=1, keepdims=True)
    return np.asarray(np.sum(above, axis=1), dtype=np.float64)


KIND = Measure(
    name="rank",
    version=1,
    rank=20,
    meaning="Number of eigenvalues that are not 0.",
    formula="#{|lambda| > 1e-10 max |lambda|}",
    reads="eigenvalues",
    function=rank,
    low=0.0,
)
