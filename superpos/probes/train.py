"""Probes of every feature of one activation set, and the `shuffled_labels` control.

Scaler of the sparse-probing paper (Gurnee et al. 2023, Finding Neurons in a Haystack, section 4):

    scale_j = 10 max(std_j over training samples, 1e-3),   x~ = x / scale  (not centred),   w = w~ / scale

With fewer samples than dimensions, w~ lies in the span of the samples (the penalty |w~|^2 rewards nothing
outside of it), so with X~^T = Q R the problem over w~ = Q v with matrix R^T is the same one, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superpos.arrays import Bool, Float
from superpos.probes.closed_form import lda, mean_difference
from superpos.probes.inputs import ProbeInputs, Samples, check_inputs, shuffle_labels
from superpos.probes.metrics import HeldOut, held_out_metrics
from superpos.probes.newton import minimise
from superpos.probes.objective import LogisticLoss
from superpos.probes.reference import minimise_sklearn
from superpos.records.data import ProbeMetrics, ProbeSet
from superpos.specs.axes import check_count
from superpos.specs.probes import ProbeSettings

STD_FLOOR = 1e-3
"""Smallest standard deviation the scaler believes."""
STD_MULTIPLE = 10.0


def train_probes(
    activations: ArrayLike,
    labels: ArrayLike,
    feature_names: tuple[str, ...],
    groups: ArrayLike,
    train_rows: ArrayLike,
    settings: ProbeSettings,
    *,
    label_replicate: int = -1,
    members: ArrayLike | None = None,
) -> ProbeSet:
    """Train one probe a feature on the training samples and measure it on the others.

    Parameters
    ----------
    activations
        (n, d), float32 or float64.
    labels
        (n, k) booleans.
    feature_names
        Names of the k features.
    groups
        Group of each sample, (n,): no group may lie in both parts.
    train_rows
        Which samples are trained on, (n,) booleans, or (n, k) where features have samples of their own.
    settings
        Method, penalty, scaler, tolerance.
    label_replicate
        -1 for the labels as they are; r >= 0 for the control `shuffled_labels`: rows of `labels` are permuted
        jointly among the training samples by the draw (r, number of training samples), test labels stay.
    members
        Which samples belong to a feature, (n, k) booleans; None for all. Where some do not, every feature has
        a scaler, a split and a permutation of its own among its own samples, and is measured on them.

    Returns
    -------
    ProbeSet
        Features without both classes among the training samples are left out, with their status in
        `metrics`: `no_positives` or `no_negatives` if the set has none, `too_few` if the training part has
        none. A probe whose gradient stayed above `settings.tol` has status `max_iter`. Constant activations
        give coefficients of exactly or nearly zero, which have no direction.

    Raises
    ------
    ArgumentError
        For shapes that do not fit, activations that are not finite, a group on both sides of the split.

    Notes
    -----
    Runs on one BLAS thread, so that the bits do not depend on the machine's number of cores.
    """
    inputs = check_inputs(activations, labels, feature_names, groups, train_rows, members)
    replicate = -1 if label_replicate == -1 else check_count("label_replicate", label_replicate, 0)
    k, d = len(inputs.names), inputs.X.shape[1]
    thetas, scales = np.zeros((k, d + 1)), np.ones((k, d))
    metrics: dict[int, ProbeMetrics] = {}
    with _one_thread():
        for samples in inputs.samples():
            common = _fit_samples(inputs, samples, settings, replicate, thetas, metrics)
            scales[list(samples.columns)] = common
    kept = sorted(metrics)
    shared = inputs.members is None
    coef = thetas[kept, :-1]
    scale = common if shared else scales[kept]
    return ProbeSet(
        feature_names=tuple(inputs.names[column] for column in kept),
        metrics=tuple(metrics.get(column) or _not_trained(inputs, column) for column in range(k)),
        coef_scaled=coef,
        coef_raw=coef / scale,
        intercept=np.ascontiguousarray(thetas[kept, -1]),
        scale=scale,
        train_rows=inputs.train if shared else inputs.train[:, kept],
    )


def _fit_samples(
    inputs: ProbeInputs,
    samples: Samples,
    settings: ProbeSettings,
    replicate: int,
    thetas: Float,
    metrics: dict[int, ProbeMetrics],
) -> Float:
    """Fit and measure these features into `thetas` and `metrics`; return their scale, (d,)."""
    columns = list(samples.columns)
    fitted = inputs.labels[samples.train][:, columns]
    if replicate != -1:
        fitted = shuffle_labels(fitted, replicate)
    X = np.asarray(inputs.X[samples.train], dtype=np.float64)
    scale = scaler_scale(X, settings)
    X /= scale
    fits = _fit(X, fitted, settings)
    held_out = np.asarray(inputs.X[samples.test], dtype=np.float64) / scale
    for column, (theta, nit, converged) in zip(columns, fits, strict=True):
        thetas[column] = theta
        held = held_out_metrics(inputs.labels[samples.test, column], held_out @ theta[:-1] + theta[-1])
        metrics[column] = ProbeMetrics(
            inputs.names[column],
            "converged" if converged else "max_iter",
            *inputs.counts(column),
            *held,
            norm=float(np.linalg.norm(theta[:-1] / scale)),
            nit=nit,
        )
    return scale


def _not_trained(inputs: ProbeInputs, column: int) -> ProbeMetrics:
    status = inputs.statuses[column].value
    return ProbeMetrics(inputs.names[column], status, *inputs.counts(column), *HeldOut(), norm=None, nit=0)


def scaler_scale(X_train: Float, settings: ProbeSettings) -> Float:
    """Return what activations are divided by, (d,): 10 max(std, 1e-3), or ones for scaler `none`."""
    if settings.scaler == "none":
        return np.ones(X_train.shape[1])
    scale: Float = STD_MULTIPLE * np.maximum(X_train.std(axis=0), STD_FLOOR)
    return scale


def span(X: Float) -> tuple[Float, Float | None]:
    """Return coordinates of the rows of X, (n, r), and an orthonormal basis Q, (d, r), or None for r = d.

    X = coordinates Q^T; reduced only if there are fewer rows than columns.
    """
    if X.shape[0] >= X.shape[1]:
        return X, None
    basis, triangle = np.linalg.qr(X.T)
    return np.ascontiguousarray(triangle.T), basis


def _fit(X: Float, labels: Bool, settings: ProbeSettings) -> list[tuple[Float, int, bool]]:
    """Return (coefficients and intercept (d + 1,), iterations, converged) of every column of the labels."""
    Z, basis = span(X)
    balanced = settings.class_weight == "balanced"
    X1 = single = None
    fits = []
    for positive in np.ascontiguousarray(labels.T):
        nit, converged = 0, True
        if settings.method == "mean_difference":
            theta = mean_difference(Z, positive)
        elif settings.method == "lda":
            theta = lda(Z, positive, X.shape[1], balanced=balanced)
        else:
            if X1 is None or single is None:  # one matrix serves every feature
                X1 = np.hstack([Z, np.ones((Z.shape[0], 1))])
                single = np.asfortranarray(X1.T.astype(np.float32))
            loss = LogisticLoss(X1, positive, settings.C, balanced=balanced)
            theta, nit, converged = _logistic(loss, positive, single, basis, settings)
        coef = theta[:-1] if basis is None else basis @ theta[:-1]
        fits.append((np.append(coef, theta[-1]), nit, converged))
    return fits


def _logistic(
    loss: LogisticLoss,
    positive: Bool,
    single: NDArray[np.float32],
    basis: Float | None,
    settings: ProbeSettings,
) -> tuple[Float, int, bool]:
    """Return (coefficients and intercept, iterations, whether the gradient is within tolerance)."""
    if settings.backend == "newton":
        solution = minimise(loss, single, settings.tol, settings.max_iter)
        return solution.theta, solution.nit, solution.gradient_norm <= settings.tol
    Z = loss.X1[:, :-1]
    theta, nit = minimise_sklearn(
        Z,
        positive,
        settings.C,
        balanced=settings.class_weight == "balanced",
        # An infinity norm depends on the basis: within the span it has to be this much smaller.
        tol=settings.tol if basis is None else settings.tol / Z.shape[1] ** 0.5,
        max_iter=settings.max_iter,
    )
    gradient = loss.gradient(theta, loss.margins(theta))
    slopes = gradient if basis is None else np.append(basis @ gradient[:-1], gradient[-1])
    return theta, nit, float(np.max(np.abs(slopes))) <= settings.tol


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run BLAS and OpenMP on one thread, for the same bits on any number of cores."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
