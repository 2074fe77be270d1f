"""Squared distances between rows, one way for matrices of features and for fits.

They are sums of squared differences, never |a|^2 + |b|^2 - 2 <a, b>, which loses the digits of near rows and
may come out negative. The sums run through `einsum` and not through BLAS: with a few dozen rows that costs
milliseconds, and the bits do not depend on how many BLAS threads a process has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 2**18
"""Differences that are made at once; more are made row by row, one half of the pairs."""


def squared_distances(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return |x_i - x_j|^2 for all pairs of rows (n, d), as (n, n).

    Exactly symmetric, with an exactly zero diagonal where all is finite. Nothing is checked: what is too
    large is infinite.
    """
    n, d = rows.shape
    if n * n * d <= AT_ONCE:
        differences = rows[:, None, :] - rows[None, :, :]
        return np.asarray(np.einsum("ijk,ijk->ij", differences, differences))
    squares = np.zeros((n, n))
    for i in range(n - 1):
        differences = rows[i + 1 :] - rows[i]
        squares[i, i + 1 :] = np.einsum("jk,jk->j", differences, differences)
    return squares + squares.T


def squared_distances_of_many(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `squared_distances` of each of many matrices (b, n, d), as (b, n, n), to the bit."""
    many, n, d = stack.shape
    at_once = AT_ONCE // (n * n * d)
    if at_once == 0:
        return np.stack([squared_distances(rows) for rows in stack])
    found = np.empty((many, n, n))
    for first in range(0, many, at_once):
        some = stack[first : first + at_once]
        differences = some[:, :, None] - some[:, None]
        np.einsum("bijk,bijk->bij", differences, differences, out=found[first : first + at_once])
    return found
