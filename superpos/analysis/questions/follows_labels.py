"""Whether geometry follows the correlations of the labels, more than that of a control."""

from __future__ import annotations

import pandas as pd

from superpos.analysis.same_samples import none_known
from superpos.kinds.questions import Question


def correlation(rows: pd.DataFrame) -> pd.Series:
    """Return the rank correlation of similarities with the labels' phi coefficients."""
    return rows["label_spearman"]


KIND = Question(
    name="follows_labels",
    version=3,
    rank=70,
    meaning="Does geometry follow the correlations of the labels, more than probes of a control do?",
    view="psm_results",
    columns=("label_spearman",),
    value=correlation,
    quantity="Spearman of similarities with phi",
    unit="correlation",
    lower="follows its labels less than",
    higher="follows its labels more than",
    sound=none_known,
    unsound="correlations of a matrix with the labels that its probes were trained on, which mix directions",
)
