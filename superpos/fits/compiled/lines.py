"""The re-optimisation objective along a line, from sums that are gathered once for the line.

Coordinate line, x_ik = t, everything else at rest: O(n) an evaluation. With the sums over l != k

    distances    r_ij^2(t) = still_j + (t - x_jk)^2,           still_j = sum_l (x_il - x_jl)^2
    cosines      cos_ij(t) = (still_j + t u_jk) / ||x_i(t)||,  still_j = sum_l x_il u_jl, u_j = x_j / ||x_j||
    both         ||x_i(t)||^2 = fixed_square + t^2

only row i of the Gram matrix moves; the energy of the other rows is a constant of the line. `still` is a sum
over the coordinates before k (as they are now) and after k (as they were when the row was opened), both sums
of terms of one sign for the distances: nothing is subtracted, so nothing cancels and no error is carried on.
Opening a row costs O(n f + n^2) for the f coordinate lines that follow.

Source: ours.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.machine.dense import total
from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.machine.vectors import cold, lane_dot
from superpos.fits.compiled.pairs import energies, row_energies
from superpos.fits.compiled.workspace import (
    ANGULAR,
    BASE,
    BUFFER,
    CLOSED,
    CODE,
    CONSTANT,
    EPS2,
    FIXED,
    FIXED_PENALTY,
    FIXED_SQUARE,
    LAMBDA_X,
    MOVED,
    MOVING,
    NEXT,
    NORMS,
    PENALTIES,
    POINT,
    PREFIX,
    PREFIX_SQUARE,
    ROW,
    ROW_WEIGHTS,
    STILL,
    SUFFIX,
    SUFFIX_SQUARE,
    TERMS,
    UNIT,
    WEIGHT_MATRIX,
    F,
    M,
    N,
    S,
)


@compiled(PASTE)
def read(memory: FloatPointer, at: IntPointer, rows: FloatPointer) -> None:
    """Write the current point as rows, (n f,)."""
    n, f, m = at[N], at[F], at[M]
    x = part(memory, at[POINT])
    for i in range(n):
        for k in range(f):
            rows[i * f + k] = x[k * m + i]


@compiled(PASTE)
def normalise(memory: FloatPointer, at: IntPointer, i: int) -> float:
    """Refresh the unit vector of row i; return the length of the row."""
    f, m = at[F], at[M]
    x, unit = part(memory, at[POINT]), part(memory, at[UNIT])
    square = 0.0
    for k in range(f):
        square += x[k * m + i] * x[k * m + i]
    length = math.sqrt(square)
    scale = 1.0 / length
    for k in range(f):
        unit[k * m + i] = x[k * m + i] * scale
    return length


@compiled(OPTIONS)
def close_row(memory: FloatPointer, at: IntPointer) -> None:
    """Put the open row's pair energies and penalty back into the matrices."""
    cold()
    i = at[ROW]
    if i == CLOSED:
        return
    n, m = at[N], at[M]
    length = normalise(memory, at, i)
    part(memory, at[PENALTIES])[i] = abs(length - memory[at[NORMS] + i])
    scale = 1.0 / length if at[ANGULAR] == 1 else 1.0
    # The sums stand before coordinate NEXT: the rest of the row is in the suffix of that coordinate.
    prefix, suffix = part(memory, at[PREFIX]), part(memory, at[SUFFIX] + at[NEXT] * m)
    buffer = part(memory, at[BUFFER])
    for j in range(m):
        buffer[j] = (prefix[j] + suffix[j]) * scale
    if at[ANGULAR] == 1:
        buffer[i] = 0.0
    energies(at[CODE], memory[S], memory[EPS2], buffer, m)
    terms, weights = part(memory, at[TERMS]), part(memory, at[WEIGHT_MATRIX] + i * m)
    for j in range(n):
        term = buffer[j] * weights[j]
        terms[i * m + j] = term
        terms[j * m + i] = term
    at[ROW] = CLOSED


