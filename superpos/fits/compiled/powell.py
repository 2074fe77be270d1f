"""Powell's direction-set method on the re-optimisation objective: SciPy's algorithm, line by line searches.

A sweep minimises along each of the N = n f directions in turn, the coordinate axes at first. Then, with x_1
the start of the sweep, x its end, delta the largest decrease along one direction and f_1, f, f_2 the values
at x_1, x, 2 x - x_1:

    stop if 2 (f_1 - f) <= ftol (|f_1| + |f|) + 1e-20
    if f_2 < f_1 and 2 (f_1 + f_2 - 2 f) (f_1 - f - delta)^2 < delta (f_1 - f_2)^2: minimise along x - x_1,
    put that direction in the last place and the last one in the place of the direction of largest decrease

Directions that are still axes are searched in O(n) an evaluation (`lines.py`), replaced ones in O(n^2)
(`general.py`).

Source: Powell, Comput. J. 7 (1964); order of evaluations, tolerances and limits are those of
`scipy.optimize` 1.17 (line tolerance 100 xtol, 1,000 N evaluations).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from superpos.arrays import Float, Int
from superpos.fits.compiled.full import evaluate
from superpos.fits.compiled.general import begin_general, general_value, step
from superpos.fits.compiled.gradient import relative_gradient
from superpos.fits.compiled.lines import accept_coordinate, begin_coordinate, coordinate_value, read
from superpos.fits.compiled.machine.dense import transpose
from superpos.fits.compiled.machine.elementary import OPTIONS, PASTE
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.pointers import part
from superpos.fits.compiled.search import DONE, FX, STAGE, STATE_SIZE, X, advance, begin
from superpos.fits.compiled.workspace import ENERGY, ENERGY_START, GRADIENT, POINT, TRIAL, F, M, N

CONVERGED, MAX_CALLS, MAX_SWEEPS, NON_FINITE, ESCAPED, RAN_AWAY = range(6)
"""How a run ended; the first four are SciPy's, in its order."""
GENERAL = -1
"""Index of a direction that is not a coordinate axis."""


def make_buffers(size: int) -> tuple[Float, Int]:
    """Return the buffers of a run over so many variables.

    The N^2 numbers of the directions are touched only where directions are replaced: until then they cost
    address space alone.
    """
    return np.empty(STATE_SIZE + (4 + size) * size), np.empty(2 + 2 * size, dtype=np.int64)


@njit(**OPTIONS)
def line_search(
    memory: Float,
    at: Int,
    axis: int,
    state: Float,
    counters: Int,
    tolerance: float,
    calls: int,
    most: int,
    far: float,
) -> tuple[int, int]:
    """Minimise along the line that has begun; X and FX of `state` are its end. Return (calls, how it ended).

    `axis` is the coordinate or GENERAL; beyond the squared norm `far` the search is broken off, and X is
    where.
    """
    alpha = begin(state, counters, tolerance)
    while counters[STAGE] < DONE:
        if calls >= most:
            return calls, MAX_CALLS
        calls += 1
        if axis == GENERAL:
            square, value, lost = general_value(memory, at, alpha)
            if lost:
                step(memory, at, alpha, part(memory, at[TRIAL]))
                value = evaluate(memory, at, np.int64(1))
        else:
            square, value = coordinate_value(memory, at, alpha)
        if square > far:
            state[X] = alpha
            return calls, RAN_AWAY
        alpha = advance(state, counters, value)
    return calls, CONVERGED


