"""Gradient and Hessian of the joint step, assembled from the derivatives of its pair functions.

The formulas are those of `superpos.fits.joint_curvature`. Whatever depends on the kind of energy or
similarity comes in as (n, n) matrices: first and second derivatives over cosines (`a`, `a2`) and over squared
distances (`b`, `b2`). On spheres every block becomes P_i B P_j, and P_i <g_i, x_i> / ||x_i||^2 is taken from
the diagonal ones.

`stiff` is the Hessian plus c times the squares of the flat directions, c = max_i |H_ii|:

    rotations    G_ij I - x_j x_i^T        spheres       u_i u_i^T on the diagonal
    shifts       I / n                     importance    v v^T
"""

from __future__ import annotations

from superpos.arrays import Float, Int
from superpos.fits.compiled.joint_terms import (
    BY_ANGLE,
    DIRECTED,
    LEARNED,
    SHIFTS,
    SPHERES,
    F,
    N,
    fill_importance,
    fill_terms,
    largest_force,
)
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.options import PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part

LARGEST = 1.7976931348623157e308
"""Largest double."""


@compiled(PASTE)
def _add_pairs(
    at: IntPointer, x: FloatPointer, units: FloatPointer, inverse: FloatPointer, cosines: FloatPointer,
    matrices: FloatPointer, v: FloatPointer, p: FloatPointer, gradient: FloatPointer, hessian: FloatPointer,
    size: int, length: float
) -> None:  # fmt: skip
    """Add blocks and gradient of all pairs; `p`: two rows of f numbers."""
    n, f = at[N], at[F]
    many = n * n
    a, a2, slope = part(matrices, 0), part(matrices, many), part(matrices, 4 * many)
    b, b2 = part(matrices, 2 * many), part(matrices, 3 * many)
    square = length * length
    for i in range(n):
        u_i, x_i = part(units, i * f), part(x, i * f)
        for j in range(n):
            if i == j:
                continue
            pair = i * n + j
            u_j, x_j, c = part(units, j * f), part(x, j * f), cosines[pair]
            a_ij, b_ij = 2.0 * a[pair], 4.0 * b[pair]
            bend_a, bend_b = 2.0 * square * a2[pair], 8.0 * square * b2[pair]
            ours, theirs, gap = part(p, 0), part(p, f), part(p, 2 * f)
            own = inverse[i]
            for k in range(f):
                ours[k] = (u_j[k] - c * u_i[k]) * own
                theirs[k] = (u_i[k] - c * u_j[k]) * inverse[j]
                gap[k] = x_i[k] - x_j[k]
                gradient[i * f + k] += length * (a_ij * ours[k] + b_ij * gap[k])
            cross, lean, sway = (
                square * a_ij * own * inverse[j],
                square * a_ij * own,
                square * a_ij * c * own * own,
            )
            for k in range(f):
                row = part(hessian, (i * f + k) * size)
                here, there = part(row, i * f), part(row, j * f)
                for m in range(f):
                    here[m] += (
                        bend_a * ours[k] * ours[m]
                        - lean * (ours[k] * u_i[m] + u_i[k] * ours[m])
                        + sway * u_i[k] * u_i[m]
                        + bend_b * gap[k] * gap[m]
                    )
                    there[m] += (
                        bend_a * ours[k] * theirs[m]
                        - cross * (u_i[k] * u_i[m] + u_j[k] * u_j[m] - c * u_i[k] * u_j[m])
                        - bend_b * gap[k] * gap[m]
                    )
                here[k] += square * b_ij - sway
                there[k] += cross - square * b_ij
            if at[LEARNED] == 1:
                # V_ij times 2 v_j w_i in column j, times 2 v_i w_j in column i.
                weight = length * 2.0 * slope[pair] * (2.0 if at[BY_ANGLE] == 1 else 4.0)
                far, near = weight * v[j] * v[i] * v[i], weight * v[i] * v[j] * v[j]
                for k in range(f):
                    step = ours[k] if at[BY_ANGLE] == 1 else gap[k]
                    row = part(hessian, (i * f + k) * size + n * f)
                    row[j] += far * step
                    row[i] += near * step


@compiled(PASTE)
def _restrict(
    at: IntPointer,
    units: FloatPointer,
    inverse: FloatPointer,
    gradient: FloatPointer,
    hessian: FloatPointer,
    size: int,
    length: float,
) -> None:
    """Take gradient and Hessian over X to the spheres."""
    n, f = at[N], at[F]
    for i in range(n):
        u_i = part(units, i * f)
        radial = 0.0
        for k in range(f):
            radial += gradient[i * f + k] * u_i[k]
        for k in range(f):
            gradient[i * f + k] -= radial * u_i[k]
        # Rows of the blocks, then columns: the matrix is symmetric.
        for column in range(size):
            along = 0.0
            for k in range(f):
                along += u_i[k] * hessian[(i * f + k) * size + column]
            for k in range(f):
                hessian[(i * f + k) * size + column] -= along * u_i[k]
        for line in range(n * f):
            row = part(hessian, line * size + i * f)
            along = 0.0
            for k in range(f):
                along += u_i[k] * row[k]
            for k in range(f):
                row[k] -= along * u_i[k]
        pull = radial * length * inverse[i]
        for k in range(f):
            row = part(hessian, (i * f + k) * size + i * f)
            for m in range(f):
                row[m] += pull * u_i[k] * u_i[m]
            row[k] -= pull


