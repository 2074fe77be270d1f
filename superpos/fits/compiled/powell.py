"""Powell's direction-set method on the re-optimisation objective: SciPy's algorithm, line by line searches.

A sweep minimises along each of the N = n f directions in turn, the coordinate axes at first. Then the run is
over, or the direction of the sweep may take the place of another one (`sweeps.py`).

Directions that are still axes are searched in O(n) an evaluation (`lines.py`), replaced ones in O(n^2)
(`general.py`).

Source: Powell, Comput. J. 7 (1964); order of evaluations, tolerances and limits are those of
`scipy.optimize` 1.17 (line tolerance 100 xtol, 1,000 N evaluations).
"""

from __future__ import annotations

import math

import numpy as np

from superpos.arrays import Float, Int
from superpos.fits.compiled.full import evaluate
from superpos.fits.compiled.general import begin_general, general_value, step
from superpos.fits.compiled.gradient import relative_gradient
from superpos.fits.compiled.lines import accept_coordinate, begin_coordinate, coordinate_value, read
from superpos.fits.compiled.machine.dense import copy, transpose
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.search import DONE, FX, STAGE, STATE_SIZE, X, advance, begin
from superpos.fits.compiled.sweeps import (
    BEFORE,
    CONVERGED,
    DIRECTIONS,
    ESCAPED,
    FRESH,
    GENERAL,
    GOES_ON,
    LAST,
    MAX_CALLS,
    MAX_SWEEPS,
    NON_FINITE,
    RAN_AWAY,
    all_finite,
    judge_sweep,
    look_ahead,
    pays,
    replace_direction,
)
from superpos.fits.compiled.workspace import ENERGY, ENERGY_START, GRADIENT, POINT, TRIAL, F, M, N

AXES, SLOTS = range(2)
"""Integers of a run behind the counters of its search, N each: of every direction its axis, or GENERAL, and
its slot."""
COUNTERS = 2


def make_buffers(size: int) -> tuple[Float, Int]:
    """Return the buffers of a run over so many variables.

    The N^2 numbers of the directions are touched only where directions are replaced: until then they cost
    address space alone.
    """
    return np.empty(STATE_SIZE + (DIRECTIONS + size) * size), np.empty(COUNTERS + 2 * size, dtype=np.int64)


@compiled(PASTE)
def begin_run(
    memory: FloatPointer,
    at: IntPointer,
    rows: FloatPointer,
    vectors: FloatPointer,
    axes: IntPointer,
    slots: IntPointer,
    size: int,
) -> float:
    """Stand at the start with the axes for directions; return F there."""
    for k in range(size):
        axes[k] = k
        slots[k] = 0
    copy(rows, part(vectors, BEFORE * size), size)
    copy(rows, part(vectors, LAST * size), size)
    transpose(rows, part(memory, at[POINT]), at[N], at[F], at[M])
    value = evaluate(memory, at, on_trial=False)
    memory[ENERGY_START] = memory[ENERGY]
    return value


@compiled(OPTIONS)
def line_search(
    memory: FloatPointer,
    at: IntPointer,
    axis: int,
    state: FloatPointer,
    counters: IntPointer,
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
                value = evaluate(memory, at, on_trial=True)
        else:
            square, value = coordinate_value(memory, at, alpha)
        if square > far:
            state[X] = alpha
            return calls, RAN_AWAY
        alpha = advance(state, counters, value)
    return calls, CONVERGED


@compiled(PASTE)
def move_along(
    memory: FloatPointer,
    at: IntPointer,
    axis: int,
    direction: FloatPointer,
    state: FloatPointer,
    counters: IntPointer,
    tolerance: float,
    calls: int,
    most: int,
    far: float,
) -> tuple[int, int]:
    """Go to the minimum along an axis, or along this direction; return (calls, how the search ended)."""
    if axis == GENERAL:
        begin_general(memory, at, direction)
    else:
        begin_coordinate(memory, at, axis)
    calls, ending = line_search(memory, at, axis, state, counters, tolerance, calls, most, far)
    if ending != MAX_CALLS:
        if axis == GENERAL:
            step(memory, at, state[X], part(memory, at[POINT]))
            evaluate(memory, at, on_trial=False)
        else:
            accept_coordinate(memory, at, state[X])
    return calls, ending


@compiled(PASTE)
def end_run(
    memory: FloatPointer,
    at: IntPointer,
    rows: FloatPointer,
    last: FloatPointer,
    size: int,
    value: float,
    ending: int,
    limit: int,
) -> int:
    """Evaluate the end in full, or the last finite sweep if it is not finite; return how the run ended.

    `limit` is the limit that was met, if one was, or CONVERGED.
    """
    trial = part(memory, at[TRIAL])
    if ending != ESCAPED:
        read(memory, at, rows)
    transpose(rows, trial, at[N], at[F], at[M])
    finite = math.isfinite(evaluate(memory, at, on_trial=True)) and all_finite(rows, size)
    if ending < ESCAPED:
        finite = finite and math.isfinite(value)
        if limit != CONVERGED:
            ending = limit
    if not finite:
        ending = NON_FINITE
        copy(last, rows, size)
        transpose(rows, trial, at[N], at[F], at[M])
        evaluate(memory, at, on_trial=True)
    memory[GRADIENT] = relative_gradient(memory, at, rows)
    return ending


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
    state, counters, vectors = part(numbers, 0), part(counts, 0), part(numbers, STATE_SIZE)
    last, fresh = part(vectors, LAST * size), part(vectors, FRESH * size)
    axes, slots = part(counts, COUNTERS + AXES * size), part(counts, COUNTERS + SLOTS * size)
    value = begin_run(memory, at, rows, vectors, axes, slots, size)
    calls, sweeps, used = 1, 0, 0
    # `turn` runs over the N directions and once more for that of the sweep, where it pays.
    turn, first, largest, best = 0, value, 0.0, 0
    while True:
        extra = turn == size
        axis = GENERAL if extra else axes[turn]
        direction = fresh if extra else part(vectors, (DIRECTIONS + slots[turn]) * size)
        calls, ending = move_along(
            memory, at, axis, direction, state, counters, 100.0 * xtol, calls, max_calls, far * far
        )
        if ending != CONVERGED:
            break
        drop = value - state[FX]
        value = state[FX]
        if extra:
            used = replace_direction(vectors, axes, slots, size, best, state[X], used)
        else:
            if drop > largest:
                largest, best = drop, turn
            turn += 1
            if turn < size:
                continue
            read(memory, at, rows)
            sweeps += 1
            at_limit = calls >= max_calls or sweeps >= max_sweeps
            ending = judge_sweep(rows, last, at[N], at[F], first, value, ftol, norm_limit, at_limit)
            if ending != GOES_ON:
                break
            ahead, moved = look_ahead(memory, at, rows, vectors, size)
            calls += 1
            if moved and pays(first, value, ahead, largest):
                continue
        turn, first, largest, best = 0, value, 0.0, 0
    limit = MAX_CALLS if calls >= max_calls else MAX_SWEEPS if sweeps >= max_sweeps else CONVERGED
    ending = end_run(memory, at, rows, last, size, value, ending, limit)
    return value, sweeps, calls, ending
