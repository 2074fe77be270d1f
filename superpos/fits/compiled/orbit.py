"""Projection of scaled tangents onto the complement of the rotation orbit {W B : B skew}, W = sqrt(w_i) u_i.

With the eigenvalues lambda_a and eigenvectors v_a of W^T W that are not zero, V = (v_a), R = W V:

    Z - R (T V^T + Lambda^-1 (Q - D V^T)),   Q = R^T Z,   D = Q V,   T_ab = (D_ab - D_ba) / (lambda_a +
    lambda_b)

removes the part of Z along the orbit: T turns within the span of the rows, the second term turns the span
towards its complement (it vanishes if the span is all of R^f). Of W W^T and W^T W the smaller one is
diagonalised, by Jacobi's method, which needs no library and gives the same bits everywhere.

Source: the equations are those of `superpos.fits.spheres.OrbitProjection`, written for a basis of the span;
Golub & Van Loan, Matrix Computations (2013), section 8.5, for Jacobi's method.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.machine.dense import dot, product
from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.machine.vectors import apart, cold
from superpos.fits.compiled.sphere_point import slot_start
from superpos.fits.compiled.sphere_workspace import (
    AXES,
    EIGEN,
    INVERSE,
    INVERSE_SUMS,
    LEFT,
    LEFT_TURNED,
    MIXED,
    MOMENT,
    MOMENT_TURNED,
    MOVED,
    ROOTS,
    SUM,
    UNITS,
    F,
    M,
    N,
    R,
)

SWEEPS = 60
SMALLEST = 1e-13
"""Eigenvalues below this share of the largest span no numerical orbit."""


@compiled(OPTIONS)
def jacobi(matrix: FloatPointer, vectors: FloatPointer, size: int) -> None:
    """Diagonalise a symmetric matrix, (size, size), in place; rows of `vectors` become its eigenvectors."""
    cold()
    for a in range(size):
        for b in range(size):
            vectors[a * size + b] = 1.0 if a == b else 0.0
    for _ in range(SWEEPS):
        off = scale = 0.0
        for a in range(size):
            scale += matrix[a * size + a] * matrix[a * size + a]
            for b in range(a + 1, size):
                off += matrix[a * size + b] * matrix[a * size + b]
        if not off > 1e-32 * scale:
            return
        for a in range(size - 1):
            for b in range(a + 1, size):
                entry = matrix[a * size + b]
                if entry == 0.0:
                    continue
                tau = (matrix[b * size + b] - matrix[a * size + a]) / (2.0 * entry)
                t = math.copysign(1.0, tau) / (abs(tau) + math.sqrt(1.0 + tau * tau))
                c = 1.0 / math.sqrt(1.0 + t * t)
                rotate(matrix, vectors, size, a, b, c, t * c)


@compiled(PASTE)
def rotate(
    matrix: FloatPointer, vectors: FloatPointer, size: int, a: int, b: int, c: float, s: float
) -> None:
    """Turn axes a and b of the matrix and of its eigenvectors by the angle with this cosine and sine."""
    for k in range(size):
        x, y = matrix[k * size + a], matrix[k * size + b]
        matrix[k * size + a], matrix[k * size + b] = c * x - s * y, s * x + c * y
    first, second = part(matrix, a * size), part(matrix, b * size)
    for k in range(size):
        x, y = first[k], second[k]
        first[k], second[k] = c * x - s * y, s * x + c * y
    first, second = part(vectors, a * size), part(vectors, b * size)
    for k in range(size):
        x, y = first[k], second[k]
        first[k], second[k] = c * x - s * y, s * x + c * y


@compiled(OPTIONS)
def gather_orbit(memory: FloatPointer, at: IntPointer, slot: int) -> None:
    """Write the basis of the orbit at a point."""
    cold()
    n, f, m, r = at[N], at[F], at[M], at[R]
    units, roots = part(memory, slot_start(at, slot) + at[UNITS]), part(memory, at[ROOTS])
    rows = part(memory, at[SUM])
    for k in range(f):
        unit, row = part(units, k * m), part(rows, k * m)
        for j in range(m):
            row[j] = unit[j] * roots[j]
    by_axes = f <= n
    size = f if by_axes else n
    matrix, vectors = part(memory, at[EIGEN]), part(memory, at[EIGEN] + r * r)
    for a in range(size):
        for b in range(a, size):
            value = 0.0
            if by_axes:
                value = dot(rows, a * m, rows, b * m, m)
            else:
                for k in range(f):
                    value += rows[k * m + a] * rows[k * m + b]
            matrix[a * size + b] = matrix[b * size + a] = value
    jacobi(matrix, vectors, size)
    largest = 0.0
    for a in range(size):
        largest = max(largest, matrix[a * size + a])
    inverse, sums = part(memory, at[INVERSE]), part(memory, at[INVERSE_SUMS])
    left, turned = part(memory, at[LEFT]), part(memory, at[LEFT_TURNED])
    axes = part(memory, at[AXES])
    for a in range(size):
        value = matrix[a * size + a]
        vector, own = part(vectors, a * size), part(left, a * m)
        kept = value > SMALLEST * largest
        inverse[a] = 1.0 / value if kept else 0.0
        for j in range(m):
            own[j] = 0.0
        if kept and by_axes:
            for k in range(f):
                axes[k * r + a] = vector[k]
                row = part(rows, k * m)
                for j in range(m):
                    own[j] += vector[k] * row[j]
        elif kept:
            length = math.sqrt(value)
            for j in range(n):
                own[j] = length * vector[j]
            for k in range(f):
                axes[k * r + a] = dot(rows, k * m, left, a * m, m) / value
        else:
            for k in range(f):
                axes[k * r + a] = 0.0
        for j in range(m):
            turned[j * r + a] = own[j]
    for a in range(size):
        for b in range(size):
            both = inverse[a] > 0.0 and inverse[b] > 0.0
            sums[a * r + b] = 1.0 / (matrix[a * size + a] + matrix[b * size + b]) if both else 0.0


@compiled(OPTIONS)
def leave_orbit(memory: FloatPointer, at: IntPointer, z: FloatPointer) -> None:
    """Remove the part of a scaled tangent, by axis, along the orbit."""
    apart()
    n, f, m, r = at[N], at[F], at[M], at[R]
    size = min(n, f)
    axes, moved, mixed = (
        part(memory, at[AXES]),
        part(memory, at[MOVED]),
        part(memory, at[MIXED]),
    )
    moment, turned = part(memory, at[MOMENT]), part(memory, at[MOMENT_TURNED])
    inverse, sums = part(memory, at[INVERSE]), part(memory, at[INVERSE_SUMS])
    product(z, 1, m, part(memory, at[LEFT_TURNED]), r, n, moved, f)
    # Row b, column a: D_ab and D_ba.
    product(axes, r, 1, moved, r, f, moment, size)
    product(moved, r, 1, axes, r, f, turned, size)
    for b in range(size):
        row, other, weight = part(moment, b * r), part(turned, b * r), part(sums, b * r)
        for a in range(r):
            row[a] = (row[a] - other[a]) * weight[a] - row[a] * inverse[a]
    product(axes, 1, r, moment, r, size, mixed, f)
    for k in range(f):
        row, own = part(mixed, k * r), part(moved, k * r)
        for a in range(r):
            row[a] += own[a] * inverse[a]
    off = part(memory, at[SUM])
    product(mixed, 1, r, part(memory, at[LEFT]), m, size, off, f)
    for j in range(f * m):
        z[j] -= off[j]
