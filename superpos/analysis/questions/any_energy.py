"""Whether any repulsion that falls with the distance balances the directions."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question


def residual(rows: pd.DataFrame) -> pd.Series:
    """Return the net force over the sum of forces under the force that leaves the least."""
    return rows["value"]


def residuals(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are residuals of free forces."""
    return rows["measure"] == "force_residual_free"


KIND = Question(
    name="any_energy",
    version=1,
    rank=17,
    meaning="Is there any repulsion that falls with the distance under which the directions balance, more "
    "than those of a control?",
    view="geometry_results",
    columns=("measure", "value"),
    value=residual,
    quantity="net force over the sum of forces under the best repulsion there is",
    unit="0 = equilibrium, 1 = nothing cancels",
    lower="is nearer to an equilibrium of some repulsion than",
    higher="is farther from an equilibrium of every repulsion than",
    rows=residuals,
)
