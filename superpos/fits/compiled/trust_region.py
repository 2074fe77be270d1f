"""Riemannian trust region on the product of spheres: the method of `superpos.fits.manifold`, compiled.

    H z = 2 P (C z + D u - q z),   C = sqrt(w_i w_j) phi'_ij,   D_ij = sqrt(w_i w_j) phi''_ij <u_i, z_j>
                                                                      + w_j phi''_ij <u_j, z_i>

by four small dense products, O(n^2 f); everything else is O(n f). Radii, acceptance, the truncated conjugate
gradients and the gradient rule for small decreases are those described there.

Source: Absil, Baker & Gallivan, Found. Comput. Math. 7 (2007); Hager & Zhang, SIAM J. Optim. 16 (2005).
"""

from __future__ import annotations

import math

from superpos.arrays import Float, Int
from superpos.fits.compiled.machine.dense import blend, dot, product, row_dots
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.options import PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.orbit import gather_orbit, leave_orbit
from superpos.fits.compiled.sphere_point import evaluate, slot_start
from superpos.fits.compiled.sphere_workspace import (
    BENT,
    BUFFER,
    COUPLED,
    DIRECTION,
    DIRECTION_BENT,
    ENERGY,
    FIRST,
    GRADIENT,
    MATRIX,
    OTHER,
    OWN,
    RADIAL,
    RELATIVE,
    RESIDUAL,
    ROOTS,
    SECOND,
    STEP,
    STEP_BENT,
    SUM,
    UNITS,
    WEIGHTS,
    F,
    M,
    N,
)
from superpos.fits.manifold import ACCEPTED, READABLE, SMALLEST_RADIUS

CONVERGED, MAX_ITER, NON_FINITE, NO_DECREASE, SHRUNK = range(5)
"""How a descent ended."""


@compiled(PASTE)
def gather_hessian(memory: FloatPointer, at: IntPointer, slot: int) -> None:
    """Write the matrices of the Hessian at a point."""
    n, m, start = at[N], at[M], slot_start(at, slot)
    weights, roots = part(memory, at[WEIGHTS]), part(memory, at[ROOTS])
    for i in range(n):
        first, second = (
            part(memory, start + at[FIRST] + i * m),
            part(memory, start + at[SECOND] + i * m),
        )
        coupled, bent = part(memory, at[COUPLED] + i * m), part(memory, at[BENT] + i * m)
        own, weight, root = part(memory, at[OWN] + i * m), weights[i], roots[i]
        for j in range(m):
            pair = root * roots[j]
            coupled[j] = pair * first[j]
            bent[j] = pair * second[j]
            own[j] = weight * second[j]


@compiled(PASTE)
def bend(memory: FloatPointer, at: IntPointer, slot: int, z: FloatPointer, out: FloatPointer) -> None:
    """Write H z, off the rotation orbit."""
    n, f, m, start = at[N], at[F], at[M], slot_start(at, slot)
    units, radial = part(memory, start + at[UNITS]), part(memory, start + at[RADIAL])
    ahead, back, sum_ = (
        part(memory, at[MATRIX]),
        part(memory, at[OTHER]),
        part(memory, at[SUM]),
    )
    bent, own = part(memory, at[BENT]), part(memory, at[OWN])
    product(z, m, 1, units, m, f, ahead, n)
    product(units, m, 1, z, m, f, back, n)
    # Row j, column i of the transpose of D.
    for j in range(n * m):
        ahead[j] = bent[j] * ahead[j] + own[j] * back[j]
    product(units, 1, m, ahead, m, n, sum_, f)
    product(z, 1, m, part(memory, at[COUPLED]), m, n, out, f)
    along, twice = part(memory, at[BUFFER]), part(memory, at[MATRIX])
    for k in range(f):
        row, add, step = part(out, k * m), part(sum_, k * m), part(z, k * m)
        for j in range(m):
            row[j] += add[j] - radial[j] * step[j]
    row_dots(out, units, f, m, along)
    for j in range(m):
        twice[j] = 2.0
        along[j] = -2.0 * along[j]
    blend(out, twice, units, along, f, m, out)
    leave_orbit(memory, at, out)


@compiled(PASTE)
def truncated_cg(
    memory: FloatPointer, at: IntPointer, slot: int, radius: float, initial: float
) -> tuple[float, bool]:
    """Write the step and H times it; return the predicted decrease and whether it ends at the border."""
    size = at[F] * at[M]
    gradient = part(memory, slot_start(at, slot) + at[GRADIENT])
    z, image, residual = (
        part(memory, at[STEP]),
        part(memory, at[STEP_BENT]),
        part(memory, at[RESIDUAL]),
    )
    direction, bent = part(memory, at[DIRECTION]), part(memory, at[DIRECTION_BENT])
    gather_hessian(memory, at, slot)
    gather_orbit(memory, at, slot)
    for j in range(size):
        z[j] = image[j] = 0.0
        residual[j] = gradient[j]
        direction[j] = -gradient[j]
    square = dot(gradient, 0, gradient, 0, size)
    length = math.sqrt(square)
    share = length / initial
    share = share if share > 1e-4 else 1e-4
    goal = length * (share if share < 0.1 else 0.1)
    zz = zd = 0.0
    dd = square
    at_border = False
    for _ in range(2 * at[N] * at[F]):
        bend(memory, at, slot, direction, bent)
        curvature = dot(direction, 0, bent, 0, size)
        step = square / curvature if curvature > 0.0 else math.inf
        if not zz + step * (2.0 * zd + step * dd) < radius * radius:
            step = (-zd + math.sqrt(zd * zd + dd * (radius * radius - zz))) / dd
            at_border = True
        for j in range(size):
            z[j] += step * direction[j]
            image[j] += step * bent[j]
            residual[j] += step * bent[j]
        fresh = dot(residual, 0, residual, 0, size)
        if at_border or math.sqrt(fresh) <= goal:
            break
        zz += step * (2.0 * zd + step * dd)
        ratio = fresh / square
        zd = ratio * (zd + step * dd)
        dd = fresh + ratio * ratio * dd
        for j in range(size):
            direction[j] = ratio * direction[j] - residual[j]
        square = fresh
    return -dot(gradient, 0, z, 0, size) - 0.5 * dot(z, 0, image, 0, size), at_border


