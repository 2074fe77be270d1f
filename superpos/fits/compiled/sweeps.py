"""The end of a sweep of Powell's method: whether the run is over, and what becomes of the directions.

With x_1 the start of the sweep, x its end, f_1 and f the values there, f_2 the value at 2 x - x_1, delta the
largest decrease along one direction:

    over     if a row has escaped, at a limit, or if 2 (f_1 - f) <= ftol (|f_1| + |f|) + 1e-20
    pays     if f_2 < f_1 and 2 (f_1 + f_2 - 2 f) (f_1 - f - delta)^2 < delta (f_1 - f_2)^2
    replace  after a search along x - x_1: that direction goes last, the last one where delta was

Source: Powell, Comput. J. 7 (1964), as `scipy.optimize` 1.17 has it.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.full import evaluate
from superpos.fits.compiled.machine.dense import copy, transpose
from superpos.fits.compiled.machine.options import PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.workspace import TRIAL, F, M, N

CONVERGED, MAX_CALLS, MAX_SWEEPS, NON_FINITE, ESCAPED, RAN_AWAY = range(6)
"""How a run ended; the first four are SciPy's, in its order."""
GOES_ON = -1
"""It has not ended."""
GENERAL = -1
"""Index of a direction that is not a coordinate axis."""

BEFORE, BEYOND, FRESH, LAST, DIRECTIONS = range(5)
"""Vectors of a run behind the state of its search, N numbers each: start of the sweep; 2 x - x_1; direction
of the sweep; last finite end of a sweep; then the directions that are no axes, each in a slot."""


@compiled(PASTE)
def judge_sweep(
    rows: FloatPointer,
    last: FloatPointer,
    n: int,
    f: int,
    first: float,
    value: float,
    ftol: float,
    norm_limit: float,
    at_limit: bool,
) -> int:
    """Return how the run ends with a sweep from F = first to F = value at `rows`, or that it GOES_ON."""
    size = n * f
    if math.isfinite(value) and all_finite(rows, size):
        copy(rows, last, size)
        if longest_row(rows, n, f) > norm_limit:
            return ESCAPED
    if 2.0 * (first - value) <= ftol * (abs(first) + abs(value)) + 1e-20:
        return CONVERGED
    if at_limit or (math.isnan(first) and math.isnan(value)):
        return CONVERGED
    return GOES_ON


@compiled(PASTE)
def look_ahead(
    memory: FloatPointer, at: IntPointer, rows: FloatPointer, vectors: FloatPointer, size: int
) -> tuple[float, bool]:
    """Return F at 2 x - x_1, and whether the sweep has moved at all; its end is the next one's start."""
    before, beyond = part(vectors, BEFORE * size), part(vectors, BEYOND * size)
    fresh = part(vectors, FRESH * size)
    moved = False
    for k in range(size):
        fresh[k] = rows[k] - before[k]
        before[k] = rows[k]
        beyond[k] = rows[k] + fresh[k]
        moved = moved or fresh[k] != 0.0
    transpose(beyond, part(memory, at[TRIAL]), at[N], at[F], at[M])
    return evaluate(memory, at, on_trial=True), moved


@compiled(PASTE)
def pays(first: float, value: float, ahead: float, largest: float) -> bool:
    """Return whether x - x_1 is worth a place among the directions: Powell's test."""
    rest = first - value - largest
    fall = first - ahead
    curved = 2.0 * (first + ahead - 2.0 * value) * (rest * rest) - largest * (fall * fall) < 0.0
    return first > ahead and curved


@compiled(PASTE)
def replace_direction(
    vectors: FloatPointer, axes: IntPointer, slots: IntPointer, size: int, best: int, alpha: float, used: int
) -> int:
    """Put alpha times the direction of the sweep last and the last one in the place `best`.

    A step of 0 changes nothing. Return the number of slots used.
    """
    fresh = part(vectors, FRESH * size)
    moved = False
    for k in range(size):
        fresh[k] *= alpha
        moved = moved or fresh[k] != 0.0
    if moved:
        slot = used
        if axes[best] == GENERAL:
            slot = slots[best]
        else:
            used += 1
        axes[best], slots[best] = axes[size - 1], slots[size - 1]
        axes[size - 1], slots[size - 1] = axis_of(fresh, size), slot
        copy(fresh, part(vectors, (DIRECTIONS + slot) * size), size)
    return used


@compiled(PASTE)
def all_finite(rows: FloatPointer, size: int) -> bool:
    """Return whether every number is finite."""
    for k in range(size):
        if not math.isfinite(rows[k]):
            return False
    return True


@compiled(PASTE)
def longest_row(rows: FloatPointer, n: int, f: int) -> float:
    """Return the largest length of a row."""
    longest = 0.0
    for i in range(n):
        square = 0.0
        for k in range(f):
            square += rows[i * f + k] * rows[i * f + k]
        longest = max(longest, square)
    return math.sqrt(longest)


@compiled(PASTE)
def axis_of(direction: FloatPointer, size: int) -> int:
    """Return the coordinate whose axis this is, or GENERAL."""
    axis = GENERAL
    for k in range(size):
        if direction[k] != 0.0:
            if axis != GENERAL or direction[k] != 1.0:
                return GENERAL
            axis = k
    return axis
