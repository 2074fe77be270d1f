"""How far re-optimisation moves the matrix of the joint optimum."""

from __future__ import annotations

import pandas as pd

from superpos.analysis.ends import is_minimum, rms
from superpos.kinds.questions import Question


def distance(rows: pd.DataFrame) -> pd.Series:
    """Return how far ends lie from the joint optimum."""
    return rms(rows, "distance_moved")


KIND = Question(
    name="moved",
    version=1,
    rank=30,
    meaning="How far does re-optimisation move the matrix of the joint optimum?",
    view="fit_results",
    columns=("n_features", "distance_moved", "verdict"),
    value=distance,
    quantity="distance of the end to the joint optimum",
    unit="rms per entry",
    lower="moves less than",
    higher="moves farther than",
    sound=is_minimum,
    unsound="ends that are no certified minima",
)
