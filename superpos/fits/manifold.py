"""Exact-norm optimiser: Riemannian trust region on the product of spheres ||x_i|| = n_i.

Minimises E over unit rows u_i, x_i = n_i u_i, in coordinates z_i = sqrt(w_i) eta_i (`spheres.py`), so that a
row of small importance is no harder to place than a heavy one and ||z|| is the importance-weighted root mean
square angle of a step, in radians. One iteration:

    model      m(z) = <g, z> + 1/2 <z, H z>, minimised over ||z|| <= Delta by truncated conjugate gradients
               (Steihaug, Toint): stop at negative curvature or at the border, or at a residual of
               ||g|| min(1/10, max(||g|| / ||g_0||, 1e-4)); below that only rounding is left
    step       u_i -> (u_i + eta_i) / ||u_i + eta_i||
    ratio      actual over predicted decrease; accepted above 0.1; Delta / 4 below 1/4, 2 Delta above 3/4 at
               the border
    end        relative gradient <= gtol (`converged`), max_iter steps (`max_iter`), Delta below 1e-14
    (`stalled`)

Where the decrease is too small to be read from a difference of energies, it is taken from the two gradients
along the step (trapezoidal rule), which keeps its relative precision: this is what lets the method reach 1e-8
rather than the square root of rounding. E is constant along common rotations, and off a critical point the
Hessian along them is of the size of the gradient with either sign; they are projected out of the model. Every
accepted step decreases the energy; nothing is drawn at random. At a critical point, a saddle included, it
stays. Rows that the energy does not see stay at their start.

Source: Absil, Baker & Gallivan, Trust-region methods on Riemannian manifolds, Found. Comput. Math. 7 (2007);
the gradient rule follows the approximate Wolfe condition of Hager & Zhang, SIAM J. Optim. 16 (2005).
"""

from __future__ import annotations

import math

import numpy as np

from superpos.arrays import Float, row_lengths
from superpos.fits.kernels import energy_value
from superpos.fits.spheres import SphereEnergy, SpherePoint, relative_gradient, seen, unit_rows
from superpos.records.fits import Reoptimisation, Status
from superpos.specs.axes import Kernel

MAX_ITER = 500
"""Trust-region steps when the caller names no limit."""
WEIGHT_FLOOR = 1e-24
"""Importance below this is raised to it: the energy does not notice, and the row can still be placed."""
FIRST_RADIUS, LARGEST_RADIUS = 0.1, 0.5
"""Trust radii of a run, in radians."""
POLISH_RADIUS, POLISH_LARGEST = 0.01, 0.05
"""Trust radii of a polish: small, so that it descends into the basin it starts in."""
SMALLEST_RADIUS = 1e-14
ACCEPTED = 0.1
READABLE = 1e-8
"""Share of the energy below which a decrease is taken from gradients."""


def project(vectors: Float, norms: Float) -> Float:
    """Return the rows of `vectors` (n, f) scaled to the norms (n,), a zero row along the first axis."""
    return np.asarray(unit_rows(vectors, norms) * norms[:, None])


def minimise_on_spheres(
    start: Float,
    importance: Float,
    norms: Float,
    kernel: Kernel,
    *,
    gtol: float = 1e-8,
    max_iter: int | None = None,
    first_radius: float = FIRST_RADIUS,
    largest_radius: float = LARGEST_RADIUS,
) -> Reoptimisation:
    """Descend from `start`, projected to the spheres, to a critical point of the energy.

    Parameters
    ----------
    start
        (n, f); the record's `start` is its projection.
    importance, norms
        w~ and n_i, both (n,).
    kernel
        The energy.
    gtol
        Relative gradient at which to stop.
    max_iter
        Most trust-region steps; None stands for 500.
    first_radius, largest_radius
        Trust radii in radians.

    Returns
    -------
    Reoptimisation
        `nfev` and `njev` count evaluations of energy and gradient; Hessian-vector products are not counted.
    """
    limit = MAX_ITER if max_iter is None else max_iter
    with np.errstate(all="ignore"):
        kept, units = seen(importance), unit_rows(start, norms)
        problem = SphereEnergy(np.maximum(importance[kept], WEIGHT_FLOOR), norms[kept], kernel)
        first = problem.at(units[kept])
        point, nit, nfev, status, message = _descend(first, gtol, limit, first_radius, largest_radius)
    start = units * norms[:, None]
    units[kept] = point.units
    vectors = units * norms[:, None]
    energy = energy_value(vectors, importance, kernel)
    return end_on_spheres(
        vectors,
        start,
        norms,
        energy=energy,
        energy_start=energy_value(start, importance, kernel),
        gradient=relative_gradient(vectors, importance, kernel),
        nit=nit,
        nfev=nfev,
        status=status,
        message=message,
    )


