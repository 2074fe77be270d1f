"""Newton steps of several features together: conjugate gradients behind an approximate inverse of a Hessian.

A step of all features multiplies the design matrix twice with a thin one, row block by row block, so that the
second product finds the rows in the cache (Nocedal and Wright 2006, chapter 5). A feature that has reached
its tolerance takes no further part. Preconditioners, of a Hessian Z1^T D Z1 + penalty in single precision:

    factor   Cholesky factor of the Hessian; n r^2 + r^3 / 3 operations
    sketch   for its largest eigenvalues only: with U, (r, m), and L the Ritz vectors and values of
             Z1^T D Z1 on a random subspace after a power iteration, and l the smallest of L,
                 M^-1 v = v + U ((l + p) / (L + p) - 1) U^T v,       p the penalty,
             over l + p, up to a factor (Frangella, Tropp and Udell 2023, Randomized Nystrom preconditioning,
             with Rayleigh-Ritz in place of the Nystrom approximation); n r m operations

Neither moves a solution. Of a large matrix the directions of earlier steps serve, too
(`superpos.probes.recycled`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from superpos.arrays import Float, Int
from superpos.probes.logistic import LogisticLosses
from superpos.probes.recycled import Memory
from superpos.probes.thin import blocks, filled, products
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
    memory: Memory | None = None,
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
    memory
        What earlier steps have taught of these features; learns from this one.
    """
    step, image = np.zeros_like(gradient), np.zeros_like(curvature)
    n_cg = np.zeros(gradient.shape[1], dtype=np.int64)
    wanted = forcing * np.linalg.norm(gradient, axis=0)
    live = np.arange(gradient.shape[1])
    residual = -gradient

    def condition(vectors: Float) -> Float:
        return precondition(vectors) if memory is None else memory.apply(precondition, live, vectors)

    conditioned = condition(residual)
    direction, product = conditioned, np.sum(residual * conditioned, axis=0)
    for _ in range(MAX_CG):
        direction_image, hessian_image = _curve(Z1, curvature[:, live], direction)
        hessian_image[:-1] += loss.penalty[live] * direction[:-1]
        bend = np.sum(direction * hessian_image, axis=0)
        if memory is not None:
            memory.note(live, direction, hessian_image, bend)
        # Rounding can leave no curvature along a direction; then there is nothing to gain.
        length = np.divide(product, bend, out=np.zeros_like(bend), where=(bend > 0.0) & (product > 0.0))
        step[:, live] += length * direction
        image[:, live] += length * direction_image
        residual = residual - length * hessian_image
        n_cg[live] += 1
        going = (np.linalg.norm(residual, axis=0) > wanted[live]) & (length > 0.0)
        if not np.any(going):
            break
        if not np.all(going):
            live, residual, direction = live[going], residual[:, going], direction[:, going]
            product = product[going]
        conditioned = condition(residual)
        product, last = np.sum(residual * conditioned, axis=0), product
        direction = conditioned + (product / last) * direction
    if memory is not None:
        memory.learn()
    return step, image, n_cg


def _curve(Z1: NDArray[Any], curvature: Float, vectors: Float) -> tuple[Float, Float]:
    """Return Z1 V, (n, k), and Z1^T (D Z1 V), (r + 1, k), in the precision of Z1."""
    if Z1.dtype == np.float64:
        image = products(Z1, vectors)
        return image, ((curvature * image).T @ Z1).T
    n, k = curvature.shape
    largest, heaviest = _largest_entries(vectors), _largest_entries(curvature)
    right, weights = filled(vectors / largest, np.float32), filled(curvature / heaviest, np.float32)
    width = right.shape[1]
    images = np.empty((n, width), dtype=np.float32)
    total = np.zeros((width, len(vectors)), dtype=np.float32)
    for rows in blocks(Z1.shape, width):  # both products while the rows are in the cache
        np.matmul(Z1[rows], right, out=images[rows])
        total += np.ascontiguousarray((weights[rows] * images[rows]).T) @ Z1[rows]
    return images[:, :k] * largest, total[:k].T * (largest * heaviest)


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
    images = draw.standard_normal((Z1.shape[1], min(RANK, Z1.shape[1])), dtype=np.float32)
    for _ in range(POWERS):
        basis, _ = np.linalg.qr(images)
        images = ((weights * (Z1 @ basis)).T @ Z1).T
    values, rotation = np.linalg.eigh((basis.T @ images).astype(np.float64))
    values = np.maximum(values, 0.0)
    vectors = basis @ rotation.astype(np.float32)
    shrink = ((values[0] + penalty) / (values + penalty) - 1.0)[:, None]
    # The size of an inverse, but for a factor below 2 that the bits of a power of 2 leave alone.
    size = float(np.exp2(-np.round(np.log2(values[0] + penalty))))

    def apply(given: Float) -> Float:
        largest = _largest_entries(given)
        shares = (vectors.T @ (given / largest).astype(np.float32)).astype(np.float64)
        result: Float = given + largest * (vectors @ (shrink * shares).astype(np.float32)).astype(np.float64)
        result *= size
        return result

    return apply


def _largest_entries(vectors: Float) -> Float:
    """Return the largest magnitude in each column, 1 for a column of zeros.

    Columns are divided by it before they go to single precision, whose range late residuals would leave.
    """
    largest = np.max(np.abs(vectors), axis=0)
    return np.where(largest > 0.0, largest, 1.0)
