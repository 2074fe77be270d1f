"""Whether some energy balances the directions: chosen on half of the layers, judged on the others."""

from __future__ import annotations

import pandas as pd

from superpos.analysis.kernel_choice import choices, chosen_on_other_layers
from superpos.kinds.questions import Question


def residual(rows: pd.DataFrame) -> pd.Series:
    """Return the net force over the sum of forces under the chosen kernel."""
    return rows["value"]


def residuals(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are residuals of forces, importances equal."""
    return rows["measure"] == "force_residual"


def chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the residuals under the kernels that other layers choose."""
    return chosen_on_other_layers(rows, "value")


KIND = Question(
    name="which_energy",
    version=1,
    rank=16,
    meaning="Under the best of the study's energies, chosen on half of the layers: do the forces balance on "
    "the others, more than for a control?",
    view="geometry_results",
    columns=("measure", "value"),
    value=residual,
    quantity="net force over the sum of forces, kernel chosen on other layers",
    unit="0 = equilibrium, 1 = nothing cancels",
    lower="is nearer to an equilibrium of its best energy than",
    higher="is farther from an equilibrium of its best energy than",
    rows=residuals,
    prepare=chosen,
    note=choices,
)
