"""Directions without an iteration: difference of class means, linear discriminant analysis.

With class means m+ and m-, class shares pi+- (1/2 each if balanced, else those of the training samples) and
class covariances S+-:

    mean difference   w = m+ - m-
    LDA               w = Sigma^-1 (m+ - m-),  Sigma = (1 - delta) S + delta (tr S / d) I,  S = sum pi_c S_c
    intercept         b = -w . (m+ + m-) / 2  (+ log(pi+ / pi-) for LDA)

delta is the shrinkage of Ledoit and Wolf (2004) for the pooled deviations from the class means; without it S
could not be inverted for n < d.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from superpos.arrays import Bool, Float


def mean_difference(Z: Float, positive: Bool) -> Float:
    """Return (coefficients, intercept), (d + 1,), for activations (n, d) and labels (n,)."""
    mean_positive, mean_negative = Z[positive].mean(axis=0), Z[~positive].mean(axis=0)
    coef = mean_positive - mean_negative
    return np.append(coef, -0.5 * float(coef @ (mean_positive + mean_negative)))


def lda(Z: Float, positive: Bool, d: int, *, balanced: bool, shrinkage: float | None = None) -> Float:
    """Return (coefficients, intercept), (r + 1,), of linear discriminant analysis.

    Parameters
    ----------
    Z
        Activations, or their coordinates in an orthonormal basis of their span, (n, r).
    positive
        Labels, (n,).
    d
        Width of the activations, r or more: the shrinkage target has trace tr S over d.
    balanced
        Whether both classes weigh alike.
    shrinkage
        delta in [0, 1]; None for the estimate of Ledoit and Wolf.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    n = positive.size
    share = 0.5 if balanced else float(np.mean(positive))
    mean_positive, mean_negative = Z[positive].mean(axis=0), Z[~positive].mean(axis=0)
    deviations = np.where(positive[:, None], Z - mean_positive, Z - mean_negative)
    n_positive = int(np.count_nonzero(positive))
    deviations *= np.sqrt(np.where(positive, share * n / n_positive, (1 - share) * n / (n - n_positive)))[
        :, None
    ]
    if shrinkage is None:
        # Zero columns stand for the directions outside the span, in which nothing deviates.
        padded = np.hstack([deviations, np.zeros((n, d - Z.shape[1]))])
        shrinkage = float(ledoit_wolf_shrinkage(padded, assume_centered=True))
    covariance = (1.0 - shrinkage) * (deviations.T @ deviations) / n
    target = shrinkage * float(np.sum(deviations**2)) / (n * d)
    covariance[np.diag_indices_from(covariance)] += target
    coef = cho_solve(cho_factor(covariance, lower=True), mean_positive - mean_negative)
    middle = 0.5 * float(coef @ (mean_positive + mean_negative))
    return np.append(coef, float(np.log(share / (1.0 - share))) - middle)
