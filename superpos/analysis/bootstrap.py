"""Bootstrap intervals of a mean or a median.

    percentile:  quantiles alpha/2 and 1 - alpha/2 of the resampled statistics
    BCa:         quantiles Phi(z0 + (z0 + z) / (1 - a (z0 + z))) for z = Phi^-1(alpha/2), Phi^-1(1 - alpha/2)
                 z0 = Phi^-1(share of resampled statistics below the estimate, ties by half)
                 a  = sum_i u_i^3 / (6 (sum_i u_i^2)^(3/2)),  u_i = mean of the leave-one-out values - i-th

Source: B. Efron, Better bootstrap confidence intervals, JASA 82 (1987).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from superpos.analysis.ranks import as_values
from superpos.arrays import Float, Int, as_number
from superpos.errors import ArgumentError, ShapeError
from superpos.seeding import generator
from superpos.specs.axes import check_choice, check_count

Statistic = Literal["mean", "median"]
IntervalMethod = Literal["percentile", "bca"]
STATISTICS: tuple[str, ...] = get_args(Statistic)
INTERVAL_METHODS: tuple[str, ...] = get_args(IntervalMethod)
BATCH_ENTRIES = 2_000_000
"""Resampled entries held at a time (16 MB)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bootstrap interval."""

    estimate: float
    low: float
    high: float
    level: float
    """Nominal coverage, 0.95 say."""
    n_resamples: int


def bootstrap_interval(
    x: ArrayLike,
    *,
    statistic: Statistic = "mean",
    method: IntervalMethod = "bca",
    level: float = 0.95,
    n_resamples: int = 9999,
    name: str = "bootstrap",
) -> Interval:
    """Return a bootstrap interval of the mean or median of a sample.

    Intervals of fewer than about 10 values are too narrow whatever the method. The jackknife, and with it the
    acceleration of BCa, is inconsistent for a median: prefer `percentile` there.

    Parameters
    ----------
    x : array_like, (m,)
        Sample of independent values, at least 2.
    statistic : {"mean", "median"}
        What is estimated.
    method : {"bca", "percentile"}
        Kind of interval.
    level : float
        Nominal coverage, within (0, 1).
    n_resamples : int
        Number of resamples.
    name : str
        Name of the draw.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        If x is no finite vector of at least 2 values, a name is unknown or a number out of range.
    """
    values = as_values("x", x)
    if values.size < 2:
        raise ShapeError("x", "has one value, of which no interval can be made")
    check_choice("statistic", statistic, STATISTICS)
    check_choice("method", method, INTERVAL_METHODS)
    coverage, count = check_level(level), check_count("n_resamples", n_resamples, 1)
    measure = _mean if statistic == "mean" else _median
    estimate = float(measure(values[None, :])[0])
    distribution = np.concatenate(
        [measure(values[rows]) for rows in resamples(values.size, count, generator_for(name))]
    )
    if method == "percentile":
        low, high = percentile_interval(distribution, coverage)
    else:
        left_out = np.stack([np.delete(values, index) for index in range(values.size)])
        low, high = bca_interval(distribution, estimate, measure(left_out), coverage)
    return Interval(estimate, low, high, coverage, count)


def percentile_interval(distribution: Float, level: float) -> tuple[float, float]:
    """Return the quantiles (1 - level) / 2 and (1 + level) / 2 of resampled statistics (R,)."""
    low, high = np.quantile(distribution, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    return float(low), float(high)


def bca_interval(distribution: Float, estimate: float, jackknife: Float, level: float) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval.

    Parameters
    ----------
    distribution : ndarray, (R,)
        Resampled statistics.
    estimate : float
        Statistic of the sample.
    jackknife : ndarray, (m,)
        Statistic of the sample without its i-th value; constant values give no acceleration.
    level : float
        Nominal coverage.
    """
    normal = NormalDist()
    count = distribution.size
    below = (int(np.sum(distribution < estimate)) + int(np.sum(distribution <= estimate))) / (2 * count)
    # An estimate outside of all resamples would need an infinite z0: half a resample stands in.
    z0 = normal.inv_cdf(min(max(below, 0.5 / count), 1.0 - 0.5 / count))
    u = np.mean(jackknife) - jackknife
    scale = float(np.sum(u**2)) ** 1.5
    acceleration = float(np.sum(u**3)) / (6.0 * scale) if scale > 0.0 else 0.0
    quantiles = []
    for share in ((1.0 - level) / 2.0, (1.0 + level) / 2.0):
        z = z0 + normal.inv_cdf(share)
        quantiles.append(normal.cdf(z0 + z / (1.0 - acceleration * z)))
    low, high = np.quantile(distribution, quantiles)
    return float(low), float(high)


def resamples(size: int, n_resamples: int, rng: np.random.Generator) -> Iterator[Int]:
    """Yield batches of rows of `size` indices drawn with replacement, (batch, size), `n_resamples` in all."""
    batch = max(1, BATCH_ENTRIES // size)
    for start in range(0, n_resamples, batch):
        yield rng.integers(0, size, size=(min(batch, n_resamples - start), size))


def generator_for(name: str) -> np.random.Generator:
    """Return the generator of the analysis of this name."""
    return generator("analysis", name=name, replicate=0)


def check_level(level: float) -> float:
    """Return a nominal coverage as a float within (0, 1), or raise `ArgumentError`."""
    coverage = as_number("level", level, minimum=0.0, exclusive=True)
    if coverage >= 1.0:
        raise ArgumentError("level", f"{coverage:g} must be below 1")
    return coverage


def _mean(rows: Float) -> Float:
    return np.asarray(np.mean(rows, axis=1), dtype=np.float64)


def _median(rows: Float) -> Float:
    return np.asarray(np.median(rows, axis=1), dtype=np.float64)
