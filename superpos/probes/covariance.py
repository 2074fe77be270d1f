"""Covariance of activations, and directions under the causal inner product without its square root.

Space `whitened` (K. Park, Y. J. Choe, V. Veitch 2023, The linear representation hypothesis and the geometry
of large language models, section 3) compares Sigma^(1/2) p for covectors (logistic probes, LDA) and
Sigma^(-1/2) p for vectors (mean differences), Sigma the covariance with eigenvalues below `floor` times the
largest, l, raised to it. Only inner products matter, so any vectors with the same ones do. With H the rows of
an orthonormal basis of what is orthogonal to (1, ..., 1), Y = H X / sqrt(n) has Sigma = Y^T Y, and

    n > d    Sigma = L L^T
             covectors  L^T p                         vectors  L^-1 p
    n <= d   Y Y^T = L L^T,  q = p - Y^T (L L^T)^-1 Y p, the part of p beyond the samples
             covectors  (Y p, (floor l)^(1/2) q)      vectors  ((L L^T)^-1 Y p, (floor l)^(-1/2) q)

if no eigenvalue is below the floor, which a Cholesky factor of L L^T - floor l I tells. Otherwise the smaller
of both matrices is decomposed, and eigenvectors below the floor count as beyond the samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import blas, lapack, solve_triangular
from scipy.sparse.linalg import eigsh

from superpos.arrays import Float, Int, as_matrix, as_number
from superpos.errors import ArgumentError, NonFiniteError, ShapeError
from superpos.probes.design import Scaled, gram_matrix, scale_samples
from superpos.specs.axes import check_choice
from superpos.specs.probes import PROBE_METHODS
from superpos.threads import one_thread

VECTORS = ("mean_difference",)
"""Methods whose directions live among the activations; those of the others are paired with activations."""
FLOOR = 1e-6


def activation_covariance(values: ArrayLike, train_rows: ArrayLike) -> Float:
    """Return the covariance (divided by n) of the training samples, (d, d).

    Parameters
    ----------
    values
        Activations, (N, d).
    train_rows
        Training samples, (N,) booleans, or (N, k): those that any feature is trained on.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        For shapes that do not fit, numbers that are not finite, fewer than two samples.
    """
    samples = _samples(values, train_rows)
    with one_thread():
        lower = _lower_covariance(samples)
    return np.asarray(lower + np.tril(lower, -1).T)


def whitened_directions(
    coef_raw: ArrayLike,
    values: ArrayLike,
    train_rows: ArrayLike,
    method: str,
    *,
    floor: float = FLOOR,
) -> Float:
    """Return directions with the inner products of the whitened ones, (k, w).

    Parameters
    ----------
    coef_raw
        Directions in the units of the activations, (k, d).
    values, train_rows
        As in `activation_covariance`.
    method
        How the directions were found, which says whether they are covectors.
    floor
        Eigenvalues of the covariance below this fraction of the largest are raised to it, in (0, 1).

    Returns
    -------
    ndarray, (k, w)
        w = d for more samples than dimensions, at most n + d otherwise. The basis means nothing.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        As `activation_covariance`, and for activations that are constant.
    """
    check_choice("method", method, PROBE_METHODS)
    lowest = as_number("floor", floor, minimum=0.0, exclusive=True)
    if lowest >= 1.0:
        raise ArgumentError("floor", f"{lowest:g} must be below 1")
    samples, P = _samples(values, train_rows), as_matrix("coef_raw", coef_raw)
    n, d = len(samples.rows), samples.X.shape[1]
    if P.shape[1] != d:
        raise ShapeError("coef_raw", f"shape {P.shape} does not fit activations of width {d}")
    with one_thread():
        matrix = _lower_covariance(samples) if n > d else _lower_gram(samples)
        largest = _largest_eigenvalue(matrix)
        if largest <= 0.0:
            raise ArgumentError("values", "the activations are constant, so they have no covariance")
        bound = lowest * largest
        if n > d:
            return _in_dimensions(P, matrix, bound, covector=method not in VECTORS)
        return _in_samples(P, samples, matrix, bound, covector=method not in VECTORS)


def _in_dimensions(P: Float, sigma: NDArray[Any], bound: float, *, covector: bool) -> Float:
    if _all_above(sigma, bound):
        factor, _ = lapack.dpotrf(sigma, lower=1, clean=1)
        if covector:
            return np.asarray(P @ factor)
        return np.asarray(solve_triangular(factor, P.T, lower=True).T)
    eigenvalues, axes = np.linalg.eigh(sigma, UPLO="L")
    root = np.sqrt(np.maximum(eigenvalues, bound))
    return np.asarray((P @ axes) * (root if covector else 1.0 / root))


def _in_samples(P: Float, samples: Scaled, gram: NDArray[Any], bound: float, *, covector: bool) -> Float:
    images = _reflected(_images(samples, P))  # Y p, (n - 1, k)
    if _all_above(gram, bound):
        factor, _ = lapack.dpotrf(gram, lower=1, clean=1)
        half = solve_triangular(factor, images, lower=True)
        shares = solve_triangular(factor, half, lower=True, trans="T")
        inside = images if covector else shares
    else:
        eigenvalues, axes = np.linalg.eigh(gram, UPLO="L")
        kept = eigenvalues > bound
        eigenvalues, axes = eigenvalues[kept], axes[:, kept]
        within = axes.T @ images
        shares = axes @ (within / eigenvalues[:, None])
        inside = within if covector else within / eigenvalues[:, None]
    scaled = _reflected_back(shares) / np.sqrt(len(samples.rows))
    beyond = P - samples.combine(scaled).T
    return np.hstack([inside.T, beyond * (np.sqrt(bound) if covector else 1.0 / np.sqrt(bound))])


def _images(samples: Scaled, P: Float) -> Float:
    """Return the centred samples times the directions over sqrt(n), (n, k)."""
    images = np.zeros((len(samples.rows), len(P)))
    for columns in samples.blocks():
        images += samples.block(columns) @ P[:, columns].T
    images /= np.sqrt(len(samples.rows))
    return images


def _reflector(n: int) -> Float:
    """Return v, (n,), of the reflection I - v v^T that takes (1, ..., 1) to the first axis."""
    v = np.full(n, 1.0 / np.sqrt(n))
    v[0] += 1.0
    v *= np.sqrt(2.0) / np.linalg.norm(v)
    return v


def _reflected(vectors: Float) -> Float:
    """Return H V, (n - 1, k): the reflection without the first axis."""
    v = _reflector(len(vectors))
    return np.asarray((vectors - np.outer(v, v @ vectors))[1:])


def _reflected_back(vectors: Float) -> Float:
    """Return H^T V, (n, k)."""
    padded = np.vstack([np.zeros((1, vectors.shape[1])), vectors])
    v = _reflector(len(padded))
    return np.asarray(padded - np.outer(v, v @ padded))


def _lower_gram(samples: Scaled) -> NDArray[Any]:
    """Return the lower triangle of Y Y^T, (n - 1, n - 1)."""
    gram: Any = gram_matrix(samples)
    gram /= len(samples.rows)
    v = _reflector(len(gram))
    image = blas.dsymv(1.0, gram, v, lower=1)
    # (I - v v^T) G (I - v v^T) = G - v u^T - u v^T with u = G v - (v G v) v / 2.
    image -= 0.5 * float(v @ image) * v
    gram = blas.dsyr2(-1.0, v, image, a=gram, lower=1, overwrite_a=1)
    return np.asfortranarray(gram[1:, 1:])


def _lower_covariance(samples: Scaled) -> NDArray[Any]:
    """Return the lower triangle of the covariance, (d, d)."""
    d = samples.X.shape[1]
    sigma: Any = np.zeros((d, d), order="F")
    for rows in _row_blocks(samples):
        block = samples.X[rows].astype(np.float64) - samples.mean
        sigma = blas.dsyrk(1.0, block.T, beta=1.0, c=sigma, lower=1, overwrite_c=1)
    sigma /= len(samples.rows)
    return np.asarray(np.tril(sigma))


def _row_blocks(samples: Scaled) -> list[Int]:
    size = max(64, 2**22 // samples.X.shape[1])
    return [samples.rows[start : start + size] for start in range(0, len(samples.rows), size)]


def _largest_eigenvalue(matrix: NDArray[Any]) -> float:
    """Return the largest eigenvalue of a positive semidefinite matrix given by its lower triangle."""
    if len(matrix) < 20:
        return float(np.linalg.eigvalsh(matrix, UPLO="L")[-1])
    if not np.any(np.diagonal(matrix) > 0.0):
        return 0.0
    from scipy.sparse.linalg import LinearOperator

    operator = LinearOperator(
        matrix.shape, matvec=lambda vector: blas.dsymv(1.0, matrix, vector, lower=1), dtype=np.float64
    )
    start = np.sqrt(np.diagonal(matrix))
    return float(eigsh(operator, k=1, which="LA", v0=start, return_eigenvectors=False)[0])


def _all_above(matrix: NDArray[Any], bound: float) -> bool:
    """Return whether every eigenvalue is above the bound."""
    shifted = matrix.copy(order="F")
    shifted[np.diag_indices_from(shifted)] -= bound
    return int(lapack.dpotrf(shifted, lower=1, overwrite_a=1)[1]) == 0


def _samples(values: ArrayLike, train_rows: ArrayLike) -> Scaled:
    X, train = np.asarray(values), np.asarray(train_rows)
    if X.ndim != 2 or X.shape[1] < 1 or X.dtype.kind != "f":
        raise ShapeError("values", f"{X.dtype} {X.shape} is not a matrix of floating-point numbers")
    if train.dtype != np.bool_ or train.ndim not in (1, 2) or len(train) != len(X):
        raise ShapeError("train_rows", f"{train.dtype} {train.shape} does not select among {len(X)} samples")
    rows = np.flatnonzero(train if train.ndim == 1 else train.any(axis=1))
    if len(rows) < 2:
        raise ArgumentError("train_rows", f"{len(rows)} training samples have no covariance")
    if not np.all(np.isfinite(X)):
        raise NonFiniteError("values", f"{int(np.sum(~np.isfinite(X)))} entries are not finite")
    return scale_samples(X, rows, "none")
