"""Whether a random target is perturbed away, more than that of the features."""

from __future__ import annotations

import pandas as pd

from superpos.analysis.ends import is_minimum, rms
from superpos.kinds.questions import Question


def growth(rows: pd.DataFrame) -> pd.Series:
    """Return by how much the distance to the target grows from the joint optimum to the end."""
    return rms(rows, "distance_final") - rms(rows, "distance_joint")


KIND = Question(
    name="taken_away",
    version=1,
    rank=25,
    meaning="Is a random target perturbed away, more than that of the features?",
    view="fit_results",
    columns=("n_features", "distance_final", "distance_joint", "verdict"),
    value=growth,
    quantity="growth of the distance to the target from the joint optimum to the end",
    unit="rms per entry",
    lower="is taken away from its target less than",
    higher="is taken away from its target more than",
    sound=is_minimum,
    unsound="ends that are no certified minima",
)
