"""Numbers of ends of fits: in one unit, and which of them can carry a claim.

    rms = distance / sqrt(n (n - 1))

which for matrices of equal diagonal is the root mean square over the entries i != j, and may be compared
between feature sets of different n.
"""

from __future__ import annotations

import pandas as pd

MINIMA = ("strict", "degenerate")
"""Verdicts of a certificate that call a point a local minimum."""


def rms(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of distances as root mean squares over the entries i != j."""
    n = rows["n_features"].astype("float64")
    return rows[column] / (n * (n - 1.0)) ** 0.5


def is_minimum(rows: pd.DataFrame) -> pd.Series:
    """Return which ends of re-optimisations are certified local minima, (rows,) of booleans."""
    return rows["verdict"].isin(MINIMA)
