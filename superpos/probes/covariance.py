"""Covariance of activations, and the Gram matrix of the samples it comes from.

With H the rows of an orthonormal basis of what is orthogonal to (1, ..., 1), Y = H X / sqrt(n) has the
covariance Y^T Y and the Gram matrix Y Y^T, which is the smaller of both for fewer samples than dimensions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import blas

from superpos.arrays import Float, Int
from superpos.errors import ArgumentError, NonFiniteError, ShapeError
from superpos.probes.design import ScaledSamples, gram_matrix, scale_samples
from superpos.threads import one_thread


def activation_covariance(activations: ArrayLike, train_rows: ArrayLike) -> Float:
    """Return the covariance (divided by n) of the training samples, (d, d).

    Parameters
    ----------
    activations
        Activations, (N, d).
    train_rows
        Training samples, (N,) booleans, or (N, k): those that any feature is trained on.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        For shapes that do not fit, numbers that are not finite, fewer than two samples.
    """
    samples = covariance_samples(activations, train_rows)
    with one_thread():
        lower = lower_covariance(samples)
    return np.asarray(lower + np.tril(lower, -1).T)


def images(samples: ScaledSamples, P: Float) -> Float:
    """Return the centred samples times the directions over sqrt(n), (n, k)."""
    found = np.zeros((len(samples.rows), len(P)))
    for columns in samples.blocks():
        found += samples.block(columns) @ P[:, columns].T
    found /= np.sqrt(len(samples.rows))
    return found


def _reflector(n: int) -> Float:
    """Return v, (n,), of the reflection I - v v^T that takes (1, ..., 1) to the first axis."""
    v = np.full(n, 1.0 / np.sqrt(n))
    v[0] += 1.0
    v *= np.sqrt(2.0) / np.linalg.norm(v)
    return v


def reflected(vectors: Float) -> Float:
    """Return H V, (n - 1, k): the reflection without the first axis."""
    v = _reflector(len(vectors))
    return np.asarray((vectors - np.outer(v, v @ vectors))[1:])


def reflected_back(vectors: Float) -> Float:
    """Return H^T V, (n, k)."""
    padded = np.vstack([np.zeros((1, vectors.shape[1])), vectors])
    v = _reflector(len(padded))
    return np.asarray(padded - np.outer(v, v @ padded))


def lower_dual_covariance(samples: ScaledSamples) -> NDArray[Any]:
    """Return the lower triangle of Y Y^T, (n - 1, n - 1)."""
    gram: Any = gram_matrix(samples)
    gram /= len(samples.rows)
    v = _reflector(len(gram))
    image = blas.dsymv(1.0, gram, v, lower=1)
    # (I - v v^T) G (I - v v^T) = G - v u^T - u v^T with u = G v - (v G v) v / 2.
    image -= 0.5 * float(v @ image) * v
    gram = blas.dsyr2(-1.0, v, image, a=gram, lower=1, overwrite_a=1)
    return np.asfortranarray(gram[1:, 1:])


def lower_covariance(samples: ScaledSamples) -> NDArray[Any]:
    """Return the lower triangle of the covariance, (d, d)."""
    d = samples.X.shape[1]
    sigma: Any = np.zeros((d, d), order="F")
    for rows in _row_blocks(samples):
        block = samples.X[rows].astype(np.float64) - samples.mean
        sigma = blas.dsyrk(1.0, block.T, beta=1.0, c=sigma, lower=1, overwrite_c=1)
    sigma /= len(samples.rows)
    return np.asarray(np.tril(sigma))


def _row_blocks(samples: ScaledSamples) -> list[Int]:
    size = max(64, 2**22 // samples.X.shape[1])
    return [samples.rows[start : start + size] for start in range(0, len(samples.rows), size)]


def covariance_samples(activations: ArrayLike, train_rows: ArrayLike) -> ScaledSamples:
    """Return the training samples as they are, centred; raises as `activation_covariance`."""
    X, train = np.asarray(activations), np.asarray(train_rows)
    if X.ndim != 2 or X.shape[1] < 1 or X.dtype.kind != "f":
        raise ShapeError("activations", f"{X.dtype} {X.shape} is not a matrix of floating-point numbers")
    if train.dtype != np.bool_ or train.ndim not in (1, 2) or len(train) != len(X):
        raise ShapeError("train_rows", f"{train.dtype} {train.shape} does not select among {len(X)} samples")
    rows = np.flatnonzero(train if train.ndim == 1 else train.any(axis=1))
    if len(rows) < 2:
        raise ArgumentError("train_rows", f"{len(rows)} training samples have no covariance")
    if not np.all(np.isfinite(X)):
        raise NonFiniteError("activations", f"{int(np.sum(~np.isfinite(X)))} entries are not finite")
    return scale_samples(X, rows, "none")
