"""Quality of a probe on samples it has not seen.

Predicted positive means score > 0. With TP, FN, FP, TN the counts of predictions, P = TP + FN, N = FP + TN,

    accuracy            (TP + TN) / (P + N)
    balanced_accuracy   (TN / N + TP / P) / 2
    f1                  2 TP / (P + TP + FP)
    mcc                 (TP TN - FP FN) / sqrt(P N (TP + FP) (TN + FN)),  0 where that is 0

and over the distinct scores s_1 > ... > s_t, with TP_i and FP_i counted at s >= s_i (so that tied scores are
one step, whatever their order),

    roc_auc             sum_i (FP_i - FP_i-1)(TP_i + TP_i-1) / (2 P N): the area under straight lines
    average_precision   sum_i (TP_i - TP_i-1) / P  *  TP_i / (TP_i + FP_i): no line is drawn between points

With one class among the held-out samples only the accuracy is defined; the others are None.

Scikit-learn is the oracle (`roc_auc_score`, `average_precision_score`, ...). It takes 40 % of the time of a
set of probes on a few thousand samples, most of it checks of arguments. Sums are taken here over the same
numbers in the same order as there, so that the bits are the same.
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
        Signed distances x . w + b, (m,), finite.
    """
    if positive.size == 0:
        return HeldOut()
    predicted = scores > 0.0
    accuracy = float(np.mean(predicted == positive))
    n_true, n_false = int(np.count_nonzero(positive)), int(np.count_nonzero(~positive))
    if not n_true or not n_false:
        return HeldOut(accuracy)
    hits, claims = int(np.count_nonzero(predicted & positive)), int(np.count_nonzero(predicted))
    rejected = n_false - (claims - hits)
    above, alarms = _steps(positive, scores)
    return HeldOut(
        accuracy,
        balanced_accuracy=float(np.mean([rejected / n_false, hits / n_true])),
        f1=2.0 * hits / (n_true + claims),
        mcc=_mcc(n_true, n_false, claims, hits + rejected),
        roc_auc=_area(above, alarms),
        average_precision=_average_precision(above, alarms),
    )


def _mcc(n_true: int, n_false: int, n_claimed: int, n_correct: int) -> float:
    """Return the correlation of labels and predictions, from integers as long as they are exact."""
    n = n_true + n_false
    n_silent = n - n_claimed
    covariance = float(n_correct * n - n_false * n_silent - n_true * n_claimed)
    predicted = float(n**2 - n_silent**2 - n_claimed**2)
    labelled = float(n**2 - n_false**2 - n_true**2)
    product = predicted * labelled
    return float(covariance / np.sqrt(product)) if product else 0.0


def _steps(positive: Bool, scores: Float) -> tuple[Float, Float]:
    """Return positives and negatives with a score of at least each distinct one, from the highest, (t,)."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)  # of equal scores
    above: Float = np.cumsum(positive[order])[last].astype(np.float64)
    return above, 1.0 + last - above


def _area(above: Float, alarms: Float) -> float:
    """Return the area under the curve of the points (alarms, above) over their last."""
    if above.size > 2:  # points between two of the same step have no part
        corner = np.ones(above.size, dtype=np.bool_)
        corner[1:-1] = (np.diff(alarms, 2) != 0.0) | (np.diff(above, 2) != 0.0)
        above, alarms = above[corner], alarms[corner]
    x, y = np.append(0.0, alarms) / alarms[-1], np.append(0.0, above) / above[-1]
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2.0))


def _average_precision(above: Float, alarms: Float) -> float:
    """Return the mean precision at the positives, ties sharing the precision of all of them."""
    precision, recall = (above / (above + alarms))[::-1], np.append((above / above[-1])[::-1], 0.0)
    return max(0.0, -float(np.sum(np.diff(recall) * precision)))