@compiled(PASTE)
def retract(memory: FloatPointer, at: IntPointer, slot: int, other: int) -> None:
    """Write (u + eta) / ||u + eta|| into the other slot; its lengths lie in the buffer."""
    n, f, m = at[N], at[F], at[M]
    units, moved = (
        part(memory, slot_start(at, slot) + at[UNITS]),
        part(memory, slot_start(at, other) + at[UNITS]),
    )
    roots, lengths = part(memory, at[ROOTS]), part(memory, at[BUFFER])
    for j in range(m):
        lengths[j] = 0.0
    for k in range(f):
        step, unit, out = part(memory, at[STEP] + k * m), part(units, k * m), part(moved, k * m)
        for j in range(n):
            out[j] = unit[j] + step[j] / roots[j]
            lengths[j] += out[j] * out[j]
    for j in range(n):
        lengths[j] = math.sqrt(lengths[j])
    for k in range(f):
        out = part(moved, k * m)
        for j in range(n):
            out[j] = out[j] / lengths[j]


@compiled(PASTE)
def decrease(memory: FloatPointer, at: IntPointer, slot: int, other: int, lengths: FloatPointer) -> float:
    """Return the decrease of the energy along the step, from gradients where energies cannot tell it."""
    f, m = at[F], at[M]
    here, there = slot_start(at, slot), slot_start(at, other)
    energy, new = memory[here + at[ENERGY]], memory[there + at[ENERGY]]
    if abs(energy - new) > READABLE * max(abs(energy), abs(new)):
        return energy - new
    # d/dt of the retraction at t = 1 is the projection of eta / ||u + eta||; the gradient projects it itself.
    along = part(memory, at[SUM])
    for j in range(m):
        along[j] = 0.0
    for k in range(f):
        slope, step = part(memory, there + at[GRADIENT] + k * m), part(memory, at[STEP] + k * m)
        for j in range(m):
            along[j] += slope[j] * step[j]
    ahead = 0.0
    for j in range(at[N]):
        ahead += along[j] / lengths[j]
    return -0.5 * (dot(memory, here + at[GRADIENT], memory, at[STEP], f * m) + ahead)


@entry
def minimise(
    arrays: Float, places: Int, gtol: float, max_iter: int, radius: float, largest: float, buffer: Float
) -> tuple[int, int, int, int]:
    """Descend from slot 0; return (slot of the end, steps, evaluations, how it ended). `buffer`: (m,)."""
    memory, at, lengths = part(arrays, 0), part(places, 0), part(buffer, 0)
    slot, nfev = 0, 1
    evaluate(memory, at, slot)
    if math.isnan(memory[slot_start(at, slot) + at[RELATIVE]]):
        return slot, 0, nfev, NON_FINITE
    f, m = at[F], at[M]
    start = slot_start(at, slot)
    initial = math.sqrt(dot(memory, start + at[GRADIENT], memory, start + at[GRADIENT], f * m))
    for nit in range(max_iter):
        if memory[slot_start(at, slot) + at[RELATIVE]] <= gtol:
            return slot, nit, nfev, CONVERGED
        predicted, at_border = truncated_cg(memory, at, slot, radius, initial)
        if not predicted > 0.0:
            return slot, nit, nfev, NO_DECREASE
        other = 1 - slot
        retract(memory, at, slot, other)
        moved = part(memory, at[BUFFER])
        for j in range(m):
            lengths[j] = moved[j]
        evaluate(memory, at, other)
        nfev += 1
        ratio = -1.0
        if not math.isnan(memory[slot_start(at, other) + at[RELATIVE]]):
            ratio = decrease(memory, at, slot, other, lengths) / predicted
        if not ratio >= 0.25:
            size = math.sqrt(dot(memory, at[STEP], memory, at[STEP], f * m))
            radius = 0.25 * min(radius, size)
        elif ratio > 0.75 and at_border:
            radius = min(2.0 * radius, largest)
        if ratio > ACCEPTED:
            slot = other
        elif radius < SMALLEST_RADIUS:
            return slot, nit + 1, nfev, SHRUNK
    if memory[slot_start(at, slot) + at[RELATIVE]] <= gtol:
        return slot, max_iter, nfev, CONVERGED
    return slot, max_iter, nfev, MAX_ITER
