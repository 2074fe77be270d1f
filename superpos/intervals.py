"""Intervals from bootstraps of whole groups, corrected for their bias: the rule `bias_t`.

    u, u_1 ... u_B      the number of all samples, and of B bootstraps, on a scale on which the spread hardly
                        depends on the place
    b                   mean(u_1 ... u_B) - u, their bias
    s                   their standard deviation; t the quantile of Student's distribution, B - 1 degrees
    low, high           min(u, u - b) - t s,  max(u, u - b) + t s

Of a number that never falls below a floor, as an energy never below its bound, the scale is the logarithm of
what it lies above it: far above the spread grows with the number, near it the interval stops.

A bootstrap has fewer distinct samples, so that what is estimated from it is noisier than the estimate itself,
and noise has a side. Percentiles lie to that side, often all of them. This interval always holds the
estimate, and reaches on to where the bias points. Coverage: docs/decisions/0014 and 0050.

Source: B. Efron, R. J. Tibshirani, *An Introduction to the Bootstrap* (1993), chapters 10 and 12; A. C.
Davison, D. V. Hinkley, *Bootstrap Methods and their Application* (1997), section 3.8, of clusters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float
from superpos.errors import ArgumentError, ShapeError

FEWEST = 2
"""Bootstraps that have a standard deviation."""


def bias_t(estimate: ArrayLike, drawn: ArrayLike, coverage: float = 0.95) -> tuple[Float, Float, Float]:
    """Return lower ends, upper ends and standard deviations, each of the shape of `estimate`.

    Parameters
    ----------
    estimate : array_like, (...)
        Of all samples.
    drawn : array_like, (B, ...)
        Of the bootstraps; where one is NaN the result is.
    coverage
        Nominal coverage, in (0, 1).

    Raises
    ------
    ShapeError
        If shapes do not fit, or there are fewer than two bootstraps.
    ArgumentError
        For a coverage outside (0, 1).
    """
    from scipy.stats import t as student  # here: SciPy is heavy, and whoever imports the analysis may not ask

    place, places = np.asarray(estimate, dtype=np.float64), np.asarray(drawn, dtype=np.float64)
    if places.shape[1:] != place.shape or len(places) < FEWEST:
        raise ShapeError("drawn", f"shape {places.shape} is not (B, *{place.shape}) with B of 2 or more")
    if not 0.0 < coverage < 1.0:
        raise ArgumentError("coverage", f"{coverage:g} must be above 0 and below 1")
    spread = np.std(places, axis=0, ddof=1)
    reach = float(student.ppf(0.5 + 0.5 * coverage, len(places) - 1)) * spread
    unbiased = 2.0 * place - np.mean(places, axis=0)
    return np.minimum(place, unbiased) - reach, np.maximum(place, unbiased) + reach, spread


def bias_t_above(
    estimate: float, drawn: ArrayLike, floor: float, coverage: float = 0.95
) -> tuple[float, float]:
    """Return the ends of the interval of one number that never falls below a floor.

    Parameters
    ----------
    estimate, drawn, coverage
        As of `bias_t`; `drawn` is (B,).
    floor
        What the number never falls below; NaN where there is no such bound. Where it, or a bootstrap, is not
        above it (a regular simplex, to rounding), the scale is that of the number itself.

    Raises
    ------
    ShapeError, ArgumentError
        As `bias_t`.
    """
    places = np.asarray(drawn, dtype=np.float64)
    excess, excesses = estimate - floor, places - floor
    if excess > 0.0 and np.all(excesses > 0.0):
        low, high, _ = bias_t(np.log(excess), np.log(excesses), coverage)
        ends = float(np.exp(low)) + floor, float(np.exp(high)) + floor
    else:
        low, high, _ = bias_t(estimate, places, coverage)
        ends = float(low), float(high)
    return min(ends[0], estimate), max(ends[1], estimate)  # but for NaN, which stays where it is first
