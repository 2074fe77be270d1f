"""Effect sizes between two samples, features against controls say, with bootstrap intervals.

    Cliff's delta:                mean_ij sgn(x_i - y_j), within [-1, 1]
    Hodges-Lehmann difference:    median_ij (x_i - y_j), in the units of the samples

Sources: N. Cliff, Dominance statistics: ordinal analyses to answer ordinal questions, Psychological Bulletin
114 (1993); J. L. Hodges, E. L. Lehmann, Estimates of location based on rank tests (1963).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from superpos.analysis.bootstrap import (
    BATCH_ENTRIES,
    Interval,
    check_level,
    generator_for,
    percentile_interval,
)
from superpos.analysis.ranks import as_values
from superpos.arrays import Float
from superpos.specs.axes import check_choice, check_count

Effect = Literal["cliffs_delta", "hodges_lehmann"]
EFFECTS: tuple[str, ...] = get_args(Effect)


def cliffs_delta(x: ArrayLike, y: ArrayLike) -> float:
    """Return P(x > y) - P(x < y) over all pairs of values of two samples (m,), (k,); in [-1, 1].

    Raises
    ------
    ShapeError, NonFiniteError
        If a sample is not a finite vector of at least one value.
    """
    return float(np.mean(np.sign(_differences(x, y))))


def hodges_lehmann(x: ArrayLike, y: ArrayLike) -> float:
    """Return the median of all differences x_i - y_j of two samples; raises as `cliffs_delta`."""
    return float(np.median(_differences(x, y)))


def effect_interval(
    x: ArrayLike,
    y: ArrayLike,
    *,
    effect: Effect = "cliffs_delta",
    level: float = 0.95,
    n_resamples: int = 9999,
    name: str = "effect",
) -> Interval:
    """Return an effect size with its percentile bootstrap interval, the samples resampled independently.

    A sample of one value is not varied by resampling: then the interval tells the spread of the other alone.
    Where the samples do not overlap, Cliff's delta is 1 in every resample and the interval has width 0.

    Parameters
    ----------
    x, y : array_like, (m,), (k,)
        Samples of independent values.
    effect : {"cliffs_delta", "hodges_lehmann"}
        What is estimated.
    level, n_resamples, name
        As in `superpos.analysis.bootstrap.bootstrap_interval`.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        If a sample is not a finite vector, a name is unknown or a number out of range.
    """
    check_choice("effect", effect, EFFECTS)
    coverage, count = check_level(level), check_count("n_resamples", n_resamples, 1)
    differences = _differences(x, y)
    m, k = differences.shape
    rng = generator_for(name)
    batch = max(1, BATCH_ENTRIES // (m * k))
    parts = []
    for start in range(0, count, batch):
        rows = min(batch, count - start)
        first, second = rng.integers(0, m, size=(rows, m)), rng.integers(0, k, size=(rows, k))
        resampled = differences[first[:, :, None], second[:, None, :]].reshape(rows, m * k)
        if effect == "cliffs_delta":
            parts.append(np.mean(np.sign(resampled), axis=1))
        else:
            parts.append(np.median(resampled, axis=1))
    low, high = percentile_interval(np.concatenate(parts), coverage)
    estimate = np.mean(np.sign(differences)) if effect == "cliffs_delta" else np.median(differences)
    return Interval(float(estimate), low, high, coverage, count)


def _differences(x: ArrayLike, y: ArrayLike) -> Float:
    return np.subtract.outer(as_values("x", x), as_values("y", y))