def end_on_spheres(
    vectors: Float,
    start: Float,
    norms: Float,
    *,
    energy: float,
    energy_start: float,
    gradient: float,
    nit: int,
    nfev: int,
    status: Status,
    message: str,
) -> Reoptimisation:
    """Return the record of an end on the spheres of `norms`, on either back end."""
    return Reoptimisation(
        vectors=vectors,
        start=start,
        fun=energy,
        energy=energy,
        energy_start=energy_start,
        norm_error=float(np.abs(row_lengths(vectors) - norms).sum()),
        relative_gradient=gradient,
        nit=nit,
        nfev=nfev,
        njev=nfev,
        status=status,
        message=message,
    )


def polish(
    vectors: Float,
    importance: Float,
    norms: Float,
    kernel: Kernel,
    *,
    gtol: float = 1e-8,
    max_iter: int | None = None,
) -> Reoptimisation:
    """Project `vectors` (n, f) to the spheres of `norms` (n,) and descend to the minimum of their basin.

    The same method as `minimise_on_spheres` with a first trust radius of 0.01 and a largest of 0.05 radians,
    so that no early step can leap over a barrier.
    """
    return minimise_on_spheres(
        vectors,
        importance,
        norms,
        kernel,
        gtol=gtol,
        max_iter=max_iter,
        first_radius=POLISH_RADIUS,
        largest_radius=POLISH_LARGEST,
    )


def _descend(
    point: SpherePoint, gtol: float, max_iter: int, radius: float, largest: float
) -> tuple[SpherePoint, int, int, Status, str]:
    if not point.is_finite:
        return point, 0, 1, Status.NON_FINITE, "the energy is not finite at the start"
    roots = point.problem.roots[:, None]
    initial = float(np.linalg.norm(point.gradient))
    nfev = 1
    for nit in range(max_iter):
        if point.relative_gradient() <= gtol:
            return point, nit, nfev, Status.CONVERGED, "relative gradient below gtol"
        z, predicted, at_border = _truncated_cg(point, radius, initial)
        if not predicted > 0.0:
            return point, nit, nfev, Status.STALLED, "the model predicts no decrease"
        eta = z / roots
        moved = point.units + eta
        lengths = np.sqrt(np.einsum("ij,ij->i", moved, moved))[:, None]
        trial = point.problem.at(moved / lengths)
        nfev += 1
        ratio = _decrease(point, trial, z, eta, lengths) / predicted if trial.is_finite else -1.0
        if not ratio >= 0.25:
            radius = 0.25 * min(radius, float(np.linalg.norm(z)))
        elif ratio > 0.75 and at_border:
            radius = min(2.0 * radius, largest)
        if ratio > ACCEPTED:
            point = trial
        elif radius < SMALLEST_RADIUS:
            return point, nit + 1, nfev, Status.STALLED, "the trust region shrank to rounding"
    if point.relative_gradient() <= gtol:
        return point, max_iter, nfev, Status.CONVERGED, "relative gradient below gtol"
    return point, max_iter, nfev, Status.MAX_ITER, f"{max_iter} trust-region steps"


def _decrease(point: SpherePoint, trial: SpherePoint, z: Float, eta: Float, lengths: Float) -> float:
    difference = point.energy - trial.energy
    if abs(difference) > READABLE * max(abs(point.energy), abs(trial.energy)):
        return difference
    # d/dt of the retraction at t = 1 is the projection of eta / ||u + eta||; the gradient projects it itself.
    ahead = float(np.vdot(trial.gradient, point.problem.roots[:, None] * eta / lengths))
    return -0.5 * (float(np.vdot(point.gradient, z)) + ahead)


def _truncated_cg(point: SpherePoint, radius: float, initial: float) -> tuple[Float, float, bool]:
    """Return the step, the predicted decrease, and whether the step ends at the border."""
    gradient, off_orbit = point.gradient, point.off_orbit()
    residual = gradient.copy()
    square = float(np.vdot(residual, residual))
    size = math.sqrt(square)
    goal = size * min(0.1, max(1e-4, size / initial))
    z = np.zeros_like(gradient)
    product = np.zeros_like(gradient)
    direction = -residual
    zz = zd = 0.0
    dd = square
    for _ in range(2 * gradient.size):
        bent = off_orbit(point.hessian_product(direction))
        curvature = float(np.vdot(direction, bent))
        step = square / curvature if curvature > 0.0 else math.inf
        if not zz + step * (2.0 * zd + step * dd) < radius * radius:
            step = (-zd + math.sqrt(zd * zd + dd * (radius * radius - zz))) / dd
            z += step * direction
            product += step * bent
            return z, _predicted(gradient, z, product), True
        z += step * direction
        product += step * bent
        residual += step * bent
        fresh = float(np.vdot(residual, residual))
        if math.sqrt(fresh) <= goal:
            break
        zz += step * (2.0 * zd + step * dd)
        ratio = fresh / square
        zd = ratio * (zd + step * dd)
        dd = fresh + ratio * ratio * dd
        direction = ratio * direction - residual
        square = fresh
    return z, _predicted(gradient, z, product), False


def _predicted(gradient: Float, z: Float, product: Float) -> float:
    return -float(np.vdot(gradient, z)) - 0.5 * float(np.vdot(z, product))
