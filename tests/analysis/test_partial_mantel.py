"""The partial Mantel test against regressions, all relabellings by hand, and its level where nothing is."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from superpos.analysis.mantel import mantel_test, relabellings
from superpos.analysis.partial_mantel import partial_mantel, square
from superpos.analysis.ranks import centred_ranks


def entries(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.standard_normal(n * (n - 1) // 2)


def residual(y: np.ndarray, z: np.ndarray) -> np.ndarray:
    design = np.column_stack([np.ones(len(y)), z])
    return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]


def student(y: np.ndarray, x: np.ndarray, z: np.ndarray) -> float:
    """t of x in the regression of y on a constant, z and x, by normal equations."""
    design = np.column_stack([np.ones(len(y)), z, x])
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    spread = np.sum((y - design @ beta) ** 2) / (len(y) - design.shape[1])
    return float(beta[-1] / math.sqrt(spread * inverse[-1, -1]))


@pytest.mark.parametrize("alternative", ["greater", "two-sided"])
def test_it_is_double_semi_partialing_over_all_relabellings(alternative: str) -> None:
    n = 5
    rng = np.random.default_rng(3)
    y, x, z = entries(rng, n), entries(rng, n), entries(rng, n)[:, None]
    y = y + 0.6 * x + 0.4 * z[:, 0]
    found = partial_mantel(y, x, z, relabellings(n, 1, "test"), exact=True, alternative=alternative)  # type: ignore[arg-type]
    e = square(residual(x, z), n)
    pairs = np.triu_indices(n, 1)
    t = [student(y, e[np.ix_(order, order)][pairs], z) for order in map(list, permutations(range(n)))]
    reached = np.abs(t) >= abs(t[0]) - 1e-9 if alternative == "two-sided" else np.array(t) >= t[0] - 1e-9
    assert found.p_value == pytest.approx(reached.mean())
    assert found.p_smallest == pytest.approx(1 / math.factorial(n))
    assert found.n_permutations == math.factorial(n)
    expected = stats.pearsonr(residual(y, z), residual(x, z)).statistic
    assert found.correlation == pytest.approx(expected)


def test_without_others_it_is_the_mantel_test() -> None:
    n = 6
    rng = np.random.default_rng(8)
    a, b = square(entries(rng, n), n), square(entries(rng, n), n)
    pairs = np.triu_indices(n, 1)
    y, x = centred_ranks(a[pairs]), centred_ranks(b[pairs])
    found = partial_mantel(
        y, x, np.zeros((len(y), 0)), relabellings(n, 1, "m"), exact=True, alternative="greater"
    )
    known = mantel_test(a, b)
    assert found.p_value == known.p_value
    assert found.correlation == pytest.approx(known.spearman)


def test_relabelling_all_matrices_changes_nothing() -> None:
    n = 6
    rng = np.random.default_rng(4)
    order = rng.permutation(n)
    pairs = np.triu_indices(n, 1)
    three = [entries(rng, n) for _ in range(3)]
    moved = [square(one, n)[np.ix_(order, order)][pairs] for one in three]
    results = [
        partial_mantel(y, x, z[:, None], relabellings(n, 1, "m"), exact=True) for y, x, z in (three, moved)
    ]
    assert results[0].p_value == results[1].p_value
    assert results[0].correlation == pytest.approx(results[1].correlation)


def test_a_predictor_within_the_others_has_no_test() -> None:
    rng = np.random.default_rng(0)
    y, x = entries(rng, 5), entries(rng, 5)
    copy = np.column_stack([2.0 * x + 1.0])
    assert partial_mantel(y, x, copy, relabellings(5, 1, "m"), exact=True).correlation is None
    assert partial_mantel(y, np.ones(10), copy, relabellings(5, 1, "m"), exact=True).p_value is None
    # Nothing is left of y beyond the others; three pairs leave no degree of freedom for two predictors.
    assert partial_mantel(x, y, copy, relabellings(5, 1, "m"), exact=True).correlation is None
    assert partial_mantel(y[:3], x[:3], y[3:6, None], relabellings(3, 1, "m"), exact=True).correlation is None


def test_its_level_holds_beside_a_collinear_predictor() -> None:
    # x says nothing of y beyond z, with which it correlates: p at most 0.1 in about a tenth of 400 draws.
    n, rejected = 8, 0
    rng = np.random.default_rng(11)
    drawn = [np.stack([rng.permutation(n) for _ in range(99)])]
    for _ in range(400):
        places = rng.standard_normal((3, n))
        z, own, noise = (np.abs(row[:, None] - row)[np.triu_indices(n, 1)] for row in places)
        found = partial_mantel(z + noise, z + 0.7 * own, z[:, None], drawn, exact=False)
        assert found.p_value is not None
        rejected += found.p_value <= 0.1
    assert stats.binomtest(rejected, 400, 0.1).pvalue > 0.001


def test_it_finds_what_is_planted_beyond_the_others() -> None:
    n = 8
    rng = np.random.default_rng(12)
    z, x, noise = entries(rng, n), entries(rng, n), entries(rng, n)
    found = partial_mantel(z - x + 0.2 * noise, x + z, z[:, None], relabellings(n, 999, "p"), exact=False)
    assert found.correlation is not None
    assert found.correlation < -0.9
    assert found.p_value == found.p_smallest == 1 / 1000
