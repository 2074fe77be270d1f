"""Permutation p-values, max-T and Holm against enumeration, simulation and the closed testing principle."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control

from superpos.analysis import holm, max_t, permutation_p_value
from superpos.errors import ArgumentError, ShapeError

P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6)


def test_p_values_by_hand() -> None:
    null = [1.0, 2.0, 3.0, 3.0]
    assert permutation_p_value(3.0, null) == 3 / 5
    assert permutation_p_value(3.5, null) == 1 / 5
    assert permutation_p_value(1.0, null, "less") == 2 / 5
    assert permutation_p_value(3.5, null, "two-sided") == 2 / 5
    assert permutation_p_value(2.0, null, "two-sided") == 1.0


def test_p_values_are_uniform_over_ranks() -> None:
    # Of R + 1 exchangeable values each is the observed one equally often: p takes 1/(R+1), ..., 1 once each.
    values = np.random.default_rng(0).standard_normal(20)
    p_values = sorted(permutation_p_value(values[i], np.delete(values, i)) for i in range(20))
    np.testing.assert_allclose(p_values, np.arange(1, 21) / 20)


def test_a_family_of_one_is_a_single_test() -> None:
    null = np.random.default_rng(1).standard_normal((99, 1))
    for observed in (-1.0, 0.3, 5.0):
        for alternative in ("greater", "less"):
            result = max_t([observed], null, alternative=alternative)
            single = permutation_p_value(observed, null[:, 0], alternative)
            assert result.p_values[0] == single == result.global_p_value


def test_max_t_by_enumeration() -> None:
    rng = np.random.default_rng(2)
    observed, null = rng.standard_normal(4) + 1.0, rng.standard_normal((49, 4)) * [1.0, 10.0, 0.1, 1.0]
    rows = np.vstack([observed, null])
    z = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    for alternative, sign in (("greater", z), ("less", -z), ("two-sided", abs(z))):
        expected = [(1 + sum(max(row) >= sign[0][k] for row in sign[1:])) / 50 for k in range(4)]
        result = max_t(observed, null, alternative=alternative)
        np.testing.assert_allclose(result.p_values, expected)
        assert result.global_p_value == min(expected)
    plain = max_t(observed, null, standardise=False)
    np.testing.assert_allclose(plain.p_values, [(1 + np.sum(null.max(axis=1) >= t)) / 50 for t in observed])


def test_max_t_keeps_the_family_wise_error() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(600):
        rows = rng.standard_normal((20, 5)) + rng.standard_normal((20, 1))  # correlated tests
        wrong += max_t(rows[0], rows[1:]).global_p_value <= 0.1
    low, high = binom.interval(0.999, 600, 0.1)
    assert low <= wrong <= high


def test_max_t_does_not_let_one_wide_test_decide() -> None:
    rng = np.random.default_rng(4)
    null = rng.standard_normal((199, 2)) * [1.0, 100.0]
    assert max_t([6.0, 0.0], null).p_values[0] == 1 / 200
    assert max_t([6.0, 0.0], null, standardise=False).p_values[0] > 0.3


def test_constant_tests_add_nothing() -> None:
    rng = np.random.default_rng(5)
    null = rng.standard_normal((99, 1))
    padded = max_t([4.0, 1.0], np.hstack([null, np.ones((99, 1))]))
    assert padded.p_values[0] == max_t([4.0], null).p_values[0]
    assert padded.p_values[1] == 1.0


def test_holm_of_the_textbook_example() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


@given(P_VALUES)
def test_holm_is_the_closure_of_bonferroni(p_values: list[float]) -> None:
    # Closed testing: a hypothesis is rejected where every intersection that holds it is.
    m = len(p_values)
    expected = [
        max(
            min(1.0, size * min(p_values[i] for i in subset))
            for size in range(1, m + 1)
            for subset in combinations(range(m), size)
            if k in subset
        )
        for k in range(m)
    ]
    adjusted = holm(p_values)
    np.testing.assert_allclose(adjusted, expected, rtol=1e-12, atol=0.0)
    # A family-wise error is no smaller than a false discovery rate.
    assert np.all(adjusted >= false_discovery_control(p_values) - 1e-12)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ArgumentError, match="p_values"):
        holm([0.5, 1.5])
    with pytest.raises(ShapeError, match="null"):
        permutation_p_value(1.0, [])
    with pytest.raises(ArgumentError, match="alternative"):
        permutation_p_value(1.0, [0.0], "bigger")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ShapeError, match="observed"):
        max_t([1.0], np.ones((5, 2)))
    with pytest.raises(ArgumentError, match="standardise"):
        max_t([1.0], np.ones((5, 1)), standardise=False, alternative="two-sided")
