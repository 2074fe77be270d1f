"""The re-optimisation objective evaluated in full, O(n^2 f): the oracle of the line evaluations.

    F(X) = sum_ij K(x_i, x_j) w~_i w~_j + lambda_x sum_i | ||x_i|| - n_i |

Squared distances are sums of squared coordinate differences, so close pairs lose no digits.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.machine.dense import product, squared_differences, squared_lengths, total
from superpos.fits.compiled.machine.options import OPTIONS, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.machine.vectors import cold
from superpos.fits.compiled.pairs import energies
from superpos.fits.compiled.workspace import (
    ANGULAR,
    BUFFER,
    CLOSED,
    CODE,
    CONSTANT,
    ENERGY,
    EPS2,
    LAMBDA_X,
    NORM_ERROR,
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


@compiled(OPTIONS)
def evaluate(memory: FloatPointer, at: IntPointer, on_trial: bool) -> float:
    """Return F at the trial point or at the current one; fill what belongs to that point.

    That is the matrix of weighted pair energies and the norm penalties, and for the current point (whose open
    row is thereby closed) the unit rows too.
    """
    cold()
    code, n, f, m = at[CODE], at[N], at[F], at[M]
    x = part(memory, at[TRIAL if on_trial else POINT])
    terms = part(memory, at[SCRATCH if on_trial else TERMS])
    penalties = part(memory, at[TRIAL_PENALTIES if on_trial else PENALTIES])
    squared_lengths(x, penalties, f, m)
    if at[ANGULAR] == 1:
        inverse = part(memory, at[BUFFER])
        for j in range(n):
            inverse[j] = 1.0 / math.sqrt(penalties[j])
        for j in range(n, m):
            inverse[j] = 0.0
        product(x, m, 1, x, m, f, terms, n)
        for i in range(n):
            scale = inverse[i]
            row = part(terms, i * m)
            for j in range(m):
                row[j] = row[j] * (scale * inverse[j])
            # Its weight is 0: any cosine but 1, where K may be infinite.
            row[i] = 0.0
        if not on_trial:
            for k in range(f):
                axis, unit = part(x, k * m), part(memory, at[UNIT] + k * m)
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
    weights = part(memory, at[WEIGHT_MATRIX])
    for j in range(n * m):
        terms[j] = terms[j] * weights[j]
    value = memory[CONSTANT] + total(terms, 0, n * m)
    norms = part(memory, at[NORMS])
    for j in range(m):
        penalties[j] = abs(math.sqrt(penalties[j]) - norms[j])
    memory[ENERGY], memory[NORM_ERROR] = value, total(penalties, 0, m)
    # With lambda_x = 0 an infinite norm error is no penalty.
    return value if memory[LAMBDA_X] == 0.0 else value + memory[LAMBDA_X] * memory[NORM_ERROR]
