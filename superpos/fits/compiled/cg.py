"""The joint step by nonlinear conjugate gradients (Polak-Ribiere+): SciPy's algorithm on the fused objective.

    p_0 = -g_0,  x' = x + t p,  beta = max(0, <g' - g, g'> / <g, g>),  p' = -g' + beta p

until ||g||_inf <= gtol, at most max_iter steps; t from the search of More and Thuente, or, where that fails
or its step does not suit, from the zooming one. The end is mapped to the gauge-fixed representative and the
descent goes on from there while it lies above gtol, as in `superpos.fits.cg`; an iterate that escapes
(`superpos.fits.bounds`) ends it at once. Value and gradient come together, but are counted as SciPy asks for
them.

Source: Nocedal & Wright, Numerical Optimization (2006), section 5.2; order of evaluations and stopping rules
are those of `scipy.optimize` 1.17.
"""

from __future__ import annotations

import math

from superpos.arrays import Float, Int
from superpos.fits.compiled.dcsrch import CONVERGED as FOUND
from superpos.fits.compiled.dcsrch import EVALUATE, FAILED, TASK, advance_step, begin_step
from superpos.fits.compiled.escape import LIMIT, is_escaping
from superpos.fits.compiled.joint_gauges import centre, place_vectors
from superpos.fits.compiled.joint_objective import loss_gradient
from superpos.fits.compiled.joint_workspace import CENTRED, LENGTH, F, M, N
from superpos.fits.compiled.joint_workspace import VECTORS as JOINT_VECTORS
from superpos.fits.compiled.machine.dense import copy, dot
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.machine.vectors import cold
from superpos.fits.compiled.wolfe import (
    AHEAD,
    C1,
    C2,
    DESCENT,
    LAST,
    NFEV,
    NJEV,
    SLOPE,
    TRIAL,
    TRIALS,
    VECTORS,
    G,
    P,
    X,
    first_guess,
    largest,
    turn,
)
from superpos.fits.compiled.zoom import ASKED, advance_zoom, begin_zoom

CONVERGED, MAX_ITER, STALLED, NON_FINITE, ESCAPED = range(5)
"""How a descent ended; the first four are SciPy's numbers."""


@compiled(OPTIONS)
def move(x: FloatPointer, p: FloatPointer, t: float, trial: FloatPointer, size: int) -> bool:
    """Make x + t p the trial point; return whether that is another point than before."""
    for j in range(size):
        if trial[j] != x[j] + t * p[j]:
            break
    else:
        return False
    for j in range(size):
        trial[j] = x[j] + t * p[j]
    return True


@compiled(OPTIONS)
def represent(memory: FloatPointer, at: IntPointer, x: FloatPointer) -> None:
    """Replace `x` by its representative: Y = X / L, centred where a shift changes nothing."""
    cold()
    n, f, m = at[N], at[F], at[M]
    place_vectors(memory, at, x)
    vectors = part(memory, at[JOINT_VECTORS])
    if at[CENTRED] == 1:
        centre(vectors, n, f, m)
    inverse = 1.0 / memory[LENGTH]
    for j in range(f * m):
        x[j] = inverse * vectors[j]


@compiled(PASTE)
def begin_descent(
    memory: FloatPointer, at: IntPointer, vectors: FloatPointer, counts: IntPointer, size: int
) -> float:
    """Stand at X of the line, the direction straight down; return J there."""
    x, slope = part(vectors, X * size), part(vectors, SLOPE * size)
    copy(x, part(vectors, LAST * size), size)
    copy(x, part(vectors, TRIAL * size), size)
    value = loss_gradient(memory, at, x, slope)
    counts[NFEV] += 1
    counts[NJEV] += 1
    g, p = part(vectors, G * size), part(vectors, P * size)
    for j in range(size):
        g[j] = slope[j]
        p[j] = -slope[j]
    return value


@compiled(PASTE)
def leads_down(
    g: FloatPointer, slope: FloatPointer, p: FloatPointer, ahead: FloatPointer, gtol: float, size: int
) -> bool:
    """Write the direction from the trial point; return whether the descent may go on from there, or end."""
    suits = turn(g, slope, p, ahead, size) <= -DESCENT * dot(slope, 0, slope, 0, size)
    return suits or largest(slope, size) <= gtol


@compiled(PASTE)
def next_step(
    state: FloatPointer,
    counts: IntPointer,
    zooming: bool,
    trials: int,
    step: float,
    value: float,
    slope: float,
    suits: bool,
) -> float:
    """Return the next trial step of the search that is on, whose task says how it stands."""
    counts[ASKED] = 1
    if zooming:
        step = advance_zoom(state, counts, step, value, slope, suits)
    elif trials == TRIALS:
        counts[TASK] = FAILED
    else:
        step = advance_step(state, counts, step, value, slope)
        if counts[TASK] == FOUND and not suits:
            counts[TASK] = FAILED
    return step


