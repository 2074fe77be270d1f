"""Whether the correlation of the labels explains the geometry, beyond what else might."""

from __future__ import annotations

import pandas as pd

from superpos.analysis.same_samples import none_known
from superpos.kinds.questions import Question


def unique(rows: pd.DataFrame) -> pd.Series:
    """Return what phi adds to the other predictors."""
    return rows["r2_unique"]


def of_phi(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are of the phi coefficients."""
    return rows["predictor"] == "label_phi"


KIND = Question(
    name="labels_explain",
    version=3,
    rank=72,
    meaning="Does the labels' correlation explain the geometry, beyond energy and order?",
    view="explained_results",
    columns=(
        "predictor",
        "r2_unique",
        "p_unique",
        "p_unique_smallest",
        "n_permutations_unique",
        "partial",
        "reason",
    ),
    value=unique,
    quantity="share that phi alone explains",
    unit="share of the variance of ranks",
    lower="is explained by its labels less than",
    higher="is explained by its labels more than",
    rows=of_phi,
    p_value="p_unique",
    p_smallest="p_unique_smallest",
    n_permutations="n_permutations_unique",
    signed="partial",
    sound=none_known,
    unsound="shares that the labels explain of probes trained on them, which mix directions",
)
