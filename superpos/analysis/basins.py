"""How many ends of perturbed starts are the minimum beside the joint optimum, and how many lie deeper.

    returned    rms(end, end at sigma 0) <= SAME: one matrix, which no rotation changes
    deeper      E(end) < E(end at sigma 0) - SLACK max(1, |E(end)|)
    share       mean over the certified ends of the trials of one joint fit at one sigma

An end of relative gradient g lies about g / lambda off its minimum, lambda the smallest eigenvalue of its
certificate: exact ends (g at most 1e-8) of lambda above 1e-4 are nearer than `SAME`. Their energies are off
by g^2 / lambda. The view `basins` has the same numbers in SQL.

Where features are alike, a minimum has copies with the features in another order. To end at a copy is no
return: the matrix is another one.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from superpos.analysis.ends import is_minimum, rms

SAME = 1e-4
SLACK = 1e-9
JOINT = ("target_key", "joint_key", "optimiser", "lambda_x", "config_key")
"""What ends of one joint fit share."""
SHARE = "share_"
"""Column of the share; missing where a joint fit has no minimum at sigma 0, or no certified end."""


def returned(rows: pd.DataFrame) -> pd.Series:
    """Return which ends are the minimum at sigma 0."""
    return rms(rows, "distance_return") <= SAME


def deeper(rows: pd.DataFrame) -> pd.Series:
    """Return which ends have less energy than the end at sigma 0, `energy_zero`."""
    slack = SLACK * rows["energy_final"].abs().clip(lower=1.0)
    return rows["energy_final"] < rows["energy_zero"] - slack


def shares(rows: pd.DataFrame, which: Callable[[pd.DataFrame], pd.Series]) -> pd.DataFrame:
    """Return one row for each joint fit and sigma above 0: the share of its certified ends that are `which`.

    Joint fits without an end at sigma 0 are left out.
    """
    zero = rows[rows["sigma"] == 0.0]
    at_zero = zero[list(JOINT)].assign(energy_zero=zero["energy_final"], minimum_zero=is_minimum(zero))
    ends = rows[rows["sigma"] > 0.0].merge(at_zero.drop_duplicates(list(JOINT)), on=list(JOINT))
    sound = is_minimum(ends) & ends["minimum_zero"].astype(bool)
    ends = ends.assign(**{SHARE: which(ends).astype("float64").where(sound)})
    own = [*JOINT, "sigma", "sigma_rule"]
    mean = ends.groupby(own, as_index=False)[SHARE].mean()
    first = ends.drop(columns=SHARE).drop_duplicates(own)
    return first.assign(trial=0).merge(mean, on=own, how="left")


def share(rows: pd.DataFrame) -> pd.Series:
    """Return the share of the ends of a joint fit."""
    return rows[SHARE]


def known(rows: pd.DataFrame) -> pd.Series:
    """Return which joint fits have a minimum at sigma 0 and some certified end."""
    return rows[SHARE].notna()