@compiled(PASTE)
def _importance(at: IntPointer, v: FloatPointer, own: FloatPointer, hessian: FloatPointer, size: int) -> None:
    """Write the block of the importance and keep all its columns on the sphere ||v|| = 1."""
    n, lines = at[N], at[N] * at[F]
    for i in range(n):
        row = part(hessian, (lines + i) * size + lines)
        for j in range(n):
            row[j] = own[i * n + j]
    for line in range(size):
        row = part(hessian, line * size + lines)
        along = 0.0
        for j in range(n):
            along += row[j] * v[j]
        for j in range(n):
            row[j] -= along * v[j]
    for j in range(n):
        along = 0.0
        for i in range(n):
            along += v[i] * hessian[(lines + i) * size + lines + j]
        for i in range(n):
            hessian[(lines + i) * size + lines + j] -= along * v[i]
    for line in range(lines):
        for j in range(n):
            hessian[(lines + j) * size + line] = hessian[line * size + lines + j]


@compiled(PASTE)
def _stiffen(
    at: IntPointer, x: FloatPointer, units: FloatPointer, v: FloatPointer, hessian: FloatPointer,
    stiff: FloatPointer, size: int, length: float
) -> None:  # fmt: skip
    """Write the Hessian with the flat directions made stiff: its lower triangle, column by column."""
    n, f = at[N], at[F]
    c = 0.0
    for line in range(size):
        c = max(c, abs(hessian[line * size + line]))
    for line in range(size):
        for place in range(line + 1):
            stiff[place * size + line] = hessian[line * size + place]
    turn = c / (length * length)
    for j in range(n):
        for i in range(j, n):
            gram = 0.0
            for k in range(f):
                gram += x[i * f + k] * x[j * f + k]
            gram = turn * gram + (c / n if at[SHIFTS] == 1 else 0.0)
            for m in range(f):
                column = part(stiff, (j * f + m) * size + i * f)
                for k in range(f):
                    column[k] -= turn * x[j * f + k] * x[i * f + m]
                column[m] += gram
        if at[SPHERES] == 1:
            for m in range(f):
                column = part(stiff, (j * f + m) * size + j * f)
                for k in range(f):
                    column[k] += c * units[j * f + k] * units[j * f + m]
    if at[LEARNED] == 1:
        for j in range(n):
            column = part(stiff, (n * f + j) * size + n * f)
            for i in range(n):
                column[i] += c * v[i] * v[j]


@entry
def assemble(
    places: Int, vectors: Float, directions: Float, lengths: Float, angles: Float, distances: Float,
    energies: Float, slopes: Float, bends: Float, pulls: Float, stiffnesses: Float, amplitudes: Float,
    sums: Float, energy: float, length: float, buffers: Float, derivative: Float, curvature: Float,
    stiffened: Float
) -> tuple[float, bool]:  # fmt: skip
    """Write gradient and Hessians; return the force, and whether gradient and Hessian are finite.

    All arrays are flat; gradient and Hessians are zero before. Diagonals of derivatives are not read.

    Parameters
    ----------
    places
        The integers of `joint_terms`.
    vectors, directions, lengths, angles, distances
        X and its unit rows, (n, f); ||x_i||, (n,); cosines and squared distances, (n, n).
    energies, slopes, bends
        K with its diagonal, dK and d^2 K over its argument, (n, n).
    pulls, stiffnesses
        First and second derivative of lambda_d (S - T)^2 over its argument, (n, n).
    amplitudes, sums, energy
        v and f_i = sum_j K_ij w~_j, (n,); E.
    length
        Unit of length of the variables.
    buffers
        6 n^2 + 3 n + 3 f numbers.
    derivative, curvature, stiffened
        Written: (size,), over X and then v; Hessian, (size, size); the lower triangle of the stiff Hessian by
        columns, as LAPACK reads it. What is above its diagonal means nothing.
    """
    at, x, units, norms, cosines = (
        part(places, 0), part(vectors, 0), part(directions, 0), part(lengths, 0), part(angles, 0)
    )  # fmt: skip
    values, slope, bend = part(energies, 0), part(slopes, 0), part(bends, 0)
    pull, rates, v = part(pulls, 0), part(stiffnesses, 0), part(amplitudes, 0)
    gradient, hessian, stiff = part(derivative, 0), part(curvature, 0), part(stiffened, 0)
    n, f = at[N], at[F]
    many, size = n * n, n * f + n * at[LEARNED]
    terms, block = part(buffers, 0), part(buffers, 5 * many)
    inverse = part(buffers, 6 * many)
    row, other, p = part(inverse, n), part(inverse, 2 * n), part(inverse, 3 * n)
    for i in range(n):
        inverse[i] = 1.0 / norms[i] if at[DIRECTED] == 1 else 0.0
    fill_terms(at, v, slope, bend, pull, rates, terms)
    _add_pairs(at, x, units, inverse, cosines, terms, v, p, gradient, hessian, size, length)
    if at[SPHERES] == 1:
        _restrict(at, units, inverse, gradient, hessian, size, length)
    if at[LEARNED] == 1:
        fill_importance(at, v, values, part(sums, 0), energy, block, part(gradient, n * f))
        _importance(at, v, block, hessian, size)
    _stiffen(at, x, units, v, hessian, stiff, size, length)
    odd = 0
    for line in range(size):
        odd += 0 if abs(gradient[line]) <= LARGEST else 1
    for place in range(size * size):
        odd += 0 if abs(hessian[place]) <= LARGEST else 1
    force = largest_force(at, units, norms, cosines, part(distances, 0), v, slope, pull, row, other, p)
    return force, odd == 0
