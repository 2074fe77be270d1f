"""Directions without an iteration: difference of class means, linear discriminant analysis.

With class means m+ and m-, class shares pi+- (1/2 each if balanced, else those of the training samples) and
class covariances S+-:

    mean difference   w = m+ - m-
    LDA               w = Sigma^-1 (m+ - m-),  Sigma = (1 - delta) S + delta (tr S / d) I,  S = sum pi_c S_c
    intercept         b = -w . (m+ + m-) / 2  (+ log(pi+ / pi-) for LDA)

delta is the shrinkage of Ledoit and Wolf (2004) for the pooled deviations from the class means; without it S
could not be inverted for n < d. Samples that count several times (a bootstrap) count so in means, shares and
covariances. Scatter matrices of the larger class come from that of all samples, which features share.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, cho_factor, cho_solve

from superpos.arrays import Bool, Float, Int


def class_shares(labels: Bool, counts: Int | None = None) -> tuple[Float, Float]:
    """Return the weights of the samples in the means of positives and of negatives, (n, k) each.

    Parameters
    ----------
    labels
        (n, k); both classes must be among the samples that count.
    counts
        How often each sample counts, (n, k); None for once.
    """
    positive = labels * (1 if counts is None else counts)
    negative = ~labels * (1 if counts is None else counts)
    return positive / positive.sum(axis=0), negative / negative.sum(axis=0)


def scatter_matrix(Z: Float, counts: Int | None = None) -> NDArray[Any]:
    """Return the lower triangle of sum_i c_i z_i z_i^T, (r, r), for samples (n, r) that count c_i times."""
    if counts is not None:
        used = np.flatnonzero(counts)
        Z = Z[used] * np.sqrt(counts[used])[:, None]
    return np.asarray(blas.dsyrk(1.0, np.ascontiguousarray(Z).T, lower=1))


def lda(
    Z: Float,
    positive: Bool,
    d: int,
    *,
    balanced: bool,
    shrinkage: float | None = None,
    counts: Int | None = None,
    scatter: NDArray[Any] | None = None,
) -> Float:
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
    counts
        How often each sample counts, (n,); None for once.
    scatter
        `scatter_matrix(Z, counts)`, where it is known already.
    """
    times = np.ones(positive.size, dtype=np.int64) if counts is None else counts
    n, n_positive = int(times.sum()), int(times[positive].sum())
    share = 0.5 if balanced else n_positive / n
    in_positive, in_negative = (part[:, 0] for part in class_shares(positive[:, None], times[:, None]))
    mean_positive, mean_negative = in_positive @ Z, in_negative @ Z
    few = positive if n_positive <= n // 2 else ~positive
    whole = scatter_matrix(Z, counts) if scatter is None else scatter
    minority = scatter_matrix(Z, np.where(few, times, 0))
    factors = {True: share / n_positive, False: (1.0 - share) / (n - n_positive)}
    small, large = factors[few is positive], factors[few is not positive]
    covariance: Any = large * whole + (small - large) * minority
    for mean, weight in ((mean_positive, share), (mean_negative, 1.0 - share)):
        covariance = blas.dsyr(-weight, mean, a=covariance, lower=1, overwrite_a=1)
    trace = float(np.trace(covariance))
    if shrinkage is None:
        deviations = np.where(
            positive,
            factors[True] * _squared_distances(Z, mean_positive),
            factors[False] * _squared_distances(Z, mean_negative),
        )
        shrinkage = _ledoit_wolf(covariance, float(times @ deviations**2), n, d)
    if trace <= np.finfo(np.float64).tiny:  # constant activations
        return np.append(np.zeros(Z.shape[1]), np.log(share / (1.0 - share)))
    covariance *= 1.0 - shrinkage
    covariance[np.diag_indices_from(covariance)] += shrinkage * trace / d
    coef = cho_solve(cho_factor(covariance, lower=True, overwrite_a=True), mean_positive - mean_negative)
    middle = 0.5 * float(coef @ (mean_positive + mean_negative))
    return np.append(coef, float(np.log(share / (1.0 - share))) - middle)


def _ledoit_wolf(covariance: NDArray[Any], fourth: float, n: int, d: int) -> float:
    """Return the shrinkage for S (lower triangle, (r, r)) of n samples in d dimensions.

    With mu = tr S / d it is min(beta^2, delta^2) / delta^2 for delta^2 = |S - mu I|^2 (in d dimensions) and
    beta^2 = sum_i |x_i x_i^T - S|^2 / n^2 (Ledoit and Wolf 2004, section 3.2); `fourth` is
    sum_i |x_i|^4 / n^2.
    """
    lower = np.tril(covariance, -1)
    diagonal = np.diagonal(covariance)
    square = 2.0 * float(np.vdot(lower, lower)) + float(diagonal @ diagonal)
    distance = square - float(diagonal.sum()) ** 2 / d
    noise = fourth - square / n
    return 0.0 if distance <= 0.0 else min(max(noise, 0.0) / distance, 1.0)


def _squared_distances(Z: Float, mean: Float) -> Float:
    squares = np.einsum("ij,ij->i", Z, Z) - 2.0 * (Z @ mean) + mean @ mean
    return np.asarray(np.maximum(squares, 0.0))
