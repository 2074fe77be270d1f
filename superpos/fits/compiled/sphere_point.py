"""The energy on the product of spheres at one point: value, scaled gradient, forces, second derivatives.

    first_ij = phi'(c_ij), second_ij = phi''(c_ij),   t_i = sum_j w_j first_ij (u_j - u_i)
    gradient_i = 2 sqrt(w_i) P_i t_i,   q_i = sum_j w_j first_ij c_ij,   relative gradient_i = ||P_i t_i|| /
    F_i

The formulas for phi and the forces F_i are those of `superpos.fits.spheres`.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.machine.dense import dot, squared_differences
from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.machine.vectors import cold, pull_rows
from superpos.fits.compiled.pairs import energies, sphere_row
from superpos.fits.compiled.sphere_workspace import (
    ANGULAR,
    BUFFER,
    CODE,
    CONSTANT,
    ENERGY,
    FIRST,
    FORCES,
    GAPS,
    GRADIENT,
    MATRIX,
    NORMS,
    OTHER,
    PRODUCTS,
    RADIAL,
    RELATIVE,
    ROOTS,
    SECOND,
    SLOT_SIZE,
    SLOTS,
    TANGENT_SIZE,
    UNITS,
    WEIGHTS,
    F,
    M,
    N,
    S,
)
from superpos.fits.spheres import UNSEEN


@compiled(PASTE)
def slot_start(at: IntPointer, slot: int) -> int:
    """Return where a point starts."""
    return at[SLOTS] + slot * at[SLOT_SIZE]


@compiled(OPTIONS)
def evaluate(memory: FloatPointer, at: IntPointer, slot: int) -> None:
    """Fill the slot from its unit rows."""
    cold()
    code, n, f, m = at[CODE], at[N], at[F], at[M]
    start, s = slot_start(at, slot), memory[S]
    units = part(memory, start + at[UNITS])
    first, second = part(memory, start + at[FIRST]), part(memory, start + at[SECOND])
    squares, values = part(memory, at[MATRIX]), part(memory, at[OTHER])
    squared_differences(units, squares, n, f, m)
    products, gaps = part(memory, at[PRODUCTS]), part(memory, at[GAPS])
    for j in range(n * m):
        cosine = 1.0 - 0.5 * squares[j]
        second[j] = gaps[j] + products[j] * squares[j]
        values[j] = cosine if at[ANGULAR] == 1 else second[j]
        squares[j] = cosine
    for i in range(n):
        values[i * m + i] = 1.0
        second[i * m + i] = 1.0
    energies(code, s, 0.0, values, n * m)
    weights, buffer = part(memory, at[WEIGHTS]), part(memory, at[BUFFER])
    forces, norms = part(memory, start + at[FORCES]), part(memory, at[NORMS])
    for i in range(n):
        row = part(values, i * m)
        slope, bend = part(first, i * m), part(second, i * m)
        pairs, own = part(products, i * m), norms[i]
        sphere_row(code, s, own, pairs, row, part(squares, i * m), bend, slope, buffer, at[ANGULAR], m)
        row[i] = slope[i] = bend[i] = buffer[i] = 0.0
        forces[i] = dot(buffer, 0, weights, 0, m)
    gather(memory, at, start)


@compiled(PASTE)
def gather(memory: FloatPointer, at: IntPointer, start: int) -> None:
    """Sum energy, pulls and radial parts of a point; cosines lie in MATRIX, values in OTHER."""
    n, f, m = at[N], at[F], at[M]
    units, gradient = part(memory, start + at[UNITS]), part(memory, start + at[GRADIENT])
    first, radial = part(memory, start + at[FIRST]), part(memory, start + at[RADIAL])
    cosines, values = part(memory, at[MATRIX]), part(memory, at[OTHER])
    weights, buffer = part(memory, at[WEIGHTS]), part(memory, at[BUFFER])
    energy = 0.0
    for i in range(n):
        energy += weights[i] * dot(values, i * m, weights, 0, m)
        slope, cosine = part(first, i * m), part(cosines, i * m)
        for j in range(m):
            buffer[j] = slope[j] * cosine[j]
        radial[i] = dot(buffer, 0, weights, 0, m)
    # The pull matrix of column i: w_j phi'_ij.
    for i in range(n):
        own, slope, row = weights[i], part(first, i * m), part(values, i * m)
        for j in range(m):
            row[j] = own * slope[j]
    for k in range(0, f, 4):
        for j in range(0, m, 8):
            pull_rows(units, k * m, 1, m, values, j, m, n, gradient, k * m + j, m)
    for j in range(m):
        buffer[j] = 0.0
    for k in range(f):
        pull, unit = part(gradient, k * m), part(units, k * m)
        for j in range(m):
            buffer[j] += pull[j] * unit[j]
    size, roots = part(memory, start + at[TANGENT_SIZE]), part(memory, at[ROOTS])
    for j in range(m):
        size[j] = 0.0
    for k in range(f):
        pull, unit = part(gradient, k * m), part(units, k * m)
        for j in range(m):
            tangent = pull[j] - buffer[j] * unit[j]
            size[j] += tangent * tangent
            pull[j] = 2.0 * roots[j] * tangent
    finite = math.isfinite(energy) and math.isfinite(dot(gradient, 0, gradient, 0, f * m))
    for j in range(m):
        size[j] = math.sqrt(size[j])
    memory[start + at[ENERGY]] = energy + memory[CONSTANT]
    memory[start + at[RELATIVE]] = math.nan
    if finite:
        forces, largest, heaviest, n_seen = part(memory, start + at[FORCES]), 0.0, 0.0, 0
        for i in range(n):
            heaviest = max(heaviest, weights[i])
        for i in range(n):
            n_seen += 1 if weights[i] > UNSEEN * heaviest else 0
        for i in range(n):
            if forces[i] > 0.0 and (n_seen < 2 or weights[i] > UNSEEN * heaviest):
                largest = max(largest, size[i] / forces[i])
        memory[start + at[RELATIVE]] = largest
