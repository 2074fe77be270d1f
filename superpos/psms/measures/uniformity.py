"""Uniformity: the logarithm of the mean Gaussian potential."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure


def uniformity(entries: Float) -> Float:
    """Return log mean exp(-2 r^2), r^2 = 2 - 2 T_ij, of the pairs (m, n (n - 1) / 2), (m,)."""
    return np.asarray(np.log(np.mean(np.exp(4.0 * entries - 4.0), axis=1)), dtype=np.float64)


KIND = Measure(
    name="uniformity",
    version=1,
    rank=148,
    meaning="Logarithm of the mean Gaussian potential: -4 if orthogonal, 0 if all features are one.",
    formula="log mean of exp(-2 r_ij^2), i < j",
    source="T. Wang, P. Isola, Understanding contrastive representation learning through alignment and "
    "uniformity on the hypersphere (2020), at t = 2.",
    reads="entries",
    function=uniformity,
    low=-8.0,
    high=0.0,
    under=("cosine",),
)
