"""Whether a matrix of words depends on their distance in the list alone, as word statistics would have it."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question


def share(rows: pd.DataFrame) -> pd.Series:
    """Return the share that any function of the distance explains."""
    return rows["r2"]


def of_lags(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are of distances in the list as levels."""
    return rows["predictor"] == "list_lag"


KIND = Question(
    name="word_statistics",
    version=1,
    rank=78,
    meaning="Does the matrix of a list's words depend on their distance in the list alone?",
    view="explained_results",
    columns=("predictor", "r2", "p_value", "p_smallest", "n_permutations", "reason"),
    value=share,
    quantity="share that any function of the distance in the list explains",
    unit="share of the variance of ranks",
    lower="depends on the distance in its list less than",
    higher="depends on the distance in its list more than",
    rows=of_lags,
    p_value="p_value",
    p_smallest="p_smallest",
    n_permutations="n_permutations",
)
