"""Whether the directions of a cyclic list close into a circle: what the circle says beyond the line."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question


def beyond_the_line(rows: pd.DataFrame) -> pd.Series:
    """Return the partial correlation with nearness round the circle."""
    return rows["partial"]


def round_the_circle(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are of the circle of a cyclic list."""
    return (rows["predictor"] == "list_circle") & (rows["list_order"] == "cyclic")


KIND = Question(
    name="closes",
    version=1,
    rank=77,
    meaning="Do the directions of a cyclic list close into a circle, beyond a line with two ends?",
    view="explained_results",
    columns=(
        "predictor",
        "list_order",
        "partial",
        "p_unique",
        "p_unique_smallest",
        "n_permutations_unique",
        "reason",
    ),
    value=beyond_the_line,
    quantity="partial Spearman of similarity with nearness round the circle, the line taken off",
    unit="correlation",
    lower="closes into a circle less than",
    higher="closes into a circle more than",
    rows=round_the_circle,
    p_value="p_unique",
    p_smallest="p_unique_smallest",
    n_permutations="n_permutations_unique",
)
