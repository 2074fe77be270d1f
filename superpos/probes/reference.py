"""Logistic probes through scikit-learn, the reference of the Newton method.

Since scikit-learn 1.8 `penalty` is deprecated and `n_jobs` without effect, so neither is given; its default
tolerance of 1e-4 leaves a cosine of 0.9993 to the exact solution, so the tolerance always is.
"""

from __future__ import annotations

import warnings

import numpy as np

from superpos.arrays import Bool, Float


def minimise_sklearn(
    Z: Float, positive: Bool, C: float, *, balanced: bool, tol: float, max_iter: int
) -> tuple[Float, int]:
    """Return (coefficients and intercept, (d + 1,); iterations) of `LogisticRegression(newton-cholesky)`.

    Parameters
    ----------
    Z
        Scaled activations or their coordinates in the span of the samples, (n, d).
    positive
        Labels, (n,).
    C, balanced, tol, max_iter
        As in `superpos.specs.probes.ProbeSettings`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        C=C,
        class_weight="balanced" if balanced else None,
        solver="newton-cholesky",
        tol=tol,
        max_iter=max_iter,
    )
    with warnings.catch_warnings():
        # The caller measures the gradient itself and reports `max_iter`.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(Z, positive)
    return np.append(model.coef_[0], model.intercept_[0]), int(model.n_iter_[0])
