"""Effective rank: the exponential of the entropy of the eigenvalues."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure


def effective_rank(eigenvalues: Float) -> Float:
    """Return exp(-sum p log p), p = |lambda| / sum |lambda|, of (m, n), (m,); NaN if all are 0."""
    sizes = np.abs(eigenvalues)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = sizes / np.sum(sizes, axis=1, keepdims=True)
        entropy = -np.sum(np.where(shares > 0.0, shares * np.log(shares), shares), axis=1)
    return np.asarray(np.exp(entropy), dtype=np.float64)


KIND = Measure(
    name="effective_rank",
    version=1,
    rank=32,
    meaning="Exponential of the entropy of the spectrum: n if orthogonal, 1 if all features are one.",
    formula="exp(-sum p log p), p = |lambda| / sum |lambda|",
    source="O. Roy, M. Vetterli, The effective rank: a measure of effective dimensionality (2007).",
    reads="eigenvalues",
    function=effective_rank,
    low=1.0,
)
