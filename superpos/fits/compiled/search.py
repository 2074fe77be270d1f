"""Minimum of a function of one variable: downhill bracketing, then Brent's method, as SciPy's defaults do it.

    bracket   from 0 and 1 downhill by the golden ratio or a parabola through the last three points, at most
              110 times the last step, until f(b) <= f(a), f(b) <= f(c), one of them strictly
    Brent     parabolas through the three best points, golden sections where they do not help, until
              |x - middle| < 2 tol1 - (b - a) / 2 with tol1 = tol |x| + 1e-11, or 500 steps

The search asks for one value at a time: `begin` and `advance` say where, the caller evaluates. So the
objective is called from one place only and can be compiled into the loop of the line search.

Source: Brent, Algorithms for Minimization without Derivatives (1973), chapter 5; Press et al., Numerical
Recipes (mnbrak); constants, order of evaluations and stopping rules are those of `scipy.optimize` 1.17.
"""

from __future__ import annotations

import math

import numpy as np

from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer

GOLD = 1.618034
SECTION = 0.3819660
GROW_LIMIT = 110.0
TINY_DENOMINATOR = 1e-21
MIN_TOLERANCE = 1.0e-11
BRACKET_LIMIT = 1000
BRENT_LIMIT = 500

XA, XB, XC, FA, FB, FC, TRIAL, LIMIT, LOW, HIGH, X, W, V, FX, FW, FV, LAST, STEP, TOLERANCE = range(19)
"""Places in the state: the bracket, Brent's interval and three best points, the two last steps, the
tolerance."""
STAGE, COUNT = range(2)
"""Places in the counters: what the awaited value is for, and steps so far."""
AT_A, AT_B, AT_C, INSIDE, BEYOND, SHIFT, BRENT, DONE, FAILED = range(9)
"""Stages; `FAILED`: no valid bracket (X, FX hold its best point)."""
STATE_SIZE = 24


@compiled(PASTE)
def begin(state: FloatPointer, counters: IntPointer, tolerance: float) -> float:
    """Start a search with this relative tolerance; return the first place to evaluate, 0."""
    state[TOLERANCE] = tolerance
    state[XA] = 0.0
    state[XB] = 1.0
    counters[STAGE] = AT_A
    counters[COUNT] = 0
    return 0.0


@compiled(OPTIONS)
def advance(state: FloatPointer, counters: IntPointer, value: float) -> float:
    """Take the value at the place last asked for; return the next place (or X, at the end)."""
    stage = counters[STAGE]
    if stage == BRENT:
        _update(state, counters, value)
        return _next_brent(state, counters)
    if stage == AT_A:
        state[FA] = value
        counters[STAGE] = AT_B
        return state[XB]
    if stage == AT_B:
        state[FB] = value
        if state[FA] < value:
            state[XA], state[XB] = state[XB], state[XA]
            state[FA], state[FB] = state[FB], state[FA]
        state[XC] = state[XB] + GOLD * (state[XB] - state[XA])
        counters[STAGE] = AT_C
        return state[XC]
    if stage == AT_C:
        state[FC] = value
    elif stage == INSIDE:
        if value < state[FC]:
            state[XA], state[XB] = state[XB], state[TRIAL]
            state[FA], state[FB] = state[FB], value
            return _close_bracket(state, counters)
        if value > state[FB]:
            state[XC], state[FC] = state[TRIAL], value
            return _close_bracket(state, counters)
        return _grow(state, counters)
    elif stage == BEYOND and value < state[FC]:
        state[XB], state[XC] = state[XC], state[TRIAL]
        state[FB], state[FC] = state[FC], value
        return _grow(state, counters)
    else:
        state[XA], state[XB], state[XC] = state[XB], state[XC], state[TRIAL]
        state[FA], state[FB], state[FC] = state[FB], state[FC], value
    return _next_bracket(state, counters)


@compiled(PASTE)
def _grow(state: FloatPointer, counters: IntPointer) -> float:
    """Ask for a golden step beyond c."""
    state[TRIAL] = state[XC] + GOLD * (state[XC] - state[XB])
    counters[STAGE] = SHIFT
    return state[TRIAL]


