"""Ranks with ties, and the rank correlation made of them.

    Spearman: Pearson correlation of the average ranks

Ranks are doubled and shifted to be whole numbers that sum to 0, so that sums of products of ranks are exact
in float64 and a permutation that ties with the observation is counted as a tie, in whatever order
it is summed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_vector
from superpos.errors import ShapeError


def average_ranks(x: ArrayLike) -> Float:
    """Return ranks 1 to m of a vector (m,), ties sharing their mean rank.

    Raises
    ------
    ShapeError, NonFiniteError
        If x is not a finite vector of at least one entry.
    """
    values = as_values("x", x)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[inverse], dtype=np.float64)


def centred_ranks(x: ArrayLike) -> Float:
    """Return 2 rank - (m + 1) of a vector (m,): whole numbers that sum to 0; all 0 where x is constant."""
    ranks = average_ranks(x)
    return 2.0 * ranks - (ranks.size + 1.0)


def spearman(a: ArrayLike, b: ArrayLike) -> float | None:
    """Return Spearman's rank correlation of two vectors (m,), None where one of them is constant.

    Source: C. Spearman, The proof and measurement of association between two things (1904); ties by average
    rank.

    Raises
    ------
    ShapeError, NonFiniteError
        If they are not finite vectors of one length.
    """
    first = as_values("a", a)
    return correlation_of_ranks(centred_ranks(first), centred_ranks(as_vector("b", b, first.size)))


def correlation_of_ranks(first: Float, second: Float) -> float | None:
    """Return the correlation of two vectors of centred ranks, None where one is all 0."""
    scale = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    if scale == 0.0:
        return None
    return float(np.clip(np.sum(first * second) / scale, -1.0, 1.0))


def as_values(name: str, value: ArrayLike) -> Float:
    """Return `value` as a finite float64 vector of whatever length from 1; raises as `as_vector`."""
    array = np.asarray(value)
    if array.ndim != 1 or array.size == 0:
        raise ShapeError(name, f"shape {array.shape} is not a vector of at least one entry")
    return as_vector(name, array, array.size)
