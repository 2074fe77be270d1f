"""Quality of a probe on samples it has not seen.

Predicted positive means score > 0. Threshold metrics come from predictions, ROC AUC and average precision
from scores. With one class among the held-out samples only the accuracy is defined; the others are None.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from superpos.arrays import Bool, Float


class HeldOut(NamedTuple):
    """Quality on the held-out samples; None where a metric is undefined."""

    accuracy: float | None = None
    balanced_accuracy: float | None = None
    f1: float | None = None
    mcc: float | None = None
    roc_auc: float | None = None
    average_precision: float | None = None


def held_out_metrics(positive: Bool, scores: Float) -> HeldOut:
    """Return the metrics of one probe.

    Parameters
    ----------
    positive
        True labels of the held-out samples, (m,).
    scores
        Signed distances x . w + b, (m,).
    """
    from sklearn.metrics import (
        average_precision_score,
        balanced_accuracy_score,
        f1_score,
        matthews_corrcoef,
        roc_auc_score,
    )

    if positive.size == 0:
        return HeldOut()
    predicted = scores > 0.0
    accuracy = float(np.mean(predicted == positive))
    if np.all(positive) or not np.any(positive):
        return HeldOut(accuracy)
    return HeldOut(
        accuracy,
        balanced_accuracy=float(balanced_accuracy_score(positive, predicted)),
        f1=float(f1_score(positive, predicted)),
        mcc=float(matthews_corrcoef(positive, predicted)),
        roc_auc=float(roc_auc_score(positive, scores)),
        average_precision=float(average_precision_score(positive, scores)),
    )
