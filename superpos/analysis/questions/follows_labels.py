"""Whether geometry follows the correlations of the labels, more than that of a control."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question


def correlation(rows: pd.DataFrame) -> pd.Series:
    """Return the rank correlation of similarities with the labels' phi coefficients."""
    return rows["label_spearman"]


def known(rows: pd.DataFrame) -> pd.Series:
    """Return which rows can carry a claim: none, for chance alone is called more far too often.

    Probes and phi share their samples. Where nothing is planted a third of studies say "more" at a level of
    5 % (`docs/validation.md`), and no control has this in the same measure.
    """
    return pd.Series(False, index=rows.index)


KIND = Question(
    name="follows_labels",
    version=2,
    rank=70,
    meaning="Does geometry follow the correlations of the labels, more than probes of a control do?",
    view="psm_results",
    columns=("label_spearman",),
    value=correlation,
    quantity="Spearman of similarities with phi",
    unit="correlation",
    lower="follows its labels less than",
    higher="follows its labels more than",
    sound=known,
    unsound="correlations of a matrix with labels of its own samples, which differ by chance far too often",
)
