"""Whether forces balance at the nearest configuration: an equilibrium test without an optimiser."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question


def residual(rows: pd.DataFrame) -> pd.Series:
    """Return the net force over the sum of forces, importances equal."""
    return rows["value"]


def residuals(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are residuals of forces."""
    return rows["measure"] == "force_residual"


KIND = Question(
    name="balance",
    version=1,
    rank=15,
    meaning="Do the forces of the energy balance at the directions, more than at those of a control?",
    view="geometry_results",
    columns=("measure", "value"),
    value=residual,
    quantity="net force over the sum of forces",
    unit="0 = equilibrium, 1 = nothing cancels",
    lower="is nearer to equilibrium than",
    higher="is farther from equilibrium than",
    rows=residuals,
)
