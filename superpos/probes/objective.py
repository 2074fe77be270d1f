"""The objective of logistic probes, several features at once.

With signs y_i = +-1, sample weights c_i (n / (2 n_class) if balanced, else 1), margins
m_i = y_i (x_i . w + b) and the intercept b not penalised:

    F(w, b)  = sum_i c_i log(1 + exp(-m_i)) + |w|^2 / (2 C)
    grad F   = X1^T (-c y s) + (w, 0) / C             s_i = 1 / (1 + exp(m_i)),  X1 = (X, 1)
    D^2 F    = X1^T diag(c s (1 - s)) X1 + diag(1, ..., 1, 0) / C

Everything is divided by sum_i c_i, so that a tolerance means the same for every n and every C: this is
scikit-learn's documented objective (C times the loss plus half the squared norm) over C n, and what its
solvers compare with `tol`. A sample that counts m times has weight m c_i, one that is left out weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from superpos.arrays import Bool, Float, Int


@dataclass(frozen=True, slots=True, eq=False)
class LogisticLosses:
    """F over the sum of the weights, of (w, b) for k features that share the matrix `X1`."""

    X1: Float
    """Samples and a column of ones, (n, r + 1)."""
    signs: Float
    """(n, k)."""
    weights: Float
    """Each column sums to 1, (n, k)."""
    penalty: Float
    """1 / (C sum of the weights before they were normalised), (k,)."""

    def select(self, columns: list[int]) -> LogisticLosses:
        """Return the losses of some of the features."""
        return LogisticLosses(
            self.X1, self.signs[:, columns], self.weights[:, columns], self.penalty[columns]
        )

    def margins(self, theta: Float) -> Float:
        """Return y_i (x_i . w + b), (n, k), for parameters (r + 1, k)."""
        margins: Float = self.signs * (self.X1 @ theta)
        return margins

    def value(self, theta: Float, margins: Float) -> Float:
        """Return the objectives at `theta`, whose margins are known, (k,)."""
        loss = np.sum(self.weights * np.logaddexp(0.0, -margins), axis=0)
        value: Float = loss + 0.5 * self.penalty * np.sum(theta[:-1] ** 2, axis=0)
        return value

    def gradient(self, theta: Float, margins: Float) -> Float:
        """Return the gradients, (r + 1, k)."""
        pull = self.weights * self.signs * expit(-margins)
        gradient: Float = -(pull.T @ self.X1).T
        gradient[:-1] += self.penalty * theta[:-1]
        return gradient

    def curvature(self, margins: Float) -> Float:
        """Return the weights of the Hessians, c_i s_i (1 - s_i) over the sum of the weights, (n, k)."""
        wrong = expit(-margins)
        curvature: Float = self.weights * wrong * (1.0 - wrong)
        return curvature


def logistic_losses(
    X1: Float,
    labels: Bool,
    C: float,
    *,
    balanced: bool,
    counts: NDArray[np.int64] | None = None,
) -> LogisticLosses:
    """Return the losses of the columns of `labels`, (n, k).

    Parameters
    ----------
    X1
        Samples and a column of ones, (n, r + 1).
    labels
        (n, k); with `counts` both classes must be among the samples that count.
    C
        Inverse strength of the penalty, for as many samples as count.
    balanced
        Whether both classes weigh alike.
    counts
        How often each sample counts, (n, k); None for once.
    """
    times: Int = np.ones(labels.shape, dtype=np.int64) if counts is None else counts
    n = times.sum(axis=0)
    if balanced:
        positives = np.sum(times * labels, axis=0)
        weights = times * np.where(labels, 0.5 / positives, 0.5 / (n - positives))
    else:
        weights = times / n
    return LogisticLosses(X1, np.where(labels, 1.0, -1.0), weights, 1.0 / (C * n))