@compiled(PASTE)
def search(
    memory: FloatPointer,
    at: IntPointer,
    vectors: FloatPointer,
    state: FloatPointer,
    counts: IntPointer,
    value: float,
    before: float,
    gtol: float,
    size: int,
) -> float:
    """Search along p from x, where J is `value` and was `before`; return J of the trial point.

    Its gradient and the direction from it lie in the line; the task in `counts` is FAILED if it is none to go
    to.
    """
    trial, slope = part(vectors, TRIAL * size), part(vectors, SLOPE * size)
    x, g = part(vectors, X * size), part(vectors, G * size)
    p, ahead = part(vectors, P * size), part(vectors, AHEAD * size)
    descent = dot(g, 0, p, 0, size)
    guess = first_guess(value, before, descent)
    step, zooming, trials = guess, False, 0
    begin_step(state, counts, step, value, descent, C1, C2)
    # `asked`: whether the gradient at the trial point has been counted; at x it has.
    asked, turned, new = True, False, value
    while counts[TASK] == EVALUATE or (counts[TASK] == FAILED and not zooming):
        if counts[TASK] == FAILED:
            zooming = True
            step = begin_zoom(state, counts, guess, value, descent, C1, C2)
        if move(x, p, step, trial, size):
            new = loss_gradient(memory, at, trial, slope)
            asked = turned = False
            counts[NFEV] += 1
        trials += 1
        d = dot(slope, 0, p, 0, size)
        suits = False
        if zooming or abs(d) <= C2 * -descent:
            suits = leads_down(g, slope, p, ahead, gtol, size)
            turned = True
        step = next_step(state, counts, zooming, trials, step, new, d, suits)
        if counts[ASKED] == 1 and not asked:
            asked = True
            counts[NJEV] += 1
    if counts[TASK] != FAILED:
        if not asked:
            counts[NJEV] += 1
        if not turned:
            turn(g, slope, p, ahead, size)
    return new


@compiled(PASTE)
def settle(memory: FloatPointer, at: IntPointer, vectors: FloatPointer, size: int) -> tuple[float, bool]:
    """Evaluate the representative of x or, if not finite, of the last finite iterate; return (J, finite)."""
    x, slope = part(vectors, X * size), part(vectors, SLOPE * size)
    represent(memory, at, x)
    value = loss_gradient(memory, at, x, slope)
    finite = math.isfinite(value) and math.isfinite(largest(slope, size))
    if not finite:
        copy(part(vectors, LAST * size), x, size)
        represent(memory, at, x)
        value = loss_gradient(memory, at, x, slope)
    return value, finite


@entry
def fit(
    arrays: Float, places: Int, lines: Float, numbers: Float, tallies: Int, thresholds: Float, gtol: float,
    max_iter: int
) -> tuple[float, float, int, int, bool]:  # fmt: skip
    """Descend from X of the line to a representative, which is left there, evaluated in full.

    Returns
    -------
    tuple
        (J, infinity norm of the gradient, steps, how it ended, whether an iterate escaped).
    """
    memory, at, size = part(arrays, 0), part(places, 0), lines.size // VECTORS
    vectors, state, counts, bounds = part(lines, 0), part(numbers, 0), part(tallies, 0), part(thresholds, 0)
    x, p, g = part(vectors, X * size), part(vectors, P * size), part(vectors, G * size)
    trial, slope, ahead, last = (
        part(vectors, TRIAL * size), part(vectors, SLOPE * size), part(vectors, AHEAD * size),
        part(vectors, LAST * size),
    )  # fmt: skip
    steps = 0
    while True:
        value = begin_descent(memory, at, vectors, counts, size)
        before = value + math.sqrt(dot(g, 0, g, 0, size)) / 2.0
        norm = largest(g, size)
        ending, first_step = CONVERGED, steps
        while norm > gtol and steps < max_iter:
            new = search(memory, at, vectors, state, counts, value, before, gtol, size)
            if counts[TASK] == FAILED:
                ending = STALLED
                break
            before, value, norm = value, new, largest(slope, size)
            copy(trial, x, size)
            copy(ahead, p, size)
            copy(slope, g, size)
            steps += 1
            if math.isfinite(value) and math.isfinite(largest(x, size)):
                copy(x, last, size)
                if bounds[LIMIT] < math.inf and is_escaping(memory, at, x, bounds):
                    ending = ESCAPED
                    break
        if ending == CONVERGED and steps >= max_iter:
            ending = MAX_ITER
        value, finite = settle(memory, at, vectors, size)
        ending = ending if finite else NON_FINITE
        norm = largest(slope, size)
        if ending != CONVERGED or norm <= gtol or steps == first_step:
            return value, norm, steps, ending, ending == ESCAPED
