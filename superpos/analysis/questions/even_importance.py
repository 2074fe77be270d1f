"""Whether learned importances are nearly equal for all features."""

from __future__ import annotations

import pandas as pd

from superpos.analysis.ends import MINIMA
from superpos.kinds.questions import Question


def entropy(rows: pd.DataFrame) -> pd.Series:
    """Return the entropy of the importance over log n."""
    return rows["importance_entropy"]


def learned(rows: pd.DataFrame) -> pd.Series:
    """Return which joint fits learn the importance."""
    return rows["importance_mode"] == "learned"


def at_minimum(rows: pd.DataFrame) -> pd.Series:
    """Return which joint fits ended at a certified local minimum."""
    return rows["verdict_joint"].isin(MINIMA)


KIND = Question(
    name="even_importance",
    version=1,
    rank=50,
    meaning="Is the learned importance nearly equal for all features?",
    view="joint_results",
    columns=("importance_entropy", "verdict_joint"),
    value=entropy,
    quantity="entropy of the importance over log n",
    unit="1 = all equal",
    lower="has less even importance than",
    higher="has more even importance than",
    rows=learned,
    sound=at_minimum,
    unsound="joint fits that are no certified minima",
)