@compiled(OPTIONS)
def open_row(memory: FloatPointer, at: IntPointer, i: int, k: int) -> None:
    """Take row i out of the matrices and gather its sums before and from coordinate k on."""
    cold()
    n, f, m = at[N], at[F], at[M]
    terms, penalties = part(memory, at[TERMS]), part(memory, at[PENALTIES])
    for j in range(n):
        terms[i * m + j] = 0.0
        terms[j * m + i] = 0.0
    memory[FIXED] = memory[CONSTANT] + total(terms, 0, n * m)
    penalties[i] = 0.0
    memory[FIXED_PENALTY] = memory[LAMBDA_X] * total(penalties, 0, m)
    weights, own_weights = part(memory, at[WEIGHT_MATRIX] + i * m), part(memory, at[ROW_WEIGHTS])
    prefix, last = part(memory, at[PREFIX]), part(memory, at[SUFFIX] + f * m)
    for j in range(m):
        own_weights[j] = 2.0 * weights[j]
        last[j] = 0.0
        prefix[j] = 0.0
    x, squares = part(memory, at[POINT]), part(memory, at[SUFFIX_SQUARE])
    squares[f] = 0.0
    for axis in range(f - 1, k - 1, -1):
        own = x[axis * m + i]
        squares[axis] = squares[axis + 1] + own * own
        after = part(memory, at[SUFFIX] + (axis + 1) * m)
        add_axis(memory, at, axis, own, after, part(memory, at[SUFFIX] + axis * m))
    square = 0.0
    for axis in range(k):
        own = x[axis * m + i]
        square += own * own
        add_axis(memory, at, axis, own, prefix, prefix)
    memory[PREFIX_SQUARE] = square
    if at[ANGULAR] == 0:
        # The row itself and the padding have weight 0: any distance but 0 keeps 0 times infinity away.
        prefix[i] = 1.0
        for j in range(n, m):
            prefix[j] = 1.0
    at[ROW] = i
    at[NEXT] = k


@compiled(PASTE)
def add_axis(
    memory: FloatPointer, at: IntPointer, axis: int, own: float, sums: FloatPointer, out: FloatPointer
) -> None:
    """Write the sums with one more coordinate of the row, whose value there is `own`."""
    m = at[M]
    if at[ANGULAR] == 1:
        unit = part(memory, at[UNIT] + axis * m)
        for j in range(m):
            out[j] = sums[j] + own * unit[j]
    else:
        others = part(memory, at[POINT] + axis * m)
        for j in range(m):
            u = own - others[j]
            out[j] = sums[j] + u * u


@compiled(OPTIONS)
def begin_coordinate(memory: FloatPointer, at: IntPointer, index: int) -> None:
    """Gather the sums of the line along flat coordinate index = i f + k."""
    f, m = at[F], at[M]
    i = index // f
    k = index - i * f
    if at[ROW] != i or at[NEXT] != k:
        close_row(memory, at)
        open_row(memory, at, i, k)
    source = part(memory, (at[UNIT] if at[ANGULAR] == 1 else at[POINT]) + k * m)
    prefix, suffix = part(memory, at[PREFIX]), part(memory, at[SUFFIX] + (k + 1) * m)
    moving, still = part(memory, at[MOVING]), part(memory, at[STILL])
    for j in range(m):
        moving[j] = source[j]
        still[j] = prefix[j] + suffix[j]
    if at[ANGULAR] == 1:
        # The row itself has weight 0: any cosine but 1, where K may be infinite, or just above it.
        moving[i] = still[i] = 0.0
    at[MOVED] = at[POINT] + k * m + i
    memory[BASE] = memory[at[MOVED]]
    memory[FIXED_SQUARE] = memory[PREFIX_SQUARE] + memory[at[SUFFIX_SQUARE] + k + 1]


@compiled(OPTIONS)
def coordinate_value(memory: FloatPointer, at: IntPointer, alpha: float) -> tuple[float, float]:
    """Return the squared length of the moving row and F, with the moving coordinate displaced by alpha."""
    code, m = at[CODE], at[M]
    moving, still = part(memory, at[MOVING]), part(memory, at[STILL])
    buffer = part(memory, at[BUFFER])
    t = memory[BASE] + alpha
    square = memory[FIXED_SQUARE] + t * t
    length = math.sqrt(square)
    row_energies(code, memory[S], memory[EPS2], t, 1.0 / length, moving, still, buffer, m)
    value = memory[FIXED] + lane_dot(buffer, 0, memory, at[ROW_WEIGHTS], m)
    if memory[LAMBDA_X] == 0.0:
        return square, value
    deviation = abs(length - memory[at[NORMS] + at[ROW]])
    return square, value + (memory[FIXED_PENALTY] + memory[LAMBDA_X] * deviation)


@compiled(PASTE)
def accept_coordinate(memory: FloatPointer, at: IntPointer, alpha: float) -> None:
    """Move the coordinate by alpha and the sums of its row on to the next one."""
    t = memory[BASE] + alpha
    memory[at[MOVED]] = t
    prefix = part(memory, at[PREFIX])
    # The row's own entry is now t too: it adds 0 to the distance of the row to itself.
    add_axis(memory, at, at[NEXT], t, prefix, prefix)
    memory[PREFIX_SQUARE] += t * t
    at[NEXT] += 1
