"""Mean squared cosine over that of random directions."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure


def squared_cosine_ratio(entries: Float, width: Float) -> Float:
    """Return d times the mean of T_ij^2 over the pairs (m, n (n - 1) / 2), (m,)."""
    return np.asarray(width * np.mean(entries**2, axis=1), dtype=np.float64)


KIND = Measure(
    name="squared_cosine_ratio",
    version=1,
    rank=144,
    meaning="Mean squared cosine times d: 1 for independent uniform directions, whatever n.",
    formula="d mean of T_ij^2, i < j",
    reads="entries",
    given=("width",),
    function=squared_cosine_ratio,
    low=0.0,
    under=("cosine",),
)
