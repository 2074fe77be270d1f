"""Gauges of the joint step on vectors stored by axis: X of the variables Y, and the chain rule back.

The formulas are those of `superpos.fits.gauges`; rows are lanes here, so that sums over the coordinates of a
vector run over whole rows of memory.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.joint_workspace import (
    BUFFER,
    CENTRED,
    GAUGE,
    INVERSE,
    LENGTH,
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
from superpos.fits.compiled.machine.dense import blend, dot, row_dots, scale, squared_lengths, total
from superpos.fits.compiled.machine.options import PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part


@compiled(PASTE)
def centre(x: FloatPointer, n: int, f: int, m: int) -> None:
    """Subtract the mean row; padding stays zero."""
    for k in range(f):
        row = part(x, k * m)
        mean = total(row, 0, m) / n
        for j in range(n):
            row[j] -= mean


@compiled(PASTE)
def place_vectors(memory: FloatPointer, at: IntPointer, flat: FloatPointer) -> None:
    """Write X of the variables Y at the head of `flat`."""
    n, f, m, gauge = at[N], at[F], at[M], at[GAUGE]
    x = part(memory, at[VECTORS])
    if gauge == NONE:
        for j in range(f * m):
            x[j] = memory[LENGTH] * flat[j]
        return
    for j in range(f * m):
        x[j] = flat[j]
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
    scale(x, scales, f, m)


@compiled(PASTE)
def pull_back(memory: FloatPointer, at: IntPointer, gradient: FloatPointer) -> None:
    """Write dJ/dY at the head of `gradient`, from X and dJ/dX in the memory (`place_vectors` came before)."""
    n, f, m, gauge = at[N], at[F], at[M], at[GAUGE]
    x, slope = part(memory, at[VECTORS]), part(memory, at[SLOPE_X])
    radius = memory[RADIUS]
    if gauge == NONE:
        for j in range(f * m):
            gradient[j] = memory[LENGTH] * slope[j]
        return
    lengths, factors, scales = part(memory, at[LENGTHS]), part(memory, at[BUFFER]), part(memory, at[INVERSE])
    if gauge == UNIT:
        row_dots(slope, x, f, m, factors)
        for j in range(m):
            # The padding has length 0, slope 0 and vector 0.
            length = lengths[j] if j < n else 1.0
            scales[j] = radius / length
            factors[j] = -factors[j] / (radius * length)
    else:
        # Y' / ||y'|| is X over (radius / mean) ||y'||.
        mean = total(lengths, 0, m) / n
        common = dot(slope, 0, x, 0, f * m) / (radius * n)
        for j in range(m):
            scales[j] = radius / mean
            factors[j] = -common / lengths[j] if j < n else 0.0
    blend(slope, scales, x, factors, f, m, gradient)
    if at[CENTRED] == 1:
        centre(gradient, n, f, m)
