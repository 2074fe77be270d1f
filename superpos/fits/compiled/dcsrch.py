"""More and Thuente's line search for the strong Wolfe conditions, one trial step at a time.

    phi(t) <= phi(0) + c1 t phi'(0),   |phi'(t)| <= c2 |phi'(0)|

An interval [x, y] that holds an acceptable step is kept: x is the best end, y the other one. Each trial step
t is a safeguarded minimiser of a cubic or a quadratic through values and slopes at x (or y) and t; until a
step decreases phi enough, that is done for psi(t) = phi(t) - phi(0) - c1 t phi'(0). `begin` and `advance` say
where to evaluate, as in `search.py`.

Source: More & Thuente, ACM Trans. Math. Softw. 20 (1994); constants and the order of tests are those of
MINPACK-2 (dcsrch, dcstep) as `scipy.optimize` 1.17 has them.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer
from superpos.fits.compiled.machine.vectors import cold

STEP_TOLERANCE = 1e-14
SMALLEST_STEP, LARGEST_STEP = 1e-100, 1e100

(
    C1,
    C2,
    START,
    SLOPE,
    BEST,
    F_BEST,
    D_BEST,
    OTHER,
    F_OTHER,
    D_OTHER,
    LEAST,
    MOST,
    WIDTH,
    WIDTH_BEFORE,
    SQUARE,
) = range(15)
"""Places in the state: constants; phi and its slope at 0; step, value, slope of both ends; limits of the next
step; the last two widths; the exponent 2."""
STATE_SIZE = 16
TASK, BRACKETED, SECOND_STAGE = range(3)
"""Places in the counters."""
EVALUATE, CONVERGED, FAILED = range(3)
"""Tasks."""


@compiled(PASTE)
def begin_step(
    state: FloatPointer, counters: IntPointer, step: float, value: float, slope: float, c1: float, c2: float
) -> None:
    """Start a search at phi(0) = value, phi'(0) = slope with this first trial step."""
    counters[BRACKETED] = counters[SECOND_STAGE] = 0
    refused = step < SMALLEST_STEP or step > LARGEST_STEP or slope >= 0.0 or not math.isfinite(step)
    counters[TASK] = FAILED if refused else EVALUATE
    state[C1], state[C2] = c1, c2
    state[START], state[SLOPE] = value, slope
    state[BEST] = state[OTHER] = 0.0
    state[F_BEST] = state[F_OTHER] = value
    state[D_BEST] = state[D_OTHER] = slope
    state[WIDTH] = LARGEST_STEP - SMALLEST_STEP
    state[WIDTH_BEFORE] = state[WIDTH] / 0.5
    state[SQUARE] = 2.0
    state[LEAST], state[MOST] = 0.0, step + 4.0 * step


@compiled(OPTIONS)
def advance_step(state: FloatPointer, counters: IntPointer, step: float, value: float, slope: float) -> float:
    """Take value and slope at the trial step; return the next one, or this one if it is accepted."""
    cold()
    sufficient = state[C1] * state[SLOPE]
    goal = state[START] + step * sufficient
    if counters[SECOND_STAGE] == 0 and value <= goal and slope >= 0.0:
        counters[SECOND_STAGE] = 1
    bracketed = counters[BRACKETED] == 1
    least, most = state[LEAST], state[MOST]
    failed = (
        (bracketed and (step <= least or step >= most))
        or (bracketed and most - least <= STEP_TOLERANCE * most)
        or (step == LARGEST_STEP and value <= goal and slope <= sufficient)
        or (step == SMALLEST_STEP and (value > goal or slope >= sufficient))
    )
    if value <= goal and abs(slope) <= state[C2] * -state[SLOPE]:
        counters[TASK] = CONVERGED
        return step
    if failed:
        counters[TASK] = FAILED
        return step
    # Before a sufficient decrease is found, steps are predicted from psi.
    tilt = sufficient if counters[SECOND_STAGE] == 0 and value <= state[F_BEST] and value > goal else 0.0
    state[F_BEST] -= state[BEST] * tilt
    state[F_OTHER] -= state[OTHER] * tilt
    state[D_BEST] -= tilt
    state[D_OTHER] -= tilt
    step = _trial(state, counters, step, value - step * tilt, slope - tilt)
    state[F_BEST] += state[BEST] * tilt
    state[F_OTHER] += state[OTHER] * tilt
    state[D_BEST] += tilt
    state[D_OTHER] += tilt
    best, other = state[BEST], state[OTHER]
    bracketed = counters[BRACKETED] == 1
    if bracketed:
        if abs(other - best) >= 0.66 * state[WIDTH_BEFORE]:
            step = best + 0.5 * (other - best)
        state[WIDTH_BEFORE] = state[WIDTH]
        state[WIDTH] = abs(other - best)
        least, most = (other, best) if other < best else (best, other)
    else:
        least, most = step + 1.1 * (step - best), step + 4.0 * (step - best)
    state[LEAST], state[MOST] = least, most
    step = _clip(step, SMALLEST_STEP, LARGEST_STEP)
    if bracketed and (step <= least or step >= most or most - least <= STEP_TOLERANCE * most):
        step = best
    if not math.isfinite(step):
        counters[TASK] = FAILED
    return step


