"""Whether re-optimisation keeps the distance to the target low."""

from __future__ import annotations

import pandas as pd

from superpos.analysis.ends import is_minimum, rms
from superpos.kinds.questions import Question


def distance(rows: pd.DataFrame) -> pd.Series:
    """Return how far ends lie from their targets."""
    return rms(rows, "distance_final")


KIND = Question(
    name="keeps_low",
    version=1,
    rank=20,
    meaning="Does re-optimisation keep the distance to the target low?",
    view="fit_results",
    columns=("n_features", "distance_final", "verdict"),
    value=distance,
    quantity="distance of the end to the target",
    unit="rms per entry",
    lower="ends closer to its target than",
    higher="ends farther from its target than",
    sound=is_minimum,
    unsound="ends that are no certified minima",
)
