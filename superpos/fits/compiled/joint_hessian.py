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
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.options import PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part

N, F, BY_ANGLE, SPHERES, LEARNED, SHIFTS = range(6)
"""Integers: features, dimensions; whether the energy depends on cosines, norms are held, importance is
learned, a common shift changes nothing."""


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
    """Write the Hessian with the flat directions made stiff."""
    n, f = at[N], at[F]
    c = 0.0
    for line in range(size):
        c = max(c, abs(hessian[line * size + line]))
    for place in range(size * size):
        stiff[place] = hessian[place]
    turn = c / (length * length)
    for i in range(n):
        for j in range(n):
            gram = 0.0
            for k in range(f):
                gram += x[i * f + k] * x[j * f + k]
            gram = turn * gram + (c / n if at[SHIFTS] == 1 else 0.0)
            for k in range(f):
                row = part(stiff, (i * f + k) * size + j * f)
                for m in range(f):
                    row[m] -= turn * x[j * f + k] * x[i * f + m]
                row[k] += gram
        if at[SPHERES] == 1:
            for k in range(f):
                row = part(stiff, (i * f + k) * size + i * f)
                for m in range(f):
                    row[m] += c * units[i * f + k] * units[i * f + m]
    if at[LEARNED] == 1:
        for i in range(n):
            row = part(stiff, (n * f + i) * size + n * f)
            for j in range(n):
                row[j] += c * v[i] * v[j]


@entry
def assemble(
    places: Int, vectors: Float, directions: Float, inverses: Float, angles: Float, matrices: Float,
    amplitudes: Float, own: Float, length: float, buffers: Float, slopes: Float, curvature: Float,
    stiffened: Float
) -> None:  # fmt: skip
    """Write gradient over X and Hessians; all arrays are flat, gradient and Hessian zero before.

    Parameters
    ----------
    places
        The integers above.
    vectors, directions, inverses, angles
        X and its unit rows, (n, f); 1 / ||x_i||, (n,); cosines, (n, n).
    matrices
        a, a', b, b' and dK over its argument, five times (n, n), zero on the diagonals.
    amplitudes, own
        v, (n,), and the block of the importance off its sphere, (n, n).
    length
        Unit of length of the variables.
    buffers
        (3, f).
    slopes, curvature, stiffened
        Written: over X, (n f,); Hessian and stiff Hessian, (size, size).
    """
    at, x, units, inverse, cosines = (
        part(places, 0), part(vectors, 0), part(directions, 0), part(inverses, 0), part(angles, 0)
    )  # fmt: skip
    terms, v, block, p = part(matrices, 0), part(amplitudes, 0), part(own, 0), part(buffers, 0)
    gradient, hessian, stiff = part(slopes, 0), part(curvature, 0), part(stiffened, 0)
    size = at[N] * at[F] + at[N] * at[LEARNED]
    _add_pairs(at, x, units, inverse, cosines, terms, v, p, gradient, hessian, size, length)
    if at[SPHERES] == 1:
        _restrict(at, units, inverse, gradient, hessian, size, length)
    if at[LEARNED] == 1:
        _importance(at, v, block, hessian, size)
    _stiffen(at, x, units, v, hessian, stiff, size, length)
