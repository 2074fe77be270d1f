"""Second line search for the strong Wolfe conditions: doubling steps, then zooming into an interval.

Used where the first search (`dcsrch.py`) fails or its step is refused. The step doubles from the first guess
until the value rises or the slope turns, which brackets an acceptable step; inside, each trial is the
minimiser of a cubic through the last three points, of a quadratic, or the middle, whichever is first well
inside. After ten doublings the step is taken as it is. `begin_zoom` and `advance_zoom` say where to evaluate,
as in `search.py`.

Source: Nocedal & Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6, as `scipy.optimize` 1.17 has
them (line_search_wolfe2: 10 doublings, 10 zooms).
"""

from __future__ import annotations

import math

from superpos.fits.compiled.dcsrch import CONVERGED, EVALUATE, FAILED, LARGEST_STEP, TASK
from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer
from superpos.fits.compiled.machine.vectors import cold

DOUBLINGS = ZOOMS = 10
CUBIC_MARGIN, QUADRATIC_MARGIN = 0.2, 0.1
TAKEN = 3
"""Task: the step is taken though it meets no condition."""

(
    C1, C2, START, SLOPE, LAST, F_LAST, D_LAST, LOW, F_LOW, D_LOW, HIGH, F_HIGH, BEFORE, F_BEFORE, TWO, THREE
) = range(16)  # fmt: skip
"""Places in the state: constants; phi and its slope at 0; the step before; the better and the other end of
the interval; the end that was given up last; the exponents 2 and 3 (see `dcsrch.py`)."""
STATE_SIZE = 16
COUNT, ZOOMING, ASKED = range(1, 4)
"""Places in the counters: doublings or zooms so far; whether it zooms; whether it has looked at the slope."""


@compiled(PASTE)
def _finite(x: float) -> float:
    return x if math.isfinite(x) else math.nan


@compiled(PASTE)
def _cubic_minimum(state: FloatPointer) -> float:
    """Return the minimiser of the cubic through both ends, with the slope at the better one, and `BEFORE`."""
    low, f_low, slope = state[LOW], state[F_LOW], state[D_LOW]
    db, dc = state[HIGH] - low, state[BEFORE] - low
    two, three = state[TWO], state[THREE]
    denominator = math.pow(db * dc, two) * (db - dc)
    first, second = state[F_HIGH] - f_low - slope * db, state[F_BEFORE] - f_low - slope * dc
    cubic = (math.pow(dc, two) * first + -math.pow(db, two) * second) / denominator
    square = (-math.pow(dc, three) * first + math.pow(db, three) * second) / denominator
    return _finite(low + (-square + math.sqrt(square * square - 3.0 * cubic * slope)) / (3.0 * cubic))


@compiled(PASTE)
def _quadratic_minimum(state: FloatPointer) -> float:
    """Return the stationary point of the quadratic through both ends with the slope at the better one."""
    low, slope = state[LOW], state[D_LOW]
    width = state[HIGH] - low
    square = (state[F_HIGH] - state[F_LOW] - slope * width) / (width * width)
    return _finite(low - slope / (2.0 * square))


@compiled(OPTIONS)
def _trial_between(state: FloatPointer, counters: IntPointer) -> float:
    """Return the next trial step between the ends."""
    low, high = state[LOW], state[HIGH]
    width = high - low
    left, right = (high, low) if width < 0.0 else (low, high)
    trial = math.nan
    margin = CUBIC_MARGIN * width
    if counters[COUNT] > 0:
        trial = _cubic_minimum(state)
    if math.isnan(trial) or trial > right - margin or trial < left + margin:
        trial = _quadratic_minimum(state)
        margin = QUADRATIC_MARGIN * width
        if math.isnan(trial) or trial > right - margin or trial < left + margin:
            trial = low + 0.5 * width
    return trial


@compiled(PASTE)
def begin_zoom(
    state: FloatPointer, counters: IntPointer, step: float, value: float, slope: float, c1: float, c2: float
) -> float:
    """Start a search at phi(0) = value, phi'(0) = slope; return the first trial step."""
    counters[TASK] = EVALUATE
    counters[COUNT] = counters[ZOOMING] = 0
    state[C1], state[C2] = c1, c2
    state[START], state[SLOPE] = value, slope
    state[LAST], state[F_LAST], state[D_LAST] = 0.0, value, slope
    state[TWO], state[THREE] = 2.0, 3.0
    return step if step < LARGEST_STEP else LARGEST_STEP


@compiled(OPTIONS)
def advance_zoom(
    state: FloatPointer, counters: IntPointer, step: float, value: float, slope: float, suits: bool
) -> float:
    """Take value and slope at the trial step, and whether it suits otherwise; return the next trial step."""
    cold()
    counters[ASKED] = 0
    low_enough = not value > state[START] + state[C1] * step * state[SLOPE]
    accepted = abs(slope) <= -state[C2] * state[SLOPE] and suits
    if counters[ZOOMING] == 0:
        if counters[COUNT] == DOUBLINGS:
            counters[TASK] = TAKEN
            return step
        if step == 0.0 or state[LAST] > LARGEST_STEP:
            counters[TASK] = FAILED
            return step
        if low_enough and not (value >= state[F_LAST] and counters[COUNT] > 0):
            counters[ASKED] = 1
            if accepted:
                counters[TASK] = CONVERGED
                return step
            if not slope >= 0.0:
                state[LAST], state[F_LAST], state[D_LAST] = step, value, slope
                counters[COUNT] += 1
                return 2.0 * step if 2.0 * step < LARGEST_STEP else LARGEST_STEP
            state[LOW], state[F_LOW], state[D_LOW] = step, value, slope
            state[HIGH], state[F_HIGH] = state[LAST], state[F_LAST]
        else:
            state[LOW], state[F_LOW], state[D_LOW] = state[LAST], state[F_LAST], state[D_LAST]
            state[HIGH], state[F_HIGH] = step, value
        state[BEFORE], state[F_BEFORE] = 0.0, state[START]
        counters[ZOOMING], counters[COUNT] = 1, 0
        return _trial_between(state, counters)
    if not low_enough or value >= state[F_LOW]:
        state[BEFORE], state[F_BEFORE] = state[HIGH], state[F_HIGH]
        state[HIGH], state[F_HIGH] = step, value
    else:
        counters[ASKED] = 1
        if accepted:
            counters[TASK] = CONVERGED
            return step
        if slope * (state[HIGH] - state[LOW]) >= 0.0:
            state[BEFORE], state[F_BEFORE] = state[HIGH], state[F_HIGH]
            state[HIGH], state[F_HIGH] = state[LOW], state[F_LOW]
        else:
            state[BEFORE], state[F_BEFORE] = state[LOW], state[F_LOW]
        state[LOW], state[F_LOW], state[D_LOW] = step, value, slope
    counters[COUNT] += 1
    if counters[COUNT] > ZOOMS:
        counters[TASK] = FAILED
        return step
    return _trial_between(state, counters)
