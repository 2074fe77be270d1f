"""The re-optimisation objective evaluated in full, O(n^2 f): the oracle of the line evaluations.

    F(X) = sum_ij K(x_i, x_j) w~_i w~_j + lambda_x sum_i | ||x_i|| - n_i |

Squared distances are sums of squared coordinate differences, so close pairs lose no digits.
"""

from __future__ import annotations

import math

from numba import njit

from superpos.arrays import Float, Int
from superpos.fits.compiled.elementary import OPTIONS, PASTE
from superpos.fits.compiled.pairs import EXP, energies
from superpos.fits.compiled.simd import apart, difference_rows, part, product_rows, total
from superpos.fits.compiled.workspace import (
    BUFFER,
    CLOSED,
    CODE,
    CONSTANT,
    EPS2,
    LAMBDA_X,
    NORMS,
    PENALTIES,
    POINT,
    ROW,
    SCRATCH,
    TERMS,
    TRIAL,
    TRIAL_PENALTIES,
    UNIT,
    WEIGHT_MATRIX,
    F,
    M,
    N,
    S,
)


@njit(**OPTIONS)
def products(x: Float, y: Float, out: Float, n: int, f: int, m: int) -> None:
    """Write <x_i, y_j> for rows stored by axis; rows of `out` up to the next multiple of 4 are written."""
    apart()
    for i in range(0, n, 4):
        for j in range(0, m, 8):
            product_rows(x, i, m, 1, y, j, m, f, out, i * m + j, m)


@njit(**OPTIONS)
def squared_differences(x: Float, out: Float, n: int, f: int, m: int) -> None:
    """Write ||x_i - x_j||^2, as `products` does."""
    apart()
    for i in range(0, n, 4):
        for j in range(0, m, 8):
            difference_rows(x, i, m, 1, x, j, m, f, out, i * m + j, m)


@njit(**PASTE)
def squared_lengths(x: Float, out: Float, f: int, m: int) -> None:
    """Write ||x_i||^2 for rows stored by axis."""
    for j in range(m):
        out[j] = 0.0
    for k in range(f):
        row = part(x, k * m, m)
        for j in range(m):
            out[j] += row[j] * row[j]


@njit(**PASTE)
def transpose(rows: Float, x: Float, n: int, f: int, m: int) -> None:
    """Store a point given as rows, (n f,), by axis."""
    for i in range(n):
        for k in range(f):
            x[k * m + i] = rows[i * f + k]


@njit(**OPTIONS)
def evaluate(memory: Float, at: Int, on_trial: int) -> float:
    """Return F at the trial point (1) or at the current one (0); fill what belongs to that point.

    That is the matrix of weighted pair energies and the norm penalties, and for the current point (whose open
    row is thereby closed) the unit rows too.
    """
    apart()
    code, n, f, m = at[CODE], at[N], at[F], at[M]
    x = part(memory, at[TRIAL if on_trial else POINT], f * m)
    terms = part(memory, at[SCRATCH if on_trial else TERMS], m * m)
    penalties = part(memory, at[TRIAL_PENALTIES if on_trial else PENALTIES], m)
    squared_lengths(x, penalties, f, m)
    if code == EXP:
        inverse = part(memory, at[BUFFER], m)
        for j in range(n):
            inverse[j] = 1.0 / math.sqrt(penalties[j])
        for j in range(n, m):
            inverse[j] = 0.0
        products(x, x, terms, n, f, m)
        for i in range(n):
            scale = inverse[i]
            row = part(terms, i * m, m)
            for j in range(m):
                row[j] = row[j] * (scale * inverse[j])
            row[i] = 1.0
        if not on_trial:
            for k in range(f):
                axis, unit = part(x, k * m, m), part(memory, at[UNIT] + k * m, m)
                for j in range(m):
                    unit[j] = axis[j] * inverse[j]
    else:
        squared_differences(x, terms, n, f, m)
        # The diagonal and the padding have weight 0: any distance but 0 keeps 0 times infinity away.
        for i in range(n):
            terms[i * m + i] = 1.0
            for j in range(n, m):
                terms[i * m + j] = 1.0
    if not on_trial:
        at[ROW] = CLOSED
    energies(code, memory[S], memory[EPS2], terms, n * m)
    weights = part(memory, at[WEIGHT_MATRIX], m * m)
    for j in range(n * m):
        terms[j] = terms[j] * weights[j]
    value = memory[CONSTANT] + total(terms, 0, n * m)
    if memory[LAMBDA_X] == 0.0:
        return value
    norms = part(memory, at[NORMS], m)
    for j in range(m):
        penalties[j] = abs(math.sqrt(penalties[j]) - norms[j])
    return value + memory[LAMBDA_X] * total(penalties, 0, m)
