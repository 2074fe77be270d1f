"""Tests of single measures against draws: those of max-T with one column, whatever is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.analysis.measure_tests import measure_tests
from superpos.analysis.permutation import max_t


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 40), st.booleans())
def test_p_is_that_of_one_column(seed, n_measures, n_draws, tied):
    rng = np.random.default_rng(seed)
    own, draws = rng.normal(size=n_measures), rng.normal(size=(n_measures, n_draws))
    if tied:
        own, draws = np.round(own), np.round(draws)
    found = measure_tests(own, draws)
    for index in range(n_measures):
        test = max_t([own[index]], draws[index][:, None], alternative="two-sided")
        assert found.p_value[index] == pytest.approx(test.global_p_value)
        assert found.estimate[index] == pytest.approx(own[index] - np.median(draws[index]))
    assert found.n_replicates.tolist() == [n_draws] * n_measures
    assert found.p_smallest.tolist() == [1.0 / (n_draws + 1)] * n_measures


def test_what_a_draw_lacks_is_left_out_and_what_the_features_lack_is_no_test():
    nan = np.nan
    own = np.array([3.0, nan, 1.0, 0.0])
    draws = np.array([[1.0, nan, 1.5, 0.5], [0.0, 1.0, 2.0, 3.0], [nan] * 4, [0.0, 1e-17, 0.0, 0.0]])
    found = measure_tests(own, draws)
    assert found.n_replicates.tolist() == [3, 4, 0, 4]
    assert np.isnan(found.p_value).tolist() == [False, True, True, False]
    assert found.p_value[0] == 0.25
    assert found.p_value[3] == 1.0  # rounding alone is no spread
    assert found.estimate[0] == 2.0


def test_units_and_the_order_of_draws_change_no_p():
    rng = np.random.default_rng(0)
    own, draws = rng.normal(size=5), rng.normal(size=(5, 30))
    first = measure_tests(own, draws)
    other = measure_tests(7.0 - 3.0 * own, 7.0 - 3.0 * draws[:, rng.permutation(30)])
    assert np.array_equal(first.p_value, other.p_value)
    np.testing.assert_allclose(other.estimate, -3.0 * first.estimate)


def test_under_the_null_a_twentieth_is_below_a_twentieth():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4000, 40))
    found = measure_tests(rows[:, 0], rows[:, 1:])
    assert 0.04 < np.mean(found.p_value <= 0.05) < 0.06