@entry
def powell(
    arrays: Float, places: Int, ends: Float, numbers: Float, counts: Int, xtol: float, ftol: float,
    max_sweeps: int, max_calls: int, norm_limit: float, far: float
) -> tuple[float, int, int, int]:  # fmt: skip
    """Minimise from `ends`, (n f,), which become the end; return (F, sweeps, calls, how it ended).

    The memory then holds energy, norm error and relative gradient of the end, and the energy of the start.

    Parameters
    ----------
    arrays, places
        Workspace of the problem.
    ends
        Start and end, rows of the vectors one after another.
    numbers, counts
        Buffers of `make_buffers`.
    xtol, ftol
        Tolerances.
    max_sweeps, max_calls
        Limits.
    norm_limit
        A row longer than this after a sweep has escaped.
    far
        Norm of the moving row (of all rows, on a general line) at which a line search is broken off.
    """
    memory, at, rows, size = part(arrays, 0), part(places, 0), part(ends, 0), ends.size
    n, f, m = at[N], at[F], at[M]
    point, trial = part(memory, at[POINT]), part(memory, at[TRIAL])
    tolerance = 100.0 * xtol
    counters, axes, slots = part(counts, 0), part(counts, 2), part(counts, 2 + size)
    state, before, beyond = part(numbers, 0), part(numbers, STATE_SIZE), part(numbers, STATE_SIZE + size)
    fresh, last = part(numbers, STATE_SIZE + 2 * size), part(numbers, STATE_SIZE + 3 * size)
    directions = part(numbers, STATE_SIZE + 4 * size)
    used = 0
    for k in range(size):
        axes[k] = k
        slots[k] = 0
    copy(rows, before, size)
    copy(rows, last, size)
    transpose(rows, point, n, f, m)
    value = evaluate(memory, at, np.int64(0))
    memory[ENERGY_START] = memory[ENERGY]
    # `turn` runs over the N directions and once more for the extrapolation; `drop` is the decrease of a turn.
    calls, sweeps, turn = np.int64(1), 0, 0
    ending = CONVERGED
    first, largest, best = value, 0.0, 0
    while True:
        extra = turn == size
        axis = np.int64(GENERAL) if extra else axes[turn]
        if axis == GENERAL:
            begin_general(memory, at, fresh if extra else part(directions, slots[turn] * size))
        else:
            begin_coordinate(memory, at, axis)
        calls, ending = line_search(memory, at, axis, state, counters, tolerance, calls, max_calls, far * far)
        if ending == MAX_CALLS:
            break
        if axis == GENERAL:
            step(memory, at, state[X], point)
            evaluate(memory, at, np.int64(0))
        else:
            accept_coordinate(memory, at, state[X])
        if ending == RAN_AWAY:
            break
        drop = value - state[FX]
        value = state[FX]
        turn += 1
        if not extra:
            if drop > largest:
                largest, best = drop, turn - 1
            if turn < size:
                continue
            # The sweep is over: stop, or look ahead.
            read(memory, at, rows)
            sweeps += 1
            if math.isfinite(value) and all_finite(rows, size):
                copy(rows, last, size)
                if longest_row(rows, n, f) > norm_limit:
                    ending = ESCAPED
                    break
            if 2.0 * (first - value) <= ftol * (abs(first) + abs(value)) + 1e-20:
                break
            if calls >= max_calls or sweeps >= max_sweeps or (math.isnan(first) and math.isnan(value)):
                break
            moved = False
            for k in range(size):
                fresh[k] = rows[k] - before[k]
                before[k] = rows[k]
                beyond[k] = rows[k] + fresh[k]
                moved = moved or fresh[k] != 0.0
            transpose(beyond, trial, n, f, m)
            ahead = evaluate(memory, at, np.int64(1))
            calls += 1
            part_ = first - value - largest
            fall = first - ahead
            curved = 2.0 * (first + ahead - 2.0 * value) * (part_ * part_) - largest * (fall * fall) < 0.0
            if first > ahead and curved and moved:
                continue
        else:
            moved = False
            for k in range(size):
                fresh[k] *= state[X]
                moved = moved or fresh[k] != 0.0
            if moved:
                slot = used
                if axes[best] == GENERAL:
                    slot = slots[best]
                else:
                    used += 1
                axes[best], slots[best] = axes[size - 1], slots[size - 1]
                axes[size - 1], slots[size - 1] = axis_of(fresh, size), slot
                copy(fresh, part(directions, slot * size), size)
        turn = 0
        first, largest, best = value, 0.0, 0
    if ending != ESCAPED:
        read(memory, at, rows)
    transpose(rows, trial, n, f, m)
    finite = math.isfinite(evaluate(memory, at, np.int64(1))) and all_finite(rows, size)
    if ending < ESCAPED:
        finite = finite and math.isfinite(value)
        if calls >= max_calls:
            ending = MAX_CALLS
        elif sweeps >= max_sweeps:
            ending = MAX_SWEEPS
    if not finite:
        ending = NON_FINITE
        copy(last, rows, size)
        transpose(rows, trial, n, f, m)
        evaluate(memory, at, np.int64(1))
    memory[GRADIENT] = relative_gradient(memory, at, rows)
    return value, sweeps, calls, ending


@njit(**PASTE)
def copy(source: Float, out: Float, size: int) -> None:
    """Copy a vector."""
    for k in range(size):
        out[k] = source[k]


@njit(**PASTE)
def all_finite(rows: Float, size: int) -> bool:
    """Return whether every number is finite."""
    for k in range(size):
        if not math.isfinite(rows[k]):
            return False
    return True


@njit(**PASTE)
def longest_row(rows: Float, n: int, f: int) -> float:
    """Return the largest length of a row."""
    longest = 0.0
    for i in range(n):
        square = 0.0
        for k in range(f):
            square += rows[i * f + k] * rows[i * f + k]
        longest = max(longest, square)
    return math.sqrt(longest)


@njit(**PASTE)
def axis_of(direction: Float, size: int) -> int:
    """Return the coordinate whose axis this is, or GENERAL."""
    axis = GENERAL
    for k in range(size):
        if direction[k] != 0.0:
            if axis != GENERAL or direction[k] != 1.0:
                return GENERAL
            axis = k
    return axis
