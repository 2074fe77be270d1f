"""Whether the directions themselves sit where the energy is low: no fit plays a part."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question


def scaled(rows: pd.DataFrame) -> pd.Series:
    """Return the own energy between the bound of every configuration, 0, and orthogonal directions, 1."""
    return rows["value_scaled"]


def own(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are own energies."""
    return rows["measure"] == "own_energy"


KIND = Question(
    name="own_energy",
    version=1,
    rank=10,
    meaning="Do the directions sit where the energy is low, lower than those of a control?",
    view="geometry_results",
    columns=("measure", "value_scaled"),
    value=scaled,
    quantity="own energy",
    unit="0 = global bound, 1 = orthogonal",
    lower="has less energy than",
    higher="has more energy than",
    rows=own,
)