@compiled(OPTIONS)
def _clip(x: float, low: float, high: float) -> float:
    x = low if x < low else x
    return high if x > high else x


@compiled(OPTIONS)
def _root(
    state: FloatPointer, fx: float, dx: float, fy: float, dy: float, width: float, sign: float, floor: bool
) -> tuple[float, float]:
    """Return theta and gamma of the cubic with these values and slopes at two points `width` apart.

    The square is the C library's pow with an exponent that the compiler cannot see, as in Python's `**`: it
    differs from a product in the last bit once in a thousand times, and runs are to be SciPy's to the bit.
    """
    theta = 3.0 * (fx - fy) / width + dx + dy
    scale = abs(theta)
    scale = abs(dx) if abs(dx) > scale else scale
    scale = abs(dy) if abs(dy) > scale else scale
    inside = math.pow(theta / scale, state[SQUARE]) - (dx / scale) * (dy / scale)
    if floor:
        inside = inside if inside > 0.0 else 0.0
    return theta, sign * (scale * math.sqrt(inside))


@compiled(PASTE)
def _trial(state: FloatPointer, counters: IntPointer, step: float, f: float, d: float) -> float:
    """Update the interval with value f and slope d at the step; return the next step."""
    x, fx, dx = state[BEST], state[F_BEST], state[D_BEST]
    y, fy, dy = state[OTHER], state[F_OTHER], state[D_OTHER]
    opposite = (d > 0.0 and dx < 0.0) or (d < 0.0 and dx > 0.0)
    bracketed = counters[BRACKETED] == 1
    if f > fx:
        # Higher value: a minimum is bracketed.
        theta, gamma = _root(state, fx, dx, f, d, step - x, -1.0 if step < x else 1.0, False)
        r = ((gamma - dx) + theta) / (((gamma - dx) + gamma) + d)
        cubic = x + r * (step - x)
        quadratic = x + ((dx / ((fx - f) / (step - x) + dx)) / 2.0) * (step - x)
        new = cubic if abs(cubic - x) <= abs(quadratic - x) else cubic + (quadratic - cubic) / 2.0
        counters[BRACKETED] = 1
    elif opposite:
        # Lower value, slopes of opposite sign: a minimum is bracketed.
        theta, gamma = _root(state, fx, dx, f, d, step - x, -1.0 if step > x else 1.0, False)
        r = ((gamma - d) + theta) / (((gamma - d) + gamma) + dx)
        cubic = step + r * (x - step)
        secant = step + (d / (d - dx)) * (x - step)
        new = cubic if abs(cubic - step) > abs(secant - step) else secant
        counters[BRACKETED] = 1
    elif abs(d) < abs(dx):
        # Lower value, same sign, slope decreases: the cubic may have no minimum beyond the step.
        theta, gamma = _root(state, fx, dx, f, d, step - x, -1.0 if step > x else 1.0, True)
        r = ((gamma - d) + theta) / ((gamma + (dx - d)) + gamma)
        if r < 0.0 and gamma != 0.0:
            cubic = step + r * (x - step)
        else:
            cubic = state[MOST] if step > x else state[LEAST]
        secant = step + (d / (d - dx)) * (x - step)
        if bracketed:
            new = cubic if abs(cubic - step) < abs(secant - step) else secant
            bound = step + 0.66 * (y - step)
            if step > x:
                new = new if new < bound else bound
            else:
                new = new if new > bound else bound
        else:
            new = cubic if abs(cubic - step) > abs(secant - step) else secant
            new = _clip(new, state[LEAST], state[MOST])
    elif bracketed:
        # Lower value, same sign, slope does not decrease.
        theta, gamma = _root(state, f, dy, fy, d, y - step, -1.0 if step > y else 1.0, False)
        r = ((gamma - d) + theta) / (((gamma - d) + gamma) + dy)
        new = step + r * (y - step)
    else:
        new = state[MOST] if step > x else state[LEAST]
    if f > fx:
        state[OTHER], state[F_OTHER], state[D_OTHER] = step, f, d
    else:
        if opposite:
            state[OTHER], state[F_OTHER], state[D_OTHER] = x, fx, dx
        state[BEST], state[F_BEST], state[D_BEST] = step, f, d
    return new
