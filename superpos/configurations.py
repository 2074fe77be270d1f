"""Unit vectors in few dimensions whose cosines are nearest to a matrix.

    min over X, |x_i| = 1, of   F(X) = sum_{i<j} (<x_i, x_j> - T_ij)^2

Start: the f leading eigenvectors, times the roots of their eigenvalues, rows normalised, the answer wherever
T has rank f. Then L-BFGS over Y, x_i = y_i / |y_i|, whose gradient is the tangential part of 2 (C - T) X over
|y_i|. The end is a minimum near the start. Where the f leading eigenvalues are not apart from the others (T
near the identity) it is one of many. Its cosines are the nearest correlation matrix of rank f.

Source: R. Pietersz and P. J. F. Groenen, Rank reduction of correlation matrices by majorization, Quantitative
Finance 4 (2004), has the problem, the start and a first-order method.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.errors import ArgumentError

_NO_DIRECTION = 1e-8
"""Rows of leading eigenvectors shorter than this say nothing of where a feature lies."""
_GRADIENT = 1e-9
"""Largest entry of the gradient at the end."""
_MOST_STEPS = 2000


def nearest_configurations(matrices: NDArray[np.float64], n_dims: int) -> NDArray[np.float64]:
    """Return unit vectors (m, n, f) whose cosines are nearest to each of the matrices (m, n, n).

    Raises
    ------
    ArgumentError
        If f is below 1, or n or more, where the vectors themselves exist.
    """
    n = matrices.shape[-1]
    if not 1 <= n_dims < n:
        raise ArgumentError("n_dims", f"{n_dims} must be from 1 to {n - 1}, below the {n} features")
    starts = _leading(matrices, n_dims)
    found = [_nearest(matrix, start) for matrix, start in zip(matrices, starts, strict=True)]
    return np.asarray(np.stack(found)) if found else starts


def _leading(matrices: NDArray[np.float64], n_dims: int) -> NDArray[np.float64]:
    """Return the f leading eigenvectors, scaled, with rows of norm 1 (m, n, f)."""
    values, vectors = np.linalg.eigh(matrices)
    rows = vectors[:, :, -n_dims:] * np.sqrt(np.maximum(values[:, None, -n_dims:], 0.0))
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    drawn = np.random.default_rng((1753, n_dims)).standard_normal(rows.shape[1:])
    rows = np.where(lengths > _NO_DIRECTION, rows, drawn)
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def _nearest(matrix: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.optimize import minimize

    def mismatch(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        rows = flat.reshape(start.shape)
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
        unit = rows / lengths
        excess = unit @ unit.T - matrix
        excess.flat[:: len(matrix) + 1] = 0.0
        slope = 2.0 * (excess @ unit)
        slope -= np.einsum("ij,ij->i", slope, unit)[:, None] * unit
        return 0.5 * float(np.vdot(excess, excess)), (slope / lengths).ravel()

    options: Any = {
        "maxiter": _MOST_STEPS,
        "maxfun": 2 * _MOST_STEPS,
        "ftol": 0.0,
        "gtol": _GRADIENT,
        "maxcor": 20,
    }
    ended = minimize(mismatch, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    rows = ended.x.reshape(start.shape)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
