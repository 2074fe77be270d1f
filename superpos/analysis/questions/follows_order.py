"""Whether the directions of words lie in the order of their list."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question


def correlation(rows: pd.DataFrame) -> pd.Series:
    """Return the rank correlation of similarities with nearness in the list."""
    return rows["correlation"]


def in_order(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are of the order that the list has: along a line, or round a circle."""
    return ((rows["predictor"] == "list_line") & (rows["list_order"] == "linear")) | (
        (rows["predictor"] == "list_circle") & (rows["list_order"] == "cyclic")
    )


KIND = Question(
    name="follows_order",
    version=1,
    rank=76,
    meaning="Do the directions of words follow the order of their list?",
    view="explained_results",
    columns=("predictor", "list_order", "correlation", "p_value", "p_smallest", "n_permutations", "reason"),
    value=correlation,
    quantity="Spearman of similarity with nearness in the list",
    unit="correlation",
    lower="follows the order of its list less than",
    higher="follows the order of its list more than",
    rows=in_order,
    p_value="p_value",
    p_smallest="p_smallest",
    n_permutations="n_permutations",
)
