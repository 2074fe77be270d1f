"""The rule `bias_t`: its formula in plain Python, what leaves it alone, and how often it holds the mean."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from superpos.errors import ArgumentError, ShapeError
from superpos.intervals import bias_t, bias_t_above


def numbers(seed, b=12):
    rng = np.random.default_rng(seed)
    estimate = float(rng.normal())
    return estimate, estimate + rng.normal(0.3 * rng.normal(), 0.5, b)


@given(st.integers(0, 10_000), st.integers(2, 40))
def test_it_is_the_formula_and_holds_the_estimate(seed, b):
    estimate, drawn = numbers(seed, b)
    low, high, spread = bias_t(estimate, drawn)
    s = statistics.stdev(drawn.tolist())
    bias = statistics.fmean(drawn.tolist()) - estimate
    reach = stats.t(b - 1).ppf(0.975) * s
    assert float(spread) == pytest.approx(s)
    assert float(low) == pytest.approx(min(estimate, estimate - bias) - reach)
    assert float(high) == pytest.approx(max(estimate, estimate - bias) + reach)
    assert low <= estimate <= high


@given(st.integers(0, 10_000), st.floats(-5, 5).filter(lambda a: abs(a) > 1e-3), st.floats(-9, 9))
def test_units_signs_and_order_move_it_along(seed, scale, shift):
    estimate, drawn = numbers(seed)
    low, high, _ = bias_t(estimate, drawn)
    ends = sorted((scale * float(low) + shift, scale * float(high) + shift))
    other = bias_t(scale * estimate + shift, (scale * drawn + shift)[::-1])
    assert [float(end) for end in other[:2]] == pytest.approx(ends)


def test_every_number_of_an_array_has_its_own():
    estimates, drawn = zip(*(numbers(seed) for seed in range(4)), strict=True)
    low, high, spread = bias_t(np.array(estimates), np.array(drawn).T, 0.8)
    for place, alone in enumerate(map(lambda a, b: bias_t(a, b, 0.8), estimates, drawn)):
        assert (low[place], high[place], spread[place]) == pytest.approx(tuple(map(float, alone)))
    wide = bias_t(np.array(estimates), np.array(drawn).T, 0.99)
    assert (wide[0] < low).all()
    assert (wide[1] > high).all()


def test_bootstraps_that_agree_leave_the_estimate_and_a_missing_one_leaves_nothing():
    assert tuple(map(float, bias_t(2.0, [2.0, 2.0, 2.0]))) == (2.0, 2.0, 0.0)
    low, high, _ = bias_t([1.0, 2.0], [[1.0, math.nan], [1.5, 2.0], [0.5, 2.0]])
    assert math.isnan(low[1])
    assert math.isnan(high[1])
    assert low[0] < 1.0 < high[0]


def test_what_it_refuses():
    with pytest.raises(ShapeError, match="B of 2 or more"):
        bias_t(1.0, [1.0])
    with pytest.raises(ShapeError, match="is not"):
        bias_t([1.0, 2.0], np.zeros((5, 3)))
    for coverage in (0.0, 1.0, math.nan):
        with pytest.raises(ArgumentError, match="coverage"):
            bias_t(1.0, [1.0, 2.0], coverage)


def test_it_holds_the_mean_of_a_statistic_that_noise_biases():
    """Squares of means of clusters: a bootstrap adds as much bias as the estimate has."""
    rng = np.random.default_rng(5)
    held = {"bias_t": 0, "percentile": 0}
    n, repeats, b = 25, 400, 40
    truth = float(np.mean([np.sum(rng.normal(0.4, 1.0, (n, 6)).mean(axis=0) ** 2) for _ in range(20_000)]))
    for _ in range(repeats):
        clusters = rng.normal(0.4, 1.0, (n, 6))
        estimate = np.sum(clusters.mean(axis=0) ** 2)
        picks = rng.integers(n, size=(b, n))
        drawn = np.sum(clusters[picks].mean(axis=1) ** 2, axis=1)
        low, high, _ = bias_t(estimate, drawn)
        held["bias_t"] += bool(low <= truth <= high)
        first, last = np.percentile(drawn, [2.5, 97.5])
        held["percentile"] += bool(first <= truth <= last)
    assert held["bias_t"] / repeats > 0.93
    assert held["percentile"] < held["bias_t"]


@given(st.integers(0, 10_000), st.floats(-20, 20), st.floats(0.01, 10.0))
def test_above_a_floor_it_is_the_rule_of_logarithms(seed, floor, scale):
    rng = np.random.default_rng(seed)
    estimate, drawn = float(rng.gamma(2.0)) + 0.1, rng.gamma(2.0, size=9) + 0.1
    low, high = bias_t_above(scale * estimate + floor, scale * drawn + floor, floor)
    first, last, _ = bias_t(math.log(estimate), np.log(drawn))
    assert low == pytest.approx(scale * math.exp(first) + floor, rel=1e-6, abs=1e-9)
    assert high == pytest.approx(scale * math.exp(last) + floor, rel=1e-6, abs=1e-9)
    assert floor <= low <= scale * estimate + floor <= high


def test_at_its_floor_or_without_one_a_number_keeps_its_own_scale():
    estimate, drawn = 1.0, [1.2, 0.9, 1.4, 1.1]
    plain = tuple(map(float, bias_t(estimate, drawn)[:2]))
    assert bias_t_above(estimate, drawn, math.nan) == plain
    assert bias_t_above(estimate, drawn, 1.0) == plain
    assert bias_t_above(estimate, drawn, 0.95) == plain  # one bootstrap lies below
    assert bias_t_above(estimate, drawn, 0.5) != plain
