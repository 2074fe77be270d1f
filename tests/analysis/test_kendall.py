"""Kendall's W against Friedman's test, published numbers, tables and enumeration."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, rankdata, spearmanr

from superpos.analysis import kendall_test, kendall_w
from superpos.errors import ArgumentError, ShapeError

APPLICANTS = [[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]]
"""Six applicants ranked by three executives (Siegel 1956, Nonparametric Statistics, chapter 9): W = .16."""


def test_the_published_example() -> None:
    assert kendall_w(APPLICANTS) == pytest.approx(0.16, abs=0.005)
    assert kendall_w(APPLICANTS) == pytest.approx(12 * 25.5 / (9 * 210))


@pytest.mark.parametrize("seed", range(6))
def test_w_with_ties_agrees_with_friedman(seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 4, (5, 6)).astype(float)
    statistic = friedmanchisquare(*scores.T).statistic
    assert kendall_w(scores) == pytest.approx(statistic / (5 * 5), rel=1e-12)


def test_agreement_and_its_relation_to_spearman() -> None:
    assert kendall_w(np.tile([3.0, 1.0, 2.0], (4, 1))) == pytest.approx(1.0)
    assert kendall_w([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]) == 0.0
    assert kendall_w(np.ones((3, 4))) is None
    scores = np.random.default_rng(1).standard_normal((4, 7))
    pairs = [spearmanr(scores[i], scores[j]).statistic for i in range(4) for j in range(i)]
    assert kendall_w(scores) == pytest.approx((1 + 3 * np.mean(pairs)) / 4)


@pytest.mark.parametrize(
    ("friedman", "rankings", "tabled"),
    [
        # Exact distribution of Friedman's statistic for 3 items and 3 rankings (Friedman 1937).
        (6.000, [[1, 2, 3], [1, 2, 3], [1, 2, 3]], 0.028),
        (4.667, [[1, 2, 3], [1, 2, 3], [1, 3, 2]], 0.194),
        (2.667, [[1, 2, 3], [1, 3, 2], [2, 1, 3]], 0.361),
        (2.000, [[1, 2, 3], [1, 2, 3], [2, 3, 1]], 0.528),
    ],
)
def test_exact_p_values_agree_with_the_table(
    friedman: float, rankings: list[list[int]], tabled: float
) -> None:
    result = kendall_test(rankings)
    assert result.w is not None
    assert result.w * 3 * 2 == pytest.approx(friedman, abs=0.0005)
    assert result.p_value == pytest.approx(tabled, abs=0.0005)
    assert (result.n_permutations, result.exact) == (36, True)


def test_exact_p_value_with_ties_agrees_with_full_enumeration() -> None:
    scores = np.array([[1.0, 1.0, 2.0], [0.0, 3.0, 3.0], [1.0, 2.0, 3.0]])
    ranks = np.array([rankdata(row) for row in scores])
    observed = np.sum((ranks.sum(axis=0) - 6.0) ** 2)
    orders = list(permutations(range(3)))
    reached = [
        np.sum((sum(ranks[j][list(order)] for j, order in enumerate(chosen)) - 6.0) ** 2) >= observed - 1e-9
        for chosen in product(orders, repeat=3)
    ]
    assert kendall_test(scores).p_value == pytest.approx(np.mean(reached), abs=1e-12)


def test_sampled_p_value() -> None:
    rng = np.random.default_rng(0)
    agreeing = kendall_test(np.arange(6.0) + 0.1 * rng.standard_normal((8, 6)), n_permutations=199)
    assert (agreeing.p_value, agreeing.exact, agreeing.n_permutations) == (pytest.approx(1 / 200), False, 199)
    scores = rng.standard_normal((10, 5))
    asymptotic = friedmanchisquare(*scores.T).pvalue
    assert kendall_test(scores).p_value == pytest.approx(asymptotic, abs=0.05)
    assert kendall_test(scores) == kendall_test(scores)
    assert kendall_test(np.ones((3, 4))).p_value is None


def test_bad_input_is_refused() -> None:
    for scores in ([[1.0, 2.0]], [[1.0], [2.0]]):
        with pytest.raises(ShapeError, match="scores"):
            kendall_w(scores)
    with pytest.raises(ArgumentError, match="n_permutations"):
        kendall_test(APPLICANTS, n_permutations=0)
