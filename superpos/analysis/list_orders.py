"""Words in an order: how near a matrix is to one that knows their places in a list alone.

    t_i            place of word i in a list of N words
    lag            |t_i - t_j|, along the line; min(|t_i - t_j|, N - |t_i - t_j|), round the circle
    line, circle   minus the lag: near places, alike words; the rank correlation of both with T is signed
    lag as levels  any function g of the lag: R^2 of the means of (the ranks of) T at each lag

What word statistics say of such words: where the joint counts of two words depend on their lag alone, as
those of days and months do, so does whatever is made of them entry by entry (their PMI, say), M_ij = m(lag).
Round the circle M is circulant, so that its eigenvectors are the Fourier modes and its eigenvalues

    mu_k = sum_l m(l) cos(2 pi k l / N),     l over the N places

Embeddings that factorise M in f dimensions keep the f largest (in size, where words and contexts have
vectors of their own; above 0, where they share them): their Gram matrix is circulant again,

    G(l) = 1/N sum over kept k of |mu_k| cos(2 pi k l / N)

For m(l) = r^l, 0 < r < 1, every mu_k is positive, and the largest but the constant one is mu_1: its two
modes are a circle, g(l) = cos(2 pi l / N). Whatever m is, the matrix depends on the lag alone: R^2 of the
levels is the most that such statistics explain. Along a line M is a Toeplitz matrix, and its Gram matrix
depends on the lag alone but for its ends.

Tests: the words are put on the places of the list in every order that is another one, n! / 2 along the line
and (n - 1)! / 2 round the circle, the true order among them; if these are more than `MOST_ORDERS`, or the
list has words that are not there, in R random ones.

Sources: D. Karkada, D. J. Korchinski, A. Nava, M. Wyart, Y. Bahri, Symmetry in language statistics shapes
the geometry of model representations (2026), for translation symmetry; derived here anew. L. Hubert and P.
Arabie, Combinatorial data analysis: confirmatory comparisons between sets of matrices, Applied Stochastic
Models 2 (1986), for the tests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from itertools import permutations

import numpy as np

from superpos.arrays import Float, Int

MOST_ORDERS = 25_000
"""Distinct orders that are all tried: a line of 8 words, a circle of 9."""
BATCH_ENTRIES = 2_000_000
"""Entries of reordered matrices held at a time (16 MB)."""


def lags(places: Int, period: int = 0) -> Int:
    """Return the lags of pairs i < j of places (n,), round a circle of `period` places or along a line."""
    first, second = np.triu_indices(len(places), 1)
    apart = np.abs(places[first] - places[second])
    return np.asarray(np.minimum(apart, period - apart) if period else apart)


def levels(lag: Int) -> Float:
    """Return a column (m, q) for each lag that occurs, 1 where a pair has it."""
    return np.asarray(lag[:, None] == np.unique(lag), dtype=np.float64)


def n_orders(n: int, *, cyclic: bool) -> int:
    """Return the number of distinct orders of n words: up to direction, and up to the start of a circle."""
    if n < 3:
        return 1
    return math.factorial(n - 1 if cyclic else n) // 2


@cache
def distinct_orders(n: int, *, cyclic: bool) -> Int:
    """Return which word stands on each place, in every distinct order, (`n_orders`, n); first 0, 1, 2, ..."""
    if cyclic:
        rest = np.array(list(permutations(range(1, n))), dtype=np.int8).reshape(-1, n - 1)
        kept = rest[rest[:, 0] <= rest[:, -1]]
        orders = np.hstack([np.zeros((len(kept), 1), dtype=np.int8), kept])
    else:
        orders = np.array(list(permutations(range(n))), dtype=np.int8)
        orders = orders[orders[:, 0] <= orders[:, -1]]
    orders.setflags(write=False)
    return orders


def reordered(matrix: Float, orders: Int) -> Iterator[Float]:
    """Yield the entries i < j (b, m) of a matrix whose features stand in each of the orders, in batches."""
    n = len(matrix)
    left, right = np.triu_indices(n, 1)
    step = max(1, BATCH_ENTRIES // max(1, len(left)))
    for start in range(0, len(orders), step):
        part = orders[start : start + step].astype(np.int64)
        yield matrix[part[:, left], part[:, right]]
