"""Whether probes read the features better than permuted labels or other weights allow."""

from __future__ import annotations

import pandas as pd

from superpos.kinds.questions import Question


def area(rows: pd.DataFrame) -> pd.Series:
    """Return the area under the ROC curve on held-out samples."""
    return rows["roc_auc"]


KIND = Question(
    name="read_by_probes",
    version=1,
    rank=60,
    meaning="Do probes read the features better than a control allows?",
    view="probe_results",
    columns=("roc_auc",),
    value=area,
    quantity="mean ROC AUC on held-out samples",
    unit="area",
    lower="is read worse than",
    higher="is read better than",
)
