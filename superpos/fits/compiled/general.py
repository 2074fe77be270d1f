"""The re-optimisation objective along a general line x + a d, O(n^2) an evaluation.

Every squared distance (every product, for an energy of cosines) is a quadratic in a, whose coefficients are
gathered once for the line, O(n^2 f):

    r_ij^2(a) = q0 + 2 a q1 + a^2 q2,  q0 = ||x_i - x_j||^2, q1 = <x_i - x_j, d_i - d_j>, q2 = ||d_i - d_j||^2
    <x_i(a), x_j(a)> likewise,         2 q1 = <x_i, d_j> + <x_j, d_i>

Where a squared distance or length comes out below 1/1000 of q0 + a^2 q2 it has lost digits to cancellation;
such a trial is evaluated in full.

Source: ours.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.lines import close_row
from superpos.fits.compiled.machine.dense import dot, product, total, transpose
from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.machine.vectors import cold
from superpos.fits.compiled.pairs import energies
from superpos.fits.compiled.workspace import (
    ANGULAR,
    BUFFER,
    CODE,
    CONSTANT,
    DIRECTION,
    EPS2,
    LAMBDA_X,
    NORMS,
    PAIR_FACTORS,
    PAIR_VALUES,
    PAIR_WEIGHTS,
    PAIRS,
    POINT,
    QUADRATIC,
    ROW_QUADRATIC,
    SCRATCH,
    TRIAL_PENALTIES,
    F,
    M,
    N,
    S,
)

CANCELLATION = 1e-3
"""Share of q0 + a^2 q2 below which a quadratic has lost too many digits (3 of 16 at that point)."""


@compiled(OPTIONS)
def begin_general(memory: FloatPointer, at: IntPointer, rows: FloatPointer) -> None:
    """Gather the quadratics of the line along the direction given as rows, (n f,)."""
    cold()
    n, f, m, pairs = at[N], at[F], at[M], at[PAIRS]
    close_row(memory, at)
    x, d = part(memory, at[POINT]), part(memory, at[DIRECTION])
    transpose(rows, d, n, f, m)
    row_quadratic = part(memory, at[ROW_QUADRATIC])
    for j in range(3 * m):
        row_quadratic[j] = 0.0
    for k in range(f):
        add_products(x, d, k * m, m, row_quadratic)
    q0 = part(memory, at[SCRATCH])
    q1, q2 = part(memory, at[SCRATCH] + m * m), part(memory, at[SCRATCH] + 2 * m * m)
    angular = at[ANGULAR] == 1
    if angular:
        product(x, m, 1, x, m, f, q0, n)
        product(x, m, 1, d, m, f, q1, n)
        product(d, m, 1, d, m, f, q2, n)
    else:
        gather_differences(x, d, q0, q1, q2, n, f, m)
    quadratic = part(memory, at[QUADRATIC])
    pair = 0
    for i in range(n - 1):
        for j in range(i + 1, n):
            quadratic[pair] = q0[i * m + j]
            # Of products, <x_i, d_j> and <x_j, d_i> both belong to the linear term.
            quadratic[pairs + pair] = 0.5 * (q1[i * m + j] + q1[j * m + i]) if angular else q1[i * m + j]
            quadratic[2 * pairs + pair] = q2[i * m + j]
            pair += 1
    for rest in range(pair, pairs):
        # Padding, whose weight is 0: any argument at which K is finite.
        quadratic[rest] = 0.0 if angular else 1.0
        quadratic[pairs + rest] = 0.0
        quadratic[2 * pairs + rest] = 0.0


@compiled(PASTE)
def add_products(x: FloatPointer, d: FloatPointer, start: int, m: int, sums: FloatPointer) -> None:
    """Add x x, x d and d d of one coordinate to the sums, (3, m)."""
    for j in range(m):
        u, v = x[start + j], d[start + j]
        sums[j] += u * u
        sums[m + j] += u * v
        sums[2 * m + j] += v * v


@compiled(OPTIONS)
def gather_differences(
    x: FloatPointer,
    d: FloatPointer,
    q0: FloatPointer,
    q1: FloatPointer,
    q2: FloatPointer,
    n: int,
    f: int,
    m: int,
) -> None:
    """Write the coefficients of the squared distances of pairs i < j, (m, m) each; others are not read."""
    for i in range(n - 1):
        width = m - i // 8 * 8
        start = m - width
        a, b, c = (
            part(q0, i * m + start),
            part(q1, i * m + start),
            part(q2, i * m + start),
        )
        for j in range(width):
            a[j] = b[j] = c[j] = 0.0
        for k in range(f):
            own, move = x[k * m + i], d[k * m + i]
            others, moves = part(x, k * m + start), part(d, k * m + start)
            for j in range(width):
                u, v = own - others[j], move - moves[j]
                a[j] += u * u
                b[j] += u * v
                c[j] += v * v


@compiled(PASTE)
def quadratics(q: FloatPointer, alpha: float, values: FloatPointer, lost: FloatPointer, length: int) -> float:
    """Write q0 + 2 a q1 + a^2 q2 and return how many of them have lost digits."""
    constant, linear, square = part(q, 0), part(q, length), part(q, 2 * length)
    for j in range(length):
        far = constant[j] + alpha * alpha * square[j]
        value = far + 2.0 * alpha * linear[j]
        values[j] = value
        lost[j] = 1.0 if value < CANCELLATION * far else 0.0
    return total(lost, 0, length)


@compiled(OPTIONS)
def general_value(memory: FloatPointer, at: IntPointer, alpha: float) -> tuple[float, float, bool]:
    """Return ||X||^2 and F at x + alpha d, and whether F has lost digits and must be evaluated in full."""
    code, n, m, pairs = at[CODE], at[N], at[M], at[PAIRS]
    values, factors = part(memory, at[PAIR_VALUES]), part(memory, at[PAIR_FACTORS])
    lengths, flags = part(memory, at[BUFFER]), part(memory, at[TRIAL_PENALTIES])
    q = part(memory, at[QUADRATIC])
    lost = quadratics(part(memory, at[ROW_QUADRATIC]), alpha, lengths, flags, m)
    square = total(lengths, 0, m)
    for j in range(m):
        lengths[j] = math.sqrt(lengths[j])
    if at[ANGULAR] == 1:
        # Products may well vanish beside their parts: their error counts against the lengths only.
        quadratics(q, alpha, values, factors, pairs)
        pair = 0
        for i in range(n - 1):
            own = lengths[i]
            for j in range(i + 1, n):
                factors[pair] = own * lengths[j]
                pair += 1
        for rest in range(pair, pairs):
            factors[rest] = 1.0
        for j in range(pairs):
            values[j] = values[j] / factors[j]
    else:
        lost += quadratics(q, alpha, values, factors, pairs)
    if lost > 0.0:
        return square, 0.0, True
    energies(code, memory[S], memory[EPS2], values, pairs)
    value = memory[CONSTANT] + dot(values, 0, memory, at[PAIR_WEIGHTS], pairs)
    if memory[LAMBDA_X] == 0.0:
        return square, value, False
    norms = part(memory, at[NORMS])
    for j in range(m):
        lengths[j] = abs(lengths[j] - norms[j])
    return square, value + memory[LAMBDA_X] * total(lengths, 0, m), False


@compiled(PASTE)
def step(memory: FloatPointer, at: IntPointer, alpha: float, out: FloatPointer) -> None:
    """Write x + alpha d."""
    x, d = part(memory, at[POINT]), part(memory, at[DIRECTION])
    for j in range(at[F] * at[M]):
        out[j] = x[j] + alpha * d[j]
