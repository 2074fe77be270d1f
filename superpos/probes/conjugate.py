"""Conjugate gradients for the Newton steps of several features together (Nocedal and Wright 2006, chapter 5).

A step of all features multiplies the matrix twice with a thin one, row block by row block, so that the second
product finds the rows in the cache. A feature that has reached its tolerance takes no further part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Float, Int
from superpos.probes.objective import LogisticLosses
from superpos.probes.preconditioners import Preconditioner, largest_entries

MAX_CG = 100
"""Steps at most."""
ROWS = 256
"""Rows of the matrix in a block."""


def newton_steps(
    loss: LogisticLosses,
    matrix: NDArray[Any],
    curvature: Float,
    gradient: Float,
    precondition: Preconditioner,
    forcing: Float,
) -> tuple[Float, Float, Int]:
    """Return Newton steps (r + 1, k), their images under X1 (n, k), and the conjugate gradient steps (k,).

    Parameters
    ----------
    loss
        Objectives.
    matrix
        X1, in the precision for products.
    curvature
        Weights D of the Hessians, (n, k).
    gradient
        (r + 1, k).
    precondition
        Approximate inverse of the Hessians.
    forcing
        Residuals over gradients at which to stop, (k,).
    """
    step, image = np.zeros_like(gradient), np.zeros_like(curvature)
    n_cg = np.zeros(gradient.shape[1], dtype=np.int64)
    wanted = forcing * np.linalg.norm(gradient, axis=0)
    live = np.arange(gradient.shape[1])
    residual = -gradient
    conditioned = precondition(residual)
    direction, product = conditioned, np.sum(residual * conditioned, axis=0)
    for _ in range(MAX_CG):
        direction_image, hessian_image = _curve(matrix, curvature[:, live], direction)
        hessian_image[:-1] += loss.penalty[live] * direction[:-1]
        bend = np.sum(direction * hessian_image, axis=0)
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
        conditioned = precondition(residual)
        product, last = np.sum(residual * conditioned, axis=0), product
        direction = conditioned + (product / last) * direction
    return step, image, n_cg


def _curve(matrix: NDArray[Any], curvature: Float, vectors: Float) -> tuple[Float, Float]:
    """Return X1 V, (n, k), and X1^T (D X1 V), (r + 1, k), in the precision of the matrix."""
    if matrix.dtype == np.float64:
        image = matrix @ vectors
        return image, ((curvature * image).T @ matrix).T
    n, k = curvature.shape
    largest, heaviest = largest_entries(vectors), largest_entries(curvature)
    width = -(-k // 4) * 4  # thin products are faster for whole registers
    right = np.zeros((len(vectors), width), dtype=np.float32)
    right[:, :k] = vectors / largest
    weights = np.zeros((n, width), dtype=np.float32)
    weights[:, :k] = curvature / heaviest
    images = np.empty((n, width), dtype=np.float32)
    total = np.zeros((width, len(vectors)), dtype=np.float32)
    for start in range(0, n, ROWS):  # both products while the rows are in the cache
        rows = slice(start, start + ROWS)
        np.matmul(matrix[rows], right, out=images[rows])
        total += np.ascontiguousarray((weights[rows] * images[rows]).T) @ matrix[rows]
    return images[:, :k] * largest, total[:k].T * (largest * heaviest)
