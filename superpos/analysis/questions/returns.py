"""Whether perturbed features return to the minimum beside their joint optimum: what a local minimum means."""

from __future__ import annotations

import pandas as pd

from superpos.analysis.basins import known, returned, share, shares
from superpos.kinds.questions import Question
from superpos.specs.axes import SPHERE_SIGMA


def perturbed(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are ends at sigma 0 or at a perturbation of the joint optimum."""
    return rows["sigma"] < SPHERE_SIGMA


def returns(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each joint fit and perturbation the share of its ends that are the minimum at sigma 0."""
    return shares(rows, returned)


KIND = Question(
    name="returns",
    version=1,
    rank=27,
    meaning="Do perturbed features return to the minimum beside their joint optimum, more than those of a "
    "control do?",
    view="fit_results",
    columns=(
        "n_features", "distance_return", "energy_final", "verdict", "target_key", "joint_key", "config_key",
    ),
    value=share,
    quantity="share of certified ends that are the minimum at sigma 0",
    unit="share",
    lower="returns less often than",
    higher="returns more often than",
    rows=perturbed,
    prepare=returns,
    sound=known,
    unsound="joint fits without a certified minimum at sigma 0 and above",
)  # fmt: skip
