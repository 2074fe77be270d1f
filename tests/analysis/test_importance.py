"""Correlations of the importance against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test, spearmanr

from superpos.analysis import importance_correlation
from superpos.errors import ShapeError


@pytest.mark.parametrize("seed", range(3))
def test_exact_correlation_agrees_with_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    importance, frequency = rng.random(6), rng.integers(0, 5, 6).astype(float)
    result = importance_correlation(importance, frequency)
    expected = permutation_test(
        (frequency,),
        lambda paired: abs(spearmanr(importance, paired).statistic),
        permutation_type="pairings",
        alternative="greater",
        n_resamples=np.inf,
    )
    assert (result.n_permutations, result.exact) == (720, True)
    assert result.spearman == pytest.approx(spearmanr(importance, frequency).statistic, abs=1e-12)
    assert result.p_value == pytest.approx(expected.pvalue, abs=1e-12)


def test_sampled_correlation() -> None:
    rng = np.random.default_rng(9)
    importance = rng.random(20)
    result = importance_correlation(importance, -importance, n_permutations=499)
    assert result.spearman == pytest.approx(-1.0)
    assert result.p_value == pytest.approx(1 / 500)
    other = rng.random(20)
    sampled = importance_correlation(importance, other, n_permutations=20_000)
    assert sampled.p_value == pytest.approx(spearmanr(importance, other).pvalue, abs=0.02)


def test_uniform_importance_correlates_with_nothing() -> None:
    result = importance_correlation(np.full(5, 0.2), np.arange(5.0))
    assert (result.spearman, result.p_value, result.n_permutations) == (None, None, 0)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="importance"):
        importance_correlation([1.0], [1.0])
    with pytest.raises(ShapeError, match="covariate"):
        importance_correlation([0.5, 0.5], [1.0, 2.0, 3.0])
