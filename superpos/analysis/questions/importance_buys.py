"""Whether unequal importance balances forces that equal importance leaves."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question

EQUAL, LEAST = "force_residual", "force_residual_least"


def ratio(rows: pd.DataFrame) -> pd.Series:
    """Return what the best importance leaves over what equal importance leaves."""
    return rows["value"]


def both(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are residuals at equal or at the best importance."""
    return rows["measure"].isin([EQUAL, LEAST])


def quotients(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for both residuals of a matrix under a kernel in a dimension: their quotient.

    There is none where forces balance at equal importance already, to rounding.
    """
    own = [name for name in rows.columns if name not in ("measure", "value")]
    equal = rows[rows["measure"] == EQUAL].drop(columns="measure")
    least = rows[rows["measure"] == LEAST].drop(columns="measure")
    found = equal.merge(least, on=own, suffixes=("", "_least"))
    found = found[found["value"] > 1e-9]
    return found.assign(value=found["value_least"] / found["value"]).drop(columns="value_least")


KIND = Question(
    name="importance_buys",
    version=1,
    rank=18,
    meaning="Does unequal importance balance forces that equal importance leaves, more than for a control?",
    view="geometry_results",
    columns=("measure", "value"),
    value=ratio,
    quantity="net force at the best importance over that at equal importance",
    unit="1 = importance buys nothing, 0 = equilibrium",
    lower="is balanced by importance more than",
    higher="is balanced by importance less than",
    rows=both,
    prepare=quotients,
)
