"""The objective of logistic probes, several features at once, and its minimum by scikit-learn.

With signs y_i = +-1, sample weights c_i (n / (2 n_class) if balanced, else 1), margins
m_i = y_i (z_i . w + b), z_i the rows of Z, and the intercept b not penalised:

    F(w, b)  = sum_i c_i log(1 + exp(-m_i)) + |w|^2 / (2 C)
    grad F   = Z1^T (-c y s) + (w, 0) / C             s_i = 1 / (1 + exp(m_i)),  Z1 = (Z, 1)
    D^2 F    = Z1^T diag(c s (1 - s)) Z1 + diag(1, ..., 1, 0) / C

Everything is divided by sum_i c_i, so that a tolerance means the same for every n and every C: this is
scikit-learn's documented objective (C times the loss plus half the squared norm) over C n, and what its
solvers compare with `tol`. A sample that counts m times has weight m c_i, one that is left out weight 0.

Scikit-learn is the reference of the Newton method (`superpos.probes.newton`). Since its release 1.8 `penalty`
is deprecated and `n_jobs` without effect, so neither is given; its default tolerance of 1e-4 leaves a cosine
of 0.9993 to the exact solution, so the tolerance always is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from superpos.arrays import Bool, Float, Int
from superpos.probes.thin import products
from superpos.threads import one_thread


@dataclass(frozen=True, slots=True, eq=False)
class LogisticLosses:
    """F over the sum of the weights, of (w, b) for k features that share the design matrix."""

    Z1: Float
    """Design matrix, (n, r + 1), as in `superpos.probes.design`."""
    signs: Float
    """(n, k)."""
    weights: Float
    """Each column sums to 1, (n, k)."""
    penalty: Float
    """1 / (C sum of the weights before they were normalised), (k,)."""

    def select(self, columns: list[int]) -> LogisticLosses:
        """Return the losses of some of the features."""
        return LogisticLosses(
            self.Z1, self.signs[:, columns], self.weights[:, columns], self.penalty[columns]
        )

    def margins(self, theta: Float) -> Float:
        """Return y_i (z_i . w + b), (n, k), for parameters (r + 1, k)."""
        margins: Float = self.signs * products(self.Z1, theta)
        return margins

    def value(self, theta: Float, margins: Float) -> Float:
        """Return the objectives at `theta`, whose margins are known, (k,)."""
        loss = np.sum(self.weights * np.logaddexp(0.0, -margins), axis=0)
        value: Float = loss + 0.5 * self.penalty * np.sum(theta[:-1] ** 2, axis=0)
        return value

    def along(self, theta: Float, margins: Float, step: Float, image: Float) -> Callable[[Float], Float]:
        """Return the objectives, (k,), as functions of the lengths of steps (r + 1, k) with images (n, k)."""
        change = self.signs * image
        return lambda length: self.value(theta + length * step, margins + length * change)

    def gradient(self, theta: Float, margins: Float) -> Float:
        """Return the gradients, (r + 1, k)."""
        pull = self.weights * self.signs * expit(-margins)
        gradient: Float = -(pull.T @ self.Z1).T
        gradient[:-1] += self.penalty * theta[:-1]
        return gradient

    def curvature(self, margins: Float) -> Float:
        """Return the weights of the Hessians, c_i s_i (1 - s_i) over the sum of the weights, (n, k)."""
        wrong = expit(-margins)
        curvature: Float = self.weights * wrong * (1.0 - wrong)
        return curvature


def infinity_norms(gradient: Float, mean: Float) -> Float:
    """Return the largest entries, (k,), of gradients (r + 1, k), for samples before `mean` was subtracted."""
    # For samples x + c the gradient of w is that for x plus c times that of b.
    slopes = gradient[:-1] + mean[:, None] * gradient[-1]
    return np.asarray(np.maximum(np.max(np.abs(slopes), axis=0), np.abs(gradient[-1])))


def logistic_losses(
    Z1: Float,
    labels: Bool,
    C: float,
    *,
    balanced: bool,
    counts: NDArray[np.int64] | None = None,
) -> LogisticLosses:
    """Return the losses of the columns of `labels`, (n, k).

    Parameters
    ----------
    Z1
        Design matrix, (n, r + 1).
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
    return LogisticLosses(Z1, np.where(labels, 1.0, -1.0), weights, 1.0 / (C * n))


def minimise_sklearn(loss: LogisticLosses, *, tol: float, max_iter: int) -> tuple[Float, Int]:
    """Return (parameters (r + 1, k), iterations (k,)) of `LogisticRegression(newton-cholesky)`.

    Parameters
    ----------
    loss
        Objectives; their weights are given as sample weights of mean 1, so that C stands for 1 / (penalty n).
    tol, max_iter
        As in `superpos.specs.probes.ProbeSettings`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    n, k = loss.signs.shape
    Z = np.ascontiguousarray(loss.Z1[:, :-1])
    theta, nit = np.empty((loss.Z1.shape[1], k)), np.empty(k, dtype=np.int64)
    for column in range(k):
        model = LogisticRegression(
            C=1.0 / (float(loss.penalty[column]) * n), solver="newton-cholesky", tol=tol, max_iter=max_iter
        )
        with warnings.catch_warnings(), one_thread():  # scikit-learn is loaded by now
            # The caller measures the gradient itself and reports `max_iter`.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(Z, loss.signs[:, column] > 0.0, sample_weight=n * loss.weights[:, column])
        theta[:-1, column], theta[-1, column] = model.coef_[0], model.intercept_[0]
        nit[column] = model.n_iter_[0]
    return theta, nit
