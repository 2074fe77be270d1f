"""Whether the directions are closer to a regular simplex than those of a control."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question


def score(rows: pd.DataFrame) -> pd.Series:
    """Return the simplex score."""
    return rows["value"]


def scores(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are simplex scores."""
    return rows["measure"] == "simplex_score"


KIND = Question(
    name="simplex",
    version=1,
    rank=45,
    meaning="Do the directions form a regular simplex, more than a control does?",
    view="geometry_results",
    columns=("measure", "value"),
    value=score,
    quantity="simplex score",
    unit="1 = regular simplex, 0 = orthogonal",
    lower="is less of a simplex than",
    higher="is more of a simplex than",
    rows=scores,
)
