"""Whether starts anywhere on the spheres find less energy than the minimum beside the joint optimum."""

from __future__ import annotations

import pandas as pd

from superpos.analysis.basins import deeper, known, share, shares
from superpos.kinds.questions import Question
from superpos.specs.axes import SPHERE_SIGMA


def anywhere(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are ends at sigma 0 or from a start that knows nothing of the joint optimum."""
    return rows["sigma"].isin([0.0, SPHERE_SIGMA])


def lower(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each joint fit the share of its random starts that end deeper; no perturbation, no sigma."""
    return shares(rows, deeper).assign(sigma=0.0)


KIND = Question(
    name="deepest",
    version=1,
    rank=28,
    meaning="Do random starts find less energy than the minimum beside the joint optimum, more often than "
    "for a control?",
    view="fit_results",
    columns=("energy_final", "verdict", "target_key", "joint_key", "config_key"),
    value=share,
    quantity="share of random starts that end below the minimum beside the joint optimum",
    unit="share",
    lower="lies deeper among its minima than",
    higher="lies higher among its minima than",
    rows=anywhere,
    prepare=lower,
    sound=known,
    unsound="joint fits without a certified minimum at sigma 0 and from a random start",
)
