"""Kendall's W: how far m raters (feature sets) rank the same n items (kernels) alike.

    z_j = centred average ranks of rater j        (2 rank - (n + 1), tied items share their mean rank)
    W   = ||sum_j z_j||^2 / (m sum_j ||z_j||^2)   (= 12 S / (m^2 (n^3 - n) - m sum_j T_j), T_j = sum t^3 - t)

W is 1 where all agree and 1/m on average where rankings are random.

Source: M. G. Kendall, B. Babington Smith, The problem of m rankings (1939); ties: M. G. Kendall, Rank
correlation methods (1948), chapter 6.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import ArrayLike

from superpos.analysis.ranks import centred_ranks
from superpos.arrays import Float, Int, as_matrix
from superpos.seeding import generator
from superpos.specs.axes import check_count

MAX_EXACT = 5040
"""Largest number of combined rankings that are all tried."""
BATCH_ENTRIES = 2_000_000
"""Permuted ranks held at a time (16 MB)."""


@dataclass(frozen=True, slots=True)
class KendallResult:
    """Agreement of rankings and its permutation p-value."""

    w: float | None
    """Within [0, 1]; None where every rater ties all items."""
    p_value: float | None
    """Chance of as much agreement among random rankings with the same ties."""
    n_permutations: int
    exact: bool


def kendall_w(scores: ArrayLike) -> float | None:
    """Return Kendall's W with ties corrected for, None where every rater ties all items.

    Parameters
    ----------
    scores : array_like, (m, n)
        One row a rater, one column an item; at least 2 x 2. Only the order within a row counts.

    Raises
    ------
    ShapeError, NonFiniteError
        If it is not a finite matrix of that size.
    """
    return _w(_rank_rows(scores))


def kendall_test(scores: ArrayLike, *, n_permutations: int = 9999, name: str = "kendall") -> KendallResult:
    """Return W with the p-value of its permutation test: each rater's ranks permuted on their own.

    Exact where (n!)^(m - 1) is at most `MAX_EXACT` (one rater can be held), else over random permutations
    with the added 1; raises as `kendall_w`, and if `n_permutations` is below 1.
    """
    ranks = _rank_rows(scores)
    check_count("n_permutations", n_permutations, 1)
    w = _w(ranks)
    m, n = ranks.shape
    exact = math.factorial(n) ** (m - 1) <= MAX_EXACT
    if w is None:
        return KendallResult(None, None, 0, exact)
    # Ranks are whole numbers, so agreement is compared exactly; the divisor of W is the same for all.
    observed = float(np.sum(np.sum(ranks, axis=0) ** 2))
    reached, total = 0, 0
    for orders in _orders(m, n, n_permutations, name):
        sums = np.sum(np.take_along_axis(ranks[None, :, :], orders, axis=2), axis=1)
        reached += int(np.sum(np.sum(sums**2, axis=1) >= observed))
        total += orders.shape[0]
    p_value = reached / total if exact else (1 + reached) / (1 + total)
    return KendallResult(w, p_value, total, exact)


def _rank_rows(scores: ArrayLike) -> Float:
    matrix = as_matrix("scores", scores, min_rows=2, min_columns=2)
    return np.stack([centred_ranks(row) for row in matrix])


def _w(ranks: Float) -> float | None:
    spread = float(np.sum(ranks**2))
    if spread == 0.0:
        return None
    return float(np.sum(np.sum(ranks, axis=0) ** 2) / (ranks.shape[0] * spread))


def _orders(m: int, n: int, n_permutations: int, name: str) -> Iterator[Int]:
    """Yield batches of m permutations of range(n), (batch, m, n)."""
    if math.factorial(n) ** (m - 1) <= MAX_EXACT:
        every = list(permutations(range(n)))
        yield np.array([(every[0], *rest) for rest in product(every, repeat=m - 1)], dtype=np.int64)
        return
    rng = generator("analysis", name=name, replicate=0)
    batch = max(1, BATCH_ENTRIES // (m * n))
    for start in range(0, n_permutations, batch):
        rows = min(batch, n_permutations - start)
        yield rng.permuted(np.tile(np.arange(n), (rows, m, 1)), axis=2)
