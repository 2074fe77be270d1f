"""Bootstrap intervals against SciPy's on the same resamples, exact enumeration and coverage."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from superpos.analysis import bootstrap_interval
from superpos.analysis.bootstrap import bca_interval, percentile_interval
from superpos.errors import ArgumentError, ShapeError


class Given:
    """Resamples for SciPy to continue from."""

    def __init__(self, distribution: np.ndarray) -> None:
        self.bootstrap_distribution = distribution


@pytest.mark.parametrize("statistic", [np.mean, np.median])
@pytest.mark.parametrize("seed", range(4))
def test_intervals_agree_with_scipy_on_the_same_resamples(statistic: object, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sample = rng.exponential(size=15)
    distribution = statistic(sample[rng.integers(0, 15, (999, 15))], axis=1)  # type: ignore[operator]
    for method, level in (("BCa", 0.95), ("BCa", 0.8), ("percentile", 0.9)):
        expected = bootstrap(
            (sample,),
            statistic,
            n_resamples=0,
            confidence_level=level,
            method=method,
            bootstrap_result=Given(distribution),
        ).confidence_interval
        if method == "percentile":
            found = percentile_interval(distribution, level)
        else:
            left_out = np.array([statistic(np.delete(sample, i)) for i in range(15)])  # type: ignore[operator]
            found = bca_interval(distribution, float(statistic(sample)), left_out, level)  # type: ignore[operator]
        assert found == pytest.approx((expected.low, expected.high), rel=1e-9)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_percentile_interval_agrees_with_all_resamples(statistic: str) -> None:
    sample = np.array([0.3, 1.0, 1.1, 2.5, 7.0])
    measure = np.mean if statistic == "mean" else np.median
    every = measure(np.array(list(product(sample, repeat=5))), axis=1)
    found = bootstrap_interval(
        sample, statistic=statistic, method="percentile", level=0.8, n_resamples=40_000
    )
    assert found.estimate == measure(sample)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(every, [0.1, 0.9])), abs=0.06)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_intervals_cover(method: str) -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        found = bootstrap_interval(rng.standard_normal(30), method=method, level=0.9, n_resamples=499)
        covered += found.low <= 0.0 <= found.high
    assert 0.82 <= covered / 300 <= 0.95


def test_width_is_that_of_the_normal_approximation() -> None:
    sample = norm.ppf((np.arange(400) + 0.5) / 400)
    found = bootstrap_interval(sample)
    error = sample.std() / 20.0
    assert (found.low, found.high) == pytest.approx((-1.96 * error, 1.96 * error), abs=0.15 * error)


def test_constant_samples_have_no_width() -> None:
    found = bootstrap_interval([2.0, 2.0, 2.0])
    assert (found.low, found.estimate, found.high) == (2.0, 2.0, 2.0)


def test_an_estimate_outside_of_its_resamples_stays_finite() -> None:
    low, high = bca_interval(np.array([1.0, 2.0, 3.0]), 10.0, np.array([1.0, 2.0]), 0.9)
    assert 1.0 <= low <= high <= 3.0


def test_names_are_draws() -> None:
    sample = np.random.default_rng(1).standard_normal(12)
    assert bootstrap_interval(sample, name="a") == bootstrap_interval(sample, name="a")
    assert bootstrap_interval(sample, name="a") != bootstrap_interval(sample, name="b")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"x": [1.0]}, "x"),
        ({"statistic": "mode"}, "statistic"),
        ({"method": "t"}, "method"),
        ({"level": 0.0}, "level"),
        ({"level": 1.0}, "level"),
        ({"n_resamples": 0}, "n_resamples"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, object], named: str) -> None:
    with pytest.raises((ArgumentError, ShapeError)) as caught:
        bootstrap_interval(**({"x": [1.0, 2.0]} | arguments))  # type: ignore[arg-type]  # wrong on purpose
    assert caught.value.argument == named
