"""The objective of a logistic probe.

With signs y_i = +-1, sample weights c_i (n / (2 n_class) if balanced, else 1), margins
m_i = y_i (x_i . w + b) and the intercept b not penalised:

    F(w, b)  = sum_i c_i log(1 + exp(-m_i)) + |w|^2 / (2 C)
    grad F   = X1^T (-c y s) + (w, 0) / C             s_i = 1 / (1 + exp(m_i)),  X1 = (X, 1)
    D^2 F    = X1^T diag(c s (1 - s)) X1 + diag(1, ..., 1, 0) / C

Everything is divided by sum_i c_i = n, so that a tolerance means the same for every n and every C: this is
scikit-learn's documented objective (C times the loss plus half the squared norm) over C n, and what its
solvers compare with `tol`.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from superpos.arrays import Bool, Float


class LogisticLoss:
    """F / n over (w, b) for one feature; several features share the matrix `X1`."""

    def __init__(self, X1: Float, positive: Bool, C: float, *, balanced: bool) -> None:
        self.X1 = X1
        self.signs = np.where(positive, 1.0, -1.0)
        n, n_positive = positive.size, int(np.count_nonzero(positive))
        weights = np.ones(n)
        if balanced:
            weights[positive] = n / (2.0 * n_positive)
            weights[~positive] = n / (2.0 * (n - n_positive))
        self.weights = weights / n
        self.penalty = np.full(X1.shape[1], 1.0 / (C * n))
        self.penalty[-1] = 0.0

    def margins(self, theta: Float) -> Float:
        """Return y_i (x_i . w + b), (n,)."""
        margins: Float = self.signs * (self.X1 @ theta)
        return margins

    def value(self, theta: Float, margins: Float) -> float:
        """Return the objective at `theta`, whose margins are known."""
        loss = float(self.weights @ np.logaddexp(0.0, -margins))
        return loss + 0.5 * float(self.penalty @ theta**2)

    def gradient(self, theta: Float, margins: Float) -> Float:
        """Return the gradient, (d + 1,)."""
        pull = self.weights * self.signs * expit(-margins)
        gradient: Float = self.penalty * theta - self.X1.T @ pull
        return gradient

    def curvature(self, margins: Float) -> Float:
        """Return the weights of the Hessian, c_i s_i (1 - s_i) / n, (n,)."""
        wrong = expit(-margins)
        curvature: Float = self.weights * wrong * (1.0 - wrong)
        return curvature
