"""Least number of distinct similarities that the noise ceiling allows."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure


def distinct_values(intervals: Float) -> Float:
    """Return the fewest values that are in every interval (m, p, 2) between them, (m,); NaN if none is known.

    Intervals are taken by their upper ends. One that holds no value yet gets its upper end, which is in as
    many of the later ones as any value can be.
    """
    found = np.full(len(intervals), np.nan)
    for place, each in enumerate(intervals):
        known = each[~np.isnan(each).any(axis=1)]
        last, count = -np.inf, 0
        for low, high in known[np.argsort(known[:, 1], kind="stable")]:
            if low > last:
                last, count = high, count + 1
        if count:
            found[place] = count
    return found


KIND = Measure(
    name="distinct_values",
    version=1,
    rank=95,
    meaning="Least number of distinct similarities that the noise ceiling allows: 1 where all pairs may be "
    "alike. Of features with a noise ceiling only.",
    formula="min |V|, V meets every interval of T_ij, i < j",
    source="U. I. Gupta, D. T. Lee, J. Y.-T. Leung, Efficient algorithms for interval graphs and "
    "circular-arc graphs (1982).",
    reads="intervals",
    function=distinct_values,
    low=1.0,
)
