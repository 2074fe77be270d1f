"""Logistic probes through scikit-learn, the reference of the Newton method.

Since scikit-learn 1.8 `penalty` is deprecated and `n_jobs` without effect, so neither is given; its default
tolerance of 1e-4 leaves a cosine of 0.9993 to the exact solution, so the tolerance always is.
"""

from __future__ import annotations

import warnings

import numpy as np

from superpos.arrays import Float, Int
from superpos.probes.objective import LogisticLosses
from superpos.threads import one_thread


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
    Z = np.ascontiguousarray(loss.X1[:, :-1])
    theta, nit = np.empty((loss.X1.shape[1], k)), np.empty(k, dtype=np.int64)
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
