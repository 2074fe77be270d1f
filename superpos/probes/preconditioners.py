"""Approximate inverses of a Hessian X1^T D X1 + penalty for conjugate gradients, in single precision.

    factor   Cholesky factor of the Hessian; n r^2 + r^3 / 3 operations
    sketch   for its largest eigenvalues only: with U, (r, m), and L the Ritz vectors and values of
             X1^T D X1 on a random subspace after a power iteration, and l the smallest of L,
                 M^-1 v = v + U ((l + p) / (L + p) - 1) U^T v,       p the penalty,
             up to a factor (Frangella, Tropp and Udell 2023, Randomized Nystrom preconditioning, with
             Rayleigh-Ritz in place of the Nystrom approximation); n r m operations

Neither moves a solution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from superpos.arrays import Float
from superpos.seeding import generator

Preconditioner = Callable[[Float], Float]
"""V -> M^-1 V for vectors (r + 1, k)."""
RANK = 100
"""Eigenvalues of a sketch."""
POWERS = 2


def largest_entries(vectors: Float) -> Float:
    """Return the largest magnitude in each column, 1 for a column of zeros.

    Columns are divided by it before they go to single precision, whose range late residuals would leave.
    """
    largest = np.max(np.abs(vectors), axis=0)
    return np.where(largest > 0.0, largest, 1.0)


def factor_hessian(single: NDArray[np.float32], curvature: Float, penalty: float) -> Preconditioner:
    """Return the inverse by a Cholesky factor, with a ridge where rounding asks for one.

    Parameters
    ----------
    single
        Samples and a column of ones, (n, r + 1).
    curvature
        Weights D, (n,).
    penalty
        Of all parameters but the last.
    """
    scaled = single * np.sqrt(curvature).astype(np.float32)[:, None]
    hessian: Any = blas.ssyrk(1.0, scaled.T, lower=1)
    diagonal = np.arange(hessian.shape[0] - 1)
    hessian[diagonal, diagonal] += np.float32(penalty)
    diagonal = np.arange(hessian.shape[0])
    ridge = 1e-7 * float(np.max(hessian[diagonal, diagonal]))
    while True:
        hessian[diagonal, diagonal] += np.float32(ridge)
        factor, failed = lapack.spotrf(hessian, lower=1)
        if failed == 0:
            break
        ridge *= 10.0

    def apply(vectors: Float) -> Float:
        largest = largest_entries(vectors)
        right = np.asfortranarray(vectors / largest, dtype=np.float32)
        solved, _ = lapack.spotrs(factor, right, lower=1)
        result: Float = solved.astype(np.float64) * largest
        return result

    return apply


def sketch_hessian(single: NDArray[np.float32], curvature: Float, penalty: float) -> Preconditioner:
    """Return the inverse by the largest eigenvalues; arguments as of `factor_hessian`."""
    draw = generator("sample", name="probe sketch", seed=0)
    weights = curvature.astype(np.float32)[:, None]
    size = min(RANK, single.shape[1])
    images = draw.standard_normal((single.shape[1], size), dtype=np.float32)
    for _ in range(POWERS):
        basis, _ = np.linalg.qr(images)
        images = ((weights * (single @ basis)).T @ single).T
    values, rotation = np.linalg.eigh((basis.T @ images).astype(np.float64))
    values = np.maximum(values, 0.0)
    vectors = basis @ rotation.astype(np.float32)
    shrink = ((values[0] + penalty) / (values + penalty) - 1.0)[:, None]

    def apply(given: Float) -> Float:
        largest = largest_entries(given)
        shares = (vectors.T @ (given / largest).astype(np.float32)).astype(np.float64)
        result: Float = given + largest * (vectors @ (shrink * shares).astype(np.float32)).astype(np.float64)
        return result

    return apply
