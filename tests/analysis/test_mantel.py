"""Mantel test against enumeration with SciPy's Spearman correlation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import binom, spearmanr

from superpos.analysis import mantel_test, mantel_tests
from superpos.errors import ArgumentError, ShapeError, SymmetryError


def random_matrix(seed: int, n: int, levels: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, levels, (n, n)).astype(float) if levels else rng.standard_normal((n, n))
    matrix = np.triu(values, 1)
    return matrix + matrix.T + np.eye(n)


def enumerate_p(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    n = a.shape[0]
    upper = np.triu_indices(n, 1)
    observed = spearmanr(a[upper], b[upper]).statistic
    reached = 0
    orders = list(permutations(range(n)))
    for order in orders:
        value = spearmanr(a[upper], b[np.ix_(order, order)][upper]).statistic
        reached += value >= observed - 1e-12
    return observed, reached / len(orders)


@pytest.mark.parametrize(("seed", "n", "levels"), [(0, 3, 0), (1, 4, 0), (2, 5, 0), (3, 5, 3), (4, 4, 2)])
def test_small_matrices_agree_with_enumeration(seed: int, n: int, levels: int) -> None:
    a, b = random_matrix(seed, n, levels), random_matrix(seed + 100, n, levels)
    result = mantel_test(a, b)
    correlation, p_value = enumerate_p(a, b)
    assert result.exact
    assert result.spearman == pytest.approx(correlation, abs=1e-12)
    assert result.p_value == pytest.approx(p_value, abs=1e-15)
    assert result.n_permutations == len(list(permutations(range(n))))


def test_equal_matrices_have_the_smallest_p() -> None:
    exact = mantel_test(random_matrix(0, 6), random_matrix(0, 6))
    assert exact.spearman == pytest.approx(1.0)
    assert exact.p_value == pytest.approx(1 / 720)
    sampled = mantel_test(random_matrix(0, 12), random_matrix(0, 12), n_permutations=199)
    assert sampled.p_value == pytest.approx(1 / 200)
    assert (sampled.n_permutations, sampled.exact) == (199, False)


def test_reversed_matrices_have_the_largest_p() -> None:
    a = random_matrix(0, 6)
    assert mantel_test(a, -a).p_value == 1.0


def test_sampled_p_is_near_the_exact_one() -> None:
    # n = 8 has 40,320 relabellings: enumerated here on ranks, sampled there.
    rng = np.random.default_rng(7)
    a = random_matrix(5, 8)
    noise = random_matrix(6, 8)
    b = a + 4.0 * noise
    upper = np.triu_indices(8, 1)
    ranks_a = np.argsort(np.argsort(a[upper])).astype(float)
    ranks_b = np.zeros((8, 8))
    ranks_b[upper] = np.argsort(np.argsort(b[upper]))
    ranks_b = ranks_b + ranks_b.T
    orders = np.array(list(permutations(range(8))))
    products = ranks_b[orders[:, upper[0]], orders[:, upper[1]]] @ ranks_a
    exact = np.mean(products >= ranks_b[upper] @ ranks_a)
    result = mantel_test(a, b, n_permutations=20_000, name=f"check {rng.integers(10)}")
    assert not result.exact
    low, high = binom.interval(0.9999, 20_000, exact)
    assert low <= result.p_value * 20_001 - 1 <= high


def test_p_values_are_uniform_under_the_null() -> None:
    p_values = [mantel_test(random_matrix(s, 5), random_matrix(s + 5000, 5)).p_value for s in range(400)]
    for level in (0.05, 0.2, 0.5):
        low, high = binom.interval(0.999, 400, level)
        assert low - 4 <= sum(p <= level + 1e-12 for p in p_values if p is not None) <= high


def test_p_does_not_depend_on_the_pairs_tested_beside_it() -> None:
    matrices = [random_matrix(seed, 9) for seed in range(4)]
    pairs = [(0, 1), (2, 1), (0, 3)]
    together = mantel_tests(list(matrices), pairs, n_permutations=500)
    alone = [mantel_test(matrices[i], matrices[j], n_permutations=500) for i, j in pairs]
    assert together == alone


def test_batches_do_not_change_the_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = random_matrix(0, 9), random_matrix(1, 9)
    whole = mantel_test(a, b, n_permutations=500)
    monkeypatch.setattr("superpos.analysis.mantel.BATCH_ENTRIES", 36 * 17)
    assert mantel_test(a, b, n_permutations=500) == whole


@pytest.mark.parametrize("n", [2, 5, 9])
def test_constant_entries_have_no_correlation(n: int) -> None:
    result = mantel_test(np.eye(n), random_matrix(0, n))
    assert (result.spearman, result.p_value, result.n_permutations) == (None, None, 0)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"matrices\[1\]"):
        mantel_test(np.eye(3), np.eye(4))
    with pytest.raises(SymmetryError):
        mantel_test(np.triu(np.ones((3, 3))), np.eye(3))
    with pytest.raises(ArgumentError, match="n_permutations"):
        mantel_test(np.eye(9), np.eye(9), n_permutations=0)
    assert mantel_tests([], []) == []
