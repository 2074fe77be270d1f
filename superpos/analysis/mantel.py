"""Mantel test: whether two similarity matrices of the same features are more alike than by chance.

    statistic: Spearman correlation of the entries i < j
    null:      features of the second matrix relabelled, T_ij -> T_pi(i)pi(j)
    p:         one-sided, greater (the question is whether geometry is shared, not whether it is reversed):
               exact over all n! relabellings where n! <= MAX_EXACT, the identity among them;
               otherwise (1 + #{permuted >= observed}) / (1 + R) over R random ones

Relabelling moves ranks along with entries, so the matrices are ranked once. With n features no p is below
1/n! (n = 4: 0.042, n = 5: 0.0083), and entries of highly symmetric matrices tie under many relabellings.

Source: N. Mantel, The detection of disease clustering and a generalized regression approach, Cancer Research
27 (1967); the added 1: B. Phipson, G. K. Smyth, Permutation p-values should never be zero (2010).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike

from superpos.analysis.ranks import centred_ranks, correlation_of_ranks
from superpos.arrays import Float, Int, as_psm
from superpos.errors import ArgumentError, ShapeError
from superpos.seeding import generator

MAX_EXACT = 5040
"""Largest number of relabellings that are all tried (7!)."""
BATCH_ENTRIES = 4_000_000
"""Entries of permuted matrices held at a time (32 MB)."""


@dataclass(frozen=True, slots=True)
class MantelResult:
    """Rank correlation of two matrices and its permutation p-value."""

    spearman: float | None
    """None where a matrix has constant off-diagonal entries."""
    p_value: float | None
    """One-sided; None with the correlation."""
    n_permutations: int
    """Relabellings compared with: n! if exact, else R; 0 without a correlation."""
    exact: bool


def mantel_test(
    a: ArrayLike, b: ArrayLike, *, n_permutations: int = 9999, name: str = "mantel"
) -> MantelResult:
    """Return the Mantel test of two matrices of the same n features; the diagonal is not read.

    Parameters
    ----------
    a, b : array_like, (n, n)
        Symmetric matrices. Two features have one pair and no correlation.
    n_permutations : int
        Random relabellings R where n! is above `MAX_EXACT`.
    name : str
        Name of the draw.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If they are no symmetric matrices of one size.
    ArgumentError
        If `n_permutations` is below 1.
    """
    return mantel_tests([a, b], [(0, 1)], n_permutations=n_permutations, name=name)[0]


def mantel_tests(
    matrices: list[ArrayLike],
    pairs: list[tuple[int, int]],
    *,
    n_permutations: int = 9999,
    name: str = "mantel",
) -> list[MantelResult]:
    """Return the Mantel test of each pair (i, j) of matrices, all on the same relabellings of matrix j.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError, ArgumentError
        As `mantel_test`.
    """
    if n_permutations < 1:
        raise ArgumentError("n_permutations", f"{n_permutations} must be at least 1")
    psms = [as_psm(f"matrices[{index}]", matrix) for index, matrix in enumerate(matrices)]
    if not psms:
        return []
    n = psms[0].shape[0]
    for index, psm in enumerate(psms):
        if psm.shape[0] != n:
            raise ShapeError(f"matrices[{index}]", f"shape {psm.shape} is not that of the first, ({n}, {n})")
    upper = np.triu_indices(n, 1)
    ranks = [centred_ranks(psm[upper]) for psm in psms]
    observed = [float(ranks[i] @ ranks[j]) for i, j in pairs]
    counts = np.zeros(len(pairs), dtype=np.int64)
    total = 0
    second = sorted({j for _, j in pairs})
    squares = {j: _square(ranks[j], n) for j in second}
    members = {j: [index for index, pair in enumerate(pairs) if pair[1] == j] for j in second}
    for orders in relabellings(n, n_permutations, name):
        total += orders.shape[0]
        left, right = orders[:, upper[0]], orders[:, upper[1]]
        for j in second:
            permuted = squares[j][left, right]
            first = np.stack([ranks[pairs[index][0]] for index in members[j]], axis=1)
            reached = permuted @ first >= np.array([observed[index] for index in members[j]])
            counts[members[j]] += np.sum(reached, axis=0)
    exact = math.factorial(n) <= MAX_EXACT
    results = []
    for index, (i, j) in enumerate(pairs):
        correlation = correlation_of_ranks(ranks[i], ranks[j])
        if correlation is None:
            results.append(MantelResult(None, None, 0, exact))
            continue
        count = int(counts[index])
        p_value = count / total if exact else (1 + count) / (1 + total)
        results.append(MantelResult(correlation, p_value, total, exact))
    return results


def relabellings(n: int, n_permutations: int, name: str) -> Iterator[Int]:
    """Yield batches of permutations of range(n), (m, n): all of them where n! is small, else random ones."""
    if math.factorial(n) <= MAX_EXACT:
        yield np.array(list(permutations(range(n))), dtype=np.int64)
        return
    rng = generator("analysis", name=name, replicate=0)
    batch = max(1, BATCH_ENTRIES // (n * (n - 1) // 2))
    for start in range(0, n_permutations, batch):
        rows = min(batch, n_permutations - start)
        yield rng.permuted(np.tile(np.arange(n), (rows, 1)), axis=1)


def _square(ranks: Float, n: int) -> Float:
    matrix = np.zeros((n, n))
    matrix[np.triu_indices(n, 1)] = ranks
    return matrix + matrix.T