@compiled(OPTIONS)
def _next_bracket(state: FloatPointer, counters: IntPointer) -> float:
    """Return the next place of the downhill march, or close it where the function has risen."""
    xa, xb, xc = state[XA], state[XB], state[XC]
    fa, fb, fc = state[FA], state[FB], state[FC]
    if not fc < fb or counters[COUNT] > BRACKET_LIMIT:
        return _close_bracket(state, counters)
    first = (xb - xa) * (fb - fc)
    second = (xb - xc) * (fb - fa)
    difference = second - first
    denominator = 2.0 * (TINY_DENOMINATOR if abs(difference) < TINY_DENOMINATOR else difference)
    vertex = xb - ((xb - xc) * second - (xb - xa) * first) / denominator
    limit = xb + GROW_LIMIT * (xc - xb)
    counters[COUNT] += 1
    if (vertex - xc) * (xb - vertex) > 0.0:
        counters[STAGE] = INSIDE
    elif (vertex - limit) * (limit - xc) >= 0.0:
        vertex = limit
        counters[STAGE] = SHIFT
    elif (vertex - limit) * (xc - vertex) > 0.0:
        counters[STAGE] = BEYOND
    else:
        return _grow(state, counters)
    state[TRIAL] = vertex
    return vertex


@compiled(OPTIONS)
def _close_bracket(state: FloatPointer, counters: IntPointer) -> float:
    """Check the bracket; return Brent's first place, or its best point if it is none."""
    xa, xb, xc = state[XA], state[XB], state[XC]
    fa, fb, fc = state[FA], state[FB], state[FC]
    lower = (fb < fc and fb <= fa) or (fb < fa and fb <= fc)
    ordered = xa < xb < xc or xc < xb < xa
    finite = math.isfinite(xa) and math.isfinite(xb) and math.isfinite(xc)
    if not (lower and ordered and finite):
        counters[STAGE] = FAILED
        best, value = (xa, fa) if fa <= fb and fa <= fc else (xb, fb) if fb <= fc else (xc, fc)
        for known in (xa, xb, xc, fa, fb, fc):
            if math.isnan(known):
                best = value = np.nan
        state[X], state[FX] = best, value
        return best
    state[X] = state[W] = state[V] = xb
    state[FX] = state[FW] = state[FV] = fb
    state[LOW], state[HIGH] = (xa, xc) if xa < xc else (xc, xa)
    state[LAST] = state[STEP] = 0.0
    counters[STAGE] = BRENT
    counters[COUNT] = 0
    return _next_brent(state, counters)


@compiled(OPTIONS)
def _next_brent(state: FloatPointer, counters: IntPointer) -> float:
    """Return the next place of Brent's method, or its end."""
    x, w, v = state[X], state[W], state[V]
    low, high = state[LOW], state[HIGH]
    tol1 = state[TOLERANCE] * abs(x) + MIN_TOLERANCE
    tol2 = 2.0 * tol1
    middle = 0.5 * (low + high)
    if counters[COUNT] >= BRENT_LIMIT or abs(x - middle) < tol2 - 0.5 * (high - low):
        counters[STAGE] = DONE
        return x
    golden = True
    step = state[STEP]
    if abs(state[LAST]) > tol1:
        fx = state[FX]
        first = (x - w) * (fx - state[FV])
        second = (x - v) * (fx - state[FW])
        p = (x - v) * second - (x - w) * first
        q = 2.0 * (second - first)
        if q > 0.0:
            p = -p
        q = abs(q)
        before = state[LAST]
        state[LAST] = step
        if p > q * (low - x) and p < q * (high - x) and abs(p) < abs(0.5 * q * before):
            golden = False
            step = p / q
            u = x + step
            if u - low < tol2 or high - u < tol2:
                step = tol1 if middle - x >= 0.0 else -tol1
    if golden:
        state[LAST] = low - x if x >= middle else high - x
        step = SECTION * state[LAST]
    state[STEP] = step
    if abs(step) < tol1:
        step = tol1 if step >= 0.0 else -tol1
    state[TRIAL] = x + step
    return state[TRIAL]


@compiled(OPTIONS)
def _update(state: FloatPointer, counters: IntPointer, value: float) -> None:
    """Sort the new point into Brent's interval and three best points."""
    u, x = state[TRIAL], state[X]
    if value > state[FX]:
        if u < x:
            state[LOW] = u
        else:
            state[HIGH] = u
        if value <= state[FW] or state[W] == x:
            state[V], state[FV] = state[W], state[FW]
            state[W], state[FW] = u, value
        elif value <= state[FV] or state[V] == x or state[V] == state[W]:
            state[V], state[FV] = u, value
    else:
        if u >= x:
            state[LOW] = x
        else:
            state[HIGH] = x
        state[V], state[FV] = state[W], state[FW]
        state[W], state[FW] = x, state[FX]
        state[X], state[FX] = u, value
    counters[COUNT] += 1
