"""Effect sizes of the report: medians with bootstrap intervals, features against their controls in pairs.

    r.m.s. of a distance = distance / sqrt(n (n - 1))

which for matrices of equal diagonal is the root mean square over the entries i != j, and may be compared
between feature sets of different n. A pair is a best match of the features and the median over replicates of
the best matches of a control at the same model, data set, layer, similarity, kernel and sigma.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis import bootstrap_interval
from superpos.arrays import Float

PAIR_AXES = ["model", "revision", "dataset", "hookpoint", "layer", "similarity", "kernel", "sigma"]
MIN_VALUES = 6
"""Fewer values get no interval, for it would be too narrow."""
N_RESAMPLES = 4000


class Effect(NamedTuple):
    """A median with its 95 % percentile bootstrap interval over cells."""

    median: float
    low: float | None
    high: float | None
    n: int

    def text(self, sign: bool = False) -> str:
        """Return the median and the interval for people."""
        plus = "+" if sign else ""
        number = f"{self.median:{plus}.3g}"
        if self.low is None or self.high is None:
            return number
        return f"{number} [{self.low:{plus}.3g}, {self.high:{plus}.3g}]"


def median_effect(values: Sequence[float] | Float | pd.Series) -> Effect | None:
    """Return the median of the finite values with its interval, None where there are none."""
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return None
    if finite.size < MIN_VALUES:
        return Effect(float(np.median(finite)), None, None, int(finite.size))
    interval = bootstrap_interval(
        finite, statistic="median", method="percentile", n_resamples=N_RESAMPLES, name="report"
    )
    return Effect(interval.estimate, interval.low, interval.high, int(finite.size))


def rms(frame: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of distances as root mean squares over the entries i != j."""
    n = frame["n_features"].astype("float64")
    return frame[column] / np.sqrt(n * (n - 1.0))


def control_pairs(rows: pd.DataFrame, value: pd.Series) -> pd.DataFrame:
    """Return one row a pair: the axes, the control's kind, and the values `features` and `control`.

    Parameters
    ----------
    rows
        Best matches under one setting.
    value
        What is compared, by the index of `rows`.
    """
    table = rows[[*PAIR_AXES, "target"]].assign(value=value)
    medians = table.groupby([*PAIR_AXES, "target"], sort=True)["value"].median().reset_index()
    features = medians[medians["target"] == "features"].drop(columns="target")
    controls = medians[medians["target"] != "features"].rename(columns={"value": "control"})
    return controls.merge(features.rename(columns={"value": "features"}), on=PAIR_AXES).dropna(
        subset=["control", "features"]
    )


def direction(effect: Effect, below: str, above: str, unclear: str) -> str:
    """Return `below` or `above` for an interval on one side of 0, else `unclear`, also without one."""
    if effect.low is None or effect.high is None:
        return f"{unclear}, too few values for an interval"
    return below if effect.high < 0.0 else (above if effect.low > 0.0 else unclear)


def percent(share: float) -> str:
    """Return a share for people, never rounding some to none or not all to all."""
    if 0.0 < share < 0.005:
        return "under 1 %"
    if 0.995 < share < 1.0:
        return "over 99 %"
    return f"{100 * share:.0f} %"
