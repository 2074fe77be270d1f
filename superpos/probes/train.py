"""Probes of every feature of one activation set, and the `shuffled_labels` control.

Scaler of the sparse-probing paper (Gurnee et al. 2023, Finding Neurons in a Haystack, section 4):

    scale_j = 10 max(std_j over training samples, 1e-3),   x~ = x / scale  (not centred),   w = w~ / scale

With fewer samples than dimensions, w~ lies in the span of the samples (the penalty |w~|^2 rewards nothing
outside of it), so with X~^T = Q R the problem over w~ = Q v with matrix R^T is the same one, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superpos.arrays import Bool, Float, Int
from superpos.errors import ArgumentError, NonFiniteError, ShapeError
from superpos.probes.closed_form import lda, mean_difference
from superpos.probes.metrics import HeldOut, held_out_metrics
from superpos.probes.newton import minimise
from superpos.probes.objective import LogisticLoss
from superpos.probes.reference import minimise_sklearn
from superpos.records.data import FeatureStatus, ProbeMetrics, ProbeSet
from superpos.seeding import generator
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
        Which samples are trained on, (n,) booleans.
    settings
        Method, penalty, scaler, tolerance.
    label_replicate
        -1 for the labels as they are; r >= 0 for the control `shuffled_labels`: rows of `labels` are permuted
        jointly among the training samples by the draw (r, number of training samples), test labels stay.

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
    X, Y, train = _checked(activations, labels, feature_names, groups, train_rows)
    statuses = [_feature_status(Y[:, column], train) for column in range(Y.shape[1])]
    fitted = Y.copy()
    if label_replicate != -1:
        replicate = check_count("label_replicate", label_replicate, 0)
        fitted[train] = shuffle_labels(Y[train], replicate)
    with _one_thread():
        X_train = np.asarray(X[train], dtype=np.float64)
        scale = scaler_scale(X_train, settings)
        X_train /= scale
        fits = _fit(X_train, fitted[train], statuses, settings)
        held_out = np.asarray(X[~train], dtype=np.float64) / scale
        metrics = []
        for column, name in enumerate(feature_names):
            held, norm, nit, state = HeldOut(), None, 0, statuses[column].value
            if column in fits:
                theta, nit, converged = fits[column]
                state = "converged" if converged else "max_iter"
                norm = float(np.linalg.norm(theta[:-1] / scale))
                held = held_out_metrics(Y[~train, column], held_out @ theta[:-1] + theta[-1])
            metrics.append(
                ProbeMetrics(
                    name,
                    state,
                    int(np.count_nonzero(train)),
                    int(np.count_nonzero(~train)),
                    int(np.count_nonzero(Y[:, column])),
                    *held,
                    norm=norm,
                    nit=nit,
                )
            )
    kept = [column for column, status in enumerate(statuses) if status is FeatureStatus.OK]
    thetas = np.array([fits[column][0] for column in kept]).reshape(len(kept), X.shape[1] + 1)
    return ProbeSet(
        feature_names=tuple(feature_names[column] for column in kept),
        metrics=tuple(metrics),
        coef_scaled=np.ascontiguousarray(thetas[:, :-1]),
        coef_raw=thetas[:, :-1] / scale,
        intercept=np.ascontiguousarray(thetas[:, -1]),
        scale=scale,
        train_rows=train,
    )


def scaler_scale(X_train: Float, settings: ProbeSettings) -> Float:
    """Return what activations are divided by, (d,): 10 max(std, 1e-3), or ones for scaler `none`."""
    if settings.scaler == "none":
        return np.ones(X_train.shape[1])
    scale: Float = STD_MULTIPLE * np.maximum(X_train.std(axis=0), STD_FLOOR)
    return scale


def shuffle_labels(labels: Bool, replicate: int) -> Bool:
    """Return label rows, (n_train, k), in the order of the draw `label_permutation` (convention 5)."""
    rows = labels.shape[0]
    order = generator("label_permutation", replicate=replicate, rows=rows).permutation(rows)
    shuffled: Bool = labels[order]
    return shuffled


def span(X: Float) -> tuple[Float, Float | None]:
    """Return coordinates of the rows of X, (n, r), and an orthonormal basis Q, (d, r), or None for r = d.

    X = coordinates Q^T; reduced only if there are fewer rows than columns.
    """
    if X.shape[0] >= X.shape[1]:
        return X, None
    basis, triangle = np.linalg.qr(X.T)
    return np.ascontiguousarray(triangle.T), basis


def _fit(
    X: Float, labels: Bool, statuses: list[FeatureStatus], settings: ProbeSettings
) -> dict[int, tuple[Float, int, bool]]:
    """Return (coefficients and intercept (d + 1,), iterations, converged) of every feature that is ok."""
    Z, basis = span(X)
    balanced = settings.class_weight == "balanced"
    X1 = single = None
    fits = {}
    for column, status in enumerate(statuses):
        if status is not FeatureStatus.OK:
            continue
        positive = np.ascontiguousarray(labels[:, column])
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
        fits[column] = (np.append(coef, theta[-1]), nit, converged)
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


def _feature_status(positive: Bool, train: Bool) -> FeatureStatus:
    if not np.any(positive):
        return FeatureStatus.NO_POSITIVES
    if np.all(positive):
        return FeatureStatus.NO_NEGATIVES
    if not np.any(positive[train]) or np.all(positive[train]):
        return FeatureStatus.TOO_FEW
    return FeatureStatus.OK


def _checked(
    activations: ArrayLike,
    labels: ArrayLike,
    feature_names: tuple[str, ...],
    groups: ArrayLike,
    train_rows: ArrayLike,
) -> tuple[NDArray[Any], Bool, Bool]:
    """Return activations, labels and training mask after checking that they belong together."""
    X, Y, train = np.asarray(activations), np.asarray(labels), np.asarray(train_rows)
    group: Int = np.asarray(groups)
    if X.ndim != 2 or X.shape[1] < 1 or X.dtype.kind != "f":
        raise ShapeError("activations", f"{X.dtype} {X.shape} is not a matrix of floating-point numbers")
    if Y.dtype != np.bool_ or Y.shape != (X.shape[0], len(feature_names)):
        raise ShapeError("labels", f"{Y.dtype} {Y.shape} is not boolean ({X.shape[0]}, {len(feature_names)})")
    if train.dtype != np.bool_ or train.shape != (X.shape[0],):
        raise ShapeError("train_rows", f"{train.dtype} {train.shape} is not boolean ({X.shape[0]},)")
    if group.shape != (X.shape[0],):
        raise ShapeError("groups", f"shape {group.shape} is not ({X.shape[0]},)")
    if not np.any(train):
        raise ArgumentError("train_rows", "there are no training samples")
    if not np.all(np.isfinite(X)):
        raise NonFiniteError("activations", f"{int(np.sum(~np.isfinite(X)))} entries are not finite")
    if np.intersect1d(group[train], group[~train]).size:
        raise ArgumentError("train_rows", "a group has samples on both sides of the split")
    return X, Y, train


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run BLAS and OpenMP on one thread, for the same bits on any number of cores."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
