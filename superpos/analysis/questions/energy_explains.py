"""Whether the least energy at the features' frequencies explains the geometry, beyond what else might."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question


def unique(rows: pd.DataFrame) -> pd.Series:
    """Return what the energy's optimum adds to the other predictors."""
    return rows["r2_unique"]


def of_energy(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are of the energy's optimum."""
    return rows["predictor"] == "energy"


def beyond_others(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are of an optimum that says anything beyond what stands beside it.

    Of labels that are exclusive and equally frequent it says what their correlation says: its share is 0 but
    for rounding, in features and draws alike.
    """
    return rows["partial"].notna()


KIND = Question(
    name="energy_explains",
    version=2,
    rank=74,
    meaning="Does the energy's optimum explain the geometry, beyond the correlation of the labels?",
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
    quantity="share that the energy's optimum alone explains",
    unit="share of the variance of ranks",
    lower="is explained by the energy less than",
    higher="is explained by the energy more than",
    rows=of_energy,
    p_value="p_unique",
    p_smallest="p_unique_smallest",
    n_permutations="n_permutations_unique",
    signed="partial",
    sound=beyond_others,
    unsound="shares of an optimum that says nothing beyond the labels' correlation",
)
