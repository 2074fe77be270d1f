"""Newton's method for logistic probes: conjugate gradients inside, a lagging Cholesky factor before them.

Each outer step solves H p = -g by preconditioned conjugate gradients to the tolerance
min(0.1, sqrt(relative gradient)) |g| (truncated Newton; Nocedal and Wright 2006, section 7.1) and halves the
step until the objective falls enough. The preconditioner is the Cholesky factor of an earlier Hessian, formed
in single precision, and is formed anew only when conjugate gradients needed more than `PATIENCE` steps. It
changes the way to the solution and not the solution: gradients, objective and stopping test are in double.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from superpos.arrays import Float
from superpos.probes.objective import LogisticLoss

PATIENCE = 8
"""Conjugate gradient steps above which the factor is too old."""
MAX_CG = 50
"""Conjugate gradient steps of one outer iteration at most."""
DECREASE = 1e-4
"""Share of the predicted decrease that a step must reach (Armijo)."""
ROUNDING = 1e-14
"""Relative rounding of the objective, within which it counts as not risen."""
MIN_STEP = 2.0**-40


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """End of the minimisation."""

    theta: Float
    """Coefficients and intercept, (d + 1,)."""
    gradient_norm: float
    """Euclidean norm of the gradient of the mean objective, a bound of its infinity norm in any basis."""
    nit: int
    n_factors: int
    """Hessians that were formed."""


def minimise(loss: LogisticLoss, single: NDArray[np.float32], tol: float, max_iter: int) -> Solution:
    """Minimise a logistic loss from zero.

    Parameters
    ----------
    loss
        Objective over (d + 1,) parameters.
    single
        Transposed matrix of the objective in single precision, (d + 1, n), Fortran order.
    tol
        Euclidean norm of the gradient at which to stop.
    max_iter
        Outer iterations at most.

    Returns
    -------
    Solution
        Also when `tol` was not reached: `gradient_norm` says so.
    """
    theta = np.zeros(loss.X1.shape[1])
    margins = loss.margins(theta)
    value, gradient = loss.value(theta, margins), loss.gradient(theta, margins)
    norm = start = float(np.linalg.norm(gradient))
    precondition: Callable[[Float], Float] | None = None
    n_factors = nit = 0
    while nit < max_iter and norm > tol:
        curvature = loss.curvature(margins)
        if precondition is None:
            precondition = _factor(single, curvature, loss.penalty)
            n_factors += 1
        forcing = min(0.1, (norm / start) ** 0.5)
        step, image, n_cg = _solve(loss, curvature, gradient, precondition, forcing)
        if n_cg >= PATIENCE:
            precondition = None
        change, slope = loss.signs * image, float(gradient @ step)
        length = 1.0
        while length >= MIN_STEP:
            tried = loss.value(theta + length * step, margins + length * change)
            if tried <= value + DECREASE * length * slope + ROUNDING * abs(value):
                break
            length *= 0.5
        else:
            break
        theta = theta + length * step
        margins = loss.margins(theta)
        value, gradient = loss.value(theta, margins), loss.gradient(theta, margins)
        norm = float(np.linalg.norm(gradient))
        nit += 1
    return Solution(theta, norm, nit, n_factors)


def _solve(
    loss: LogisticLoss,
    curvature: Float,
    gradient: Float,
    precondition: Callable[[Float], Float],
    forcing: float,
) -> tuple[Float, Float, int]:
    """Return the Newton step, its image under X1, and the conjugate gradient steps taken."""
    step = np.zeros_like(gradient)
    image = np.zeros_like(curvature)
    residual = -gradient
    wanted = forcing * float(np.linalg.norm(gradient))
    conditioned = precondition(residual)
    direction = conditioned
    product = float(residual @ conditioned)
    n_cg = 0
    while n_cg < MAX_CG:
        n_cg += 1
        direction_image = loss.X1 @ direction
        hessian_image = loss.X1.T @ (curvature * direction_image) + loss.penalty * direction
        length = product / float(direction @ hessian_image)
        step += length * direction
        image += length * direction_image
        residual = residual - length * hessian_image
        if float(np.linalg.norm(residual)) <= wanted:
            break
        conditioned = precondition(residual)
        product, last = float(residual @ conditioned), product
        direction = conditioned + (product / last) * direction
    return step, image, n_cg


def _factor(single: NDArray[np.float32], curvature: Float, penalty: Float) -> Callable[[Float], Float]:
    """Return v -> M^-1 v, M the Hessian in single precision, with a ridge where rounding asks for one."""
    root = np.sqrt(curvature).astype(np.float32)
    hessian: Any = blas.ssyrk(1.0, single * root, lower=1)
    diagonal = np.arange(hessian.shape[0])
    hessian[diagonal, diagonal] += penalty.astype(np.float32)
    scale = float(np.max(hessian[diagonal, diagonal]))
    ridge = 1e-7 * scale
    while True:
        hessian[diagonal, diagonal] += np.float32(ridge)
        factor, failed = lapack.spotrf(hessian, lower=1)
        if failed == 0:
            break
        ridge *= 10.0

    def apply(vector: Float) -> Float:
        # Scaled to about 1: late residuals would fall below the smallest single-precision numbers.
        largest = float(np.max(np.abs(vector))) or 1.0
        solved, _ = lapack.spotrs(factor, (vector / largest).astype(np.float32), lower=1)
        result: Float = solved.astype(np.float64) * largest
        return result

    return apply
