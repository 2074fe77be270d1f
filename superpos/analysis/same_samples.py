"""Numbers that hold a matrix of probes against the labels that the probes were trained on.

    D = B' C V + noise,   V what each feature adds, C the covariance of the labels, B a diagonal

Differences of means D mix directions by the labels' covariance, and so do other probes as long as their noise
outweighs. With C of the samples themselves the matrix follows the labels by chance; with C of the text it
follows them whatever V is. `docs/validation.md` has how often either is taken for geometry.
"""

from __future__ import annotations

import pandas as pd


def none_known(rows: pd.DataFrame) -> pd.Series:
    """Return which rows can carry a claim that directions follow their labels, (rows,): none."""
    return pd.Series(False, index=rows.index)
