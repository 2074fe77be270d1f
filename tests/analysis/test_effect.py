"""Effect sizes against the Mann-Whitney statistic, brute force and SciPy's bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, mannwhitneyu

from superpos.analysis import cliffs_delta, effect_interval, hodges_lehmann
from superpos.errors import ArgumentError, ShapeError

SAMPLE = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=8)


@given(SAMPLE, SAMPLE)
def test_cliffs_delta_is_the_scaled_mann_whitney_statistic(x: list[float], y: list[float]) -> None:
    statistic = (
        mannwhitneyu(x, y, method="asymptotic").statistic if len({*x, *y}) > 1 else len(x) * len(y) / 2
    )
    assert cliffs_delta(x, y) == pytest.approx(2 * statistic / (len(x) * len(y)) - 1, abs=1e-12)
    assert cliffs_delta(y, x) == -cliffs_delta(x, y)


@given(SAMPLE, SAMPLE)
def test_hodges_lehmann_is_the_median_difference(x: list[float], y: list[float]) -> None:
    differences = sorted(a - b for a in x for b in y)
    middle = len(differences) // 2
    expected = (differences[middle] + differences[-middle - 1]) / 2
    assert hodges_lehmann(x, y) == expected


@pytest.mark.parametrize("effect", ["cliffs_delta", "hodges_lehmann"])
def test_intervals_agree_with_scipy(effect: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(20) + 0.7, rng.standard_normal(25)
    measure = cliffs_delta if effect == "cliffs_delta" else hodges_lehmann
    expected = bootstrap(
        (x, y), measure, vectorized=False, method="percentile", n_resamples=3000, rng=np.random.default_rng(1)
    ).confidence_interval
    found = effect_interval(x, y, effect=effect, n_resamples=3000)
    assert found.estimate == measure(x, y)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.06)


def test_samples_that_do_not_overlap() -> None:
    found = effect_interval([5.0, 6.0], [1.0, 2.0, 3.0], n_resamples=99)
    assert (found.low, found.estimate, found.high) == (1.0, 1.0, 1.0)


def test_one_value_against_many_tells_the_spread_of_the_many() -> None:
    controls = np.random.default_rng(2).standard_normal(50)
    found = effect_interval([3.0], controls, effect="hodges_lehmann", n_resamples=999)
    medians = np.median(controls[np.random.default_rng(3).integers(0, 50, (5000, 50))], axis=1)
    expected = 3.0 - np.quantile(medians, [0.975, 0.025])
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.06)


def test_a_repeat_gives_the_same_and_another_name_another_draw() -> None:
    x, y = np.arange(6.0), np.arange(5.0) + 0.5
    whole = effect_interval(x, y, n_resamples=200)
    assert effect_interval(x, y, n_resamples=200) == whole
    assert effect_interval(x, y, n_resamples=200, name="other") != whole


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="x: "):
        cliffs_delta([], [1.0])
    with pytest.raises(ArgumentError, match="effect"):
        effect_interval([1.0], [2.0], effect="cohen")  # type: ignore[arg-type]  # wrong on purpose
