"""Coherence: the largest cosine in absolute value."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure


def coherence(entries: Float, width: Float) -> Float:  # noqa: ARG001 (its bound reads it)
    """Return max |T_ij| of the pairs (m, n (n - 1) / 2), (m,)."""
    return np.asarray(np.max(np.abs(entries), axis=1), dtype=np.float64)


def welch(m: int, n: int, width: Float) -> Float:  # noqa: ARG001
    """Return sqrt((n - d) / (d (n - 1))), 0 for n <= d, (m,)."""
    return np.where(width < n, np.sqrt(np.maximum(n - width, 0.0) / (width * (n - 1))), 0.0)


KIND = Measure(
    name="coherence",
    version=1,
    rank=142,
    meaning="Largest cosine in absolute value; its bound is Welch's, 0 where n is at most d.",
    formula="max |T_ij| >= sqrt((n - d) / (d (n - 1))), i < j",
    source="L. R. Welch, Lower bounds on the maximum cross correlation of signals (1974).",
    reads="entries",
    given=("width",),
    function=coherence,
    bound=welch,
    low=0.0,
    high=1.0,
    under=("cosine",),
)
