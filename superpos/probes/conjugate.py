"""Newton steps of several features together: conjugate gradients behind an approximate inverse of a Hessian.

A step of all features multiplies the design matrix twice with a thin one (`superpos.probes.thin`; Nocedal and
Wright 2006, chapter 5). A feature that has reached
its tolerance takes no further part. Preconditioners, of a Hessian Z1^T D Z1 + penalty in single precision:

    factor   Cholesky factor of the Hessian; n r^2 + r^3 / 3 operations
    sketch   for its largest eigenvalues only: with U, (r, m), and L the Ritz vectors and values of
             Z1^T D Z1 on a random subspace after a power iteration, and l the smallest of L,
                 M^-1 v = v + U ((l + p) / (L + p) - 1) U^T v,       p the penalty,
             up to a factor (Frangella, Tropp and Udell 2023, Randomized Nystrom preconditioning, with
             Rayleigh-Ritz in place of the Nystrom approximation); n r m operations

Neither moves a solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from superpos.arrays import Float, Int
from superpos.probes import thin
from superpos.probes.logistic import LogisticLosses
from superpos.seeding import generator

Preconditioner = Callable[[Float], Float]
"""V -> M^-1 V for vectors (r + 1, k)."""
MAX_CG = 100
"""Steps at most."""
RANK = 100
"""Eigenvalues of a sketch."""
POWERS = 2


def newton_steps(
    loss: LogisticLosses,
    Z1: NDArray[Any],
    curvature: Float,
    gradient: Float,
    precondition: Preconditioner,
    forcing: Float,
) -> tuple[Float, Float, Int]:
    """Return Newton steps (r + 1, k), their images under Z1 (n, k), and the conjugate gradient steps (k,).

    Parameters
    ----------
    loss
        Objectives.
    Z1
        Design matrix in the precision for products, (n, r + 1).
    curvature
        Weights D of the Hessians, (n, k).
    gradient
        (r + 1, k).
    precondition
        Approximate inverse of the Hessians.
    forcing
        Residuals over gradients at which to stop, (k,).
    """
    k = gradient.shape[1]
    step, image = np.zeros_like(gradient), np.zeros_like(curvature)
    n_cg = np.zeros(k, dtype=np.int64)
    wanted = forcing * np.linalg.norm(gradient, axis=0)
    live = np.arange(k)
    weights, penalty = Curvature.of(curvature, Z1.dtype), loss.penalty
    residual = -gradient
    conditioned = precondition(residual)
    direction, product = conditioned, np.sum(residual * conditioned, axis=0)
    for _ in range(MAX_CG):
        direction_image, hessian_image = _curve(Z1, weights, direction)
        hessian_image[:-1] += penalty * direction[:-1]
        bend = np.sum(direction * hessian_image, axis=0)
        # Rounding can leave no curvature along a direction; then there is nothing to gain.
        length = np.divide(product, bend, out=np.zeros_like(bend), where=(bend > 0.0) & (product > 0.0))
        direction_image *= length
        hessian_image *= length
        if len(live) == k:
            step += length * direction
            image += direction_image
        else:
            step[:, live] += length * direction
            image[:, live] += direction_image
        residual -= hessian_image
        n_cg[live] += 1
        going = (np.linalg.norm(residual, axis=0) > wanted[live]) & (length > 0.0)
        if not np.any(going):
            break
        if not np.all(going):
            live, residual, direction = live[going], residual[:, going], direction[:, going]
            product, penalty = product[going], loss.penalty[live]
            weights = Curvature.of(curvature[:, live], Z1.dtype)
        conditioned = precondition(residual)
        product, last = np.sum(residual * conditioned, axis=0), product
        direction = conditioned + (product / last) * direction
    return step, image, n_cg


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """Weights of Hessians as products take them."""

    values: NDArray[Any]
    """(n, k) in double precision; in single (n, width), columns over their largest, 4 divides the width."""
    largest: Float
    """(k,)."""

    @classmethod
    def of(cls, curvature: Float, dtype: np.dtype[Any]) -> Curvature:
        """Return the weights (n, k) for products in this precision."""
        largest = _largest_entries(curvature)
        if dtype == np.float64:
            return cls(curvature, largest)
        n, k = curvature.shape
        values = np.zeros(
            (n, -(-k // 4) * 4), dtype=np.float32
        )  # thin products are faster for whole registers
        values[:, :k] = curvature / largest
        return cls(values, largest)


def _curve(Z1: NDArray[Any], curvature: Curvature, vectors: Float) -> tuple[Float, Float]:
    """Return Z1 V, (n, k), and Z1^T (D Z1 V), (r + 1, k), in the precision of Z1."""
    if Z1.dtype == np.float64:
        image = thin.multiply(Z1, vectors)
        return image, ((curvature.values * image).T @ Z1).T
    k, largest = vectors.shape[1], _largest_entries(vectors)
    right = np.zeros((len(vectors), curvature.values.shape[1]), dtype=np.float32)
    right[:, :k] = vectors / largest
    images, pulled = thin.curve(Z1, right, curvature.values)
    return images[:, :k] * largest, pulled[:, :k] * (largest * curvature.largest)


def factor_hessian(Z1: NDArray[np.float32], curvature: Float, penalty: float) -> Preconditioner:
    """Return the inverse by a Cholesky factor, with a ridge where rounding asks for one.

    Parameters
    ----------
    Z1
        Design matrix in single precision, (n, r + 1).
    curvature
        Weights D, (n,).
    penalty
        Of all parameters but the last.
    """
    scaled = Z1 * np.sqrt(curvature).astype(np.float32)[:, None]
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
        largest = _largest_entries(vectors)
        right = np.asfortranarray(vectors / largest, dtype=np.float32)
        solved, _ = lapack.spotrs(factor, right, lower=1)
        result: Float = solved.astype(np.float64) * largest
        return result

    return apply


def sketch_hessian(Z1: NDArray[np.float32], curvature: Float, penalty: float) -> Preconditioner:
    """Return the inverse by the largest eigenvalues; arguments as of `factor_hessian`."""
    draw = generator("sample", name="probe sketch", seed=0)
    weights = curvature.astype(np.float32)[:, None]
    size = min(RANK, Z1.shape[1])
    images = draw.standard_normal((Z1.shape[1], size), dtype=np.float32)
    for _ in range(POWERS):
        basis, _ = np.linalg.qr(images)
        images = ((weights * (Z1 @ basis)).T @ Z1).T
    values, rotation = np.linalg.eigh((basis.T @ images).astype(np.float64))
    values = np.maximum(values, 0.0)
    vectors = basis @ rotation.astype(np.float32)
    shrink = ((values[0] + penalty) / (values + penalty) - 1.0)[:, None]

    def apply(given: Float) -> Float:
        largest = _largest_entries(given)
        shares = (vectors.T @ (given / largest).astype(np.float32)).astype(np.float64)
        result: Float = given + largest * (vectors @ (shrink * shares).astype(np.float32)).astype(np.float64)
        return result

    return apply


def _largest_entries(vectors: Float) -> Float:
    """Return the largest magnitude in each column, 1 for a column of zeros.

    Columns are divided by it before they go to single precision, whose range late residuals would leave.
    """
    largest = np.max(np.abs(vectors), axis=0)
    return np.where(largest > 0.0, largest, 1.0)
