"""Gauges of the joint step on vectors stored by axis: X of the variables Y, and the chain rule back.

The formulas are those of `superpos.fits.gauges`; rows are lanes here, so that sums over the coordinates of a
vector run over whole rows of memory.
"""

from __future__ import annotations

import math

from numba import njit

from superpos.arrays import Float, Int
from superpos.fits.compiled.dense import dot, squared_lengths, total
from superpos.fits.compiled.elementary import PASTE
from superpos.fits.compiled.joint_workspace import (
    BUFFER,
    CENTRED,
    GAUGE,
    LENGTHS,
    NONE,
    RADIUS,
    SLOPE_X,
    UNIT,
    VECTORS,
    F,
    M,
    N,
)
from superpos.fits.compiled.pointers import part


@njit(**PASTE)
def centre(x: Float, n: int, f: int, m: int) -> None:
    """Subtract the mean row; padding stays zero."""
    for k in range(f):
        row = part(x, k * m)
        mean = total(row, 0, m) / n
        for j in range(n):
            row[j] -= mean


@njit(**PASTE)
def place_vectors(memory: Float, at: Int, flat: Float) -> None:
    """Write X of the variables Y at the head of `flat`."""
    n, f, m, gauge = at[N], at[F], at[M], at[GAUGE]
    x = part(memory, at[VECTORS])
    for j in range(f * m):
        x[j] = flat[j]
    if gauge == NONE:
        return
    if at[CENTRED] == 1:
        centre(x, n, f, m)
    lengths, scales = part(memory, at[LENGTHS]), part(memory, at[BUFFER])
    squared_lengths(x, lengths, f, m)
    for j in range(m):
        lengths[j] = math.sqrt(lengths[j])
    common = memory[RADIUS] * n / total(lengths, 0, m)
    for j in range(m):
        scales[j] = common
    if gauge == UNIT:
        for j in range(n):
            scales[j] = memory[RADIUS] / lengths[j]
    for j in range(n, m):
        scales[j] = 0.0
    for k in range(f):
        row = part(x, k * m)
        for j in range(m):
            row[j] = row[j] * scales[j]


@njit(**PASTE)
def pull_back(memory: Float, at: Int, gradient: Float) -> None:
    """Write dJ/dY at the head of `gradient`, from X and dJ/dX in the memory (`place_vectors` came before)."""
    n, f, m, gauge = at[N], at[F], at[M], at[GAUGE]
    x, slope = part(memory, at[VECTORS]), part(memory, at[SLOPE_X])
    if gauge == NONE:
        for j in range(f * m):
            gradient[j] = slope[j]
        return
    radius = memory[RADIUS]
    lengths, factors = part(memory, at[LENGTHS]), part(memory, at[BUFFER])
    if gauge == UNIT:
        for j in range(m):
            factors[j] = 0.0
        for k in range(f):
            row, own = part(slope, k * m), part(x, k * m)
            for j in range(m):
                factors[j] += row[j] * own[j]
        square = 1.0 / (radius * radius)
        for k in range(f):
            row, own, out = part(slope, k * m), part(x, k * m), part(gradient, k * m)
            for j in range(n):
                out[j] = (row[j] - factors[j] * square * own[j]) * (radius / lengths[j])
        return
    mean = total(lengths, 0, m) / n
    scale = radius / mean
    # Y' / ||y'|| is X / (scale ||y'||).
    common = dot(slope, 0, x, 0, f * m) / (radius * n)
    for j in range(m):
        factors[j] = 0.0
    for j in range(n):
        factors[j] = common / lengths[j]
    for k in range(f):
        row, own, out = part(slope, k * m), part(x, k * m), part(gradient, k * m)
        for j in range(m):
            out[j] = scale * row[j] - factors[j] * own[j]
    if at[CENTRED] == 1:
        centre(gradient, n, f, m)
