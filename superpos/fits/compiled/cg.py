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

from numba import njit

from superpos.arrays import Float, Int
from superpos.fits.compiled.dcsrch import CONVERGED as FOUND
from superpos.fits.compiled.dcsrch import EVALUATE, FAILED, TASK, advance_step, begin_step
from superpos.fits.compiled.joint_gauges import centre, place_vectors
from superpos.fits.compiled.joint_objective import loss_gradient
from superpos.fits.compiled.joint_workspace import BUFFER, CENTRED, DISTANCES, LENGTH, F, M, N
from superpos.fits.compiled.joint_workspace import VECTORS as JOINT_VECTORS
from superpos.fits.compiled.machine.dense import dot, squared_differences, squared_lengths
from superpos.fits.compiled.machine.elementary import OPTIONS, PASTE
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.pointers import part
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
LIMIT, WATCH, FAR = range(3)
"""Places in the bounds, lengths in the problem's unit: norm that has escaped; norm at which pairs are looked
at; r^2 of a pair out of reach."""


@njit(**OPTIONS)
def is_escaping(memory: Float, at: Int, x: Float, bounds: Float) -> bool:
    """Return whether the vectors at the head of `x` (gauge none) are too long or out of reach."""
    cold()
    n, f, m = at[N], at[F], at[M]
    lengths = part(memory, at[BUFFER])
    squared_lengths(x, lengths, f, m)
    longest = math.sqrt(largest(lengths, m))
    if longest > bounds[LIMIT]:
        return True
    if not longest > bounds[WATCH]:
        return False
    squares = part(memory, at[DISTANCES])
    squared_differences(x, squares, n, f, m)
    # Rows reached from row 0 over pairs within reach, in waves.
    reached = lengths
    for j in range(m):
        reached[j] = 0.0
    reached[0] = 1.0
    count, grown = 1, True
    while grown and count < n:
        grown = False
        for i in range(n):
            if reached[i] == 1.0:
                for j in range(n):
                    if reached[j] == 0.0 and squares[i * m + j] <= bounds[FAR]:
                        reached[j] = 1.0
                        count += 1
                        grown = True
    return count < n


@njit(**PASTE)
def copy(source: Float, out: Float, size: int) -> None:
    """Copy a vector."""
    for j in range(size):
        out[j] = source[j]


@njit(**OPTIONS)
def move(x: Float, p: Float, t: float, trial: Float, size: int) -> bool:
    """Make x + t p the trial point; return whether that is another point than before."""
    for j in range(size):
        if trial[j] != x[j] + t * p[j]:
            break
    else:
        return False
    for j in range(size):
        trial[j] = x[j] + t * p[j]
    return True


@njit(**OPTIONS)
def represent(memory: Float, at: Int, x: Float) -> None:
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


@entry
def fit(
    arrays: Float, places: Int, vectors: Float, numbers: Float, counts: Int, thresholds: Float, gtol: float,
    max_iter: int
) -> tuple[float, float, int, int, bool]:  # fmt: skip
    """Descend from X of the line to a representative, which is left there, evaluated in full.

    Returns
    -------
    tuple
        (J, infinity norm of the gradient, steps, how it ended, whether an iterate escaped).
    """
    memory, at, size = part(arrays, 0), part(places, 0), vectors.size // VECTORS
    x, p, g, last = (
        part(vectors, X * size),
        part(vectors, P * size),
        part(vectors, G * size),
        part(vectors, LAST * size),
    )
    trial, slope, ahead = (
        part(vectors, TRIAL * size),
        part(vectors, SLOPE * size),
        part(vectors, AHEAD * size),
    )
    state, counters, tally, bounds = part(numbers, 0), part(counts, 0), part(counts, 0), part(thresholds, 0)
    steps = 0
    while True:
        copy(x, last, size)
        copy(x, trial, size)
        value = loss_gradient(memory, at, trial, slope)
        tally[NFEV] += 1
        tally[NJEV] += 1
        for j in range(size):
            g[j] = slope[j]
            p[j] = -slope[j]
        before = value + math.sqrt(dot(g, 0, g, 0, size)) / 2.0
        norm = largest(g, size)
        ending, first_step = CONVERGED, steps
        while norm > gtol and steps < max_iter:
            descent = dot(g, 0, p, 0, size)
            guess = first_guess(value, before, descent)
            step, zooming, trials = guess, False, 0
            begin_step(state, counters, step, value, descent, C1, C2)
            # `asked`: whether the gradient at the trial point has been counted; at x it has.
            asked, turned, new = True, False, value
            while counters[TASK] == EVALUATE or (counters[TASK] == FAILED and not zooming):
                if counters[TASK] == FAILED:
                    zooming = True
                    step = begin_zoom(state, counters, guess, value, descent, C1, C2)
                if move(x, p, step, trial, size):
                    new = loss_gradient(memory, at, trial, slope)
                    asked = turned = False
                    tally[NFEV] += 1
                trials += 1
                d = dot(slope, 0, p, 0, size)
                suits = False
                if zooming or abs(d) <= C2 * -descent:
                    suits = turn(g, slope, p, ahead, size) <= -DESCENT * dot(slope, 0, slope, 0, size)
                    suits = suits or largest(slope, size) <= gtol
                    turned = True
                counters[ASKED] = 1
                if zooming:
                    step = advance_zoom(state, counters, step, new, d, suits)
                elif trials == TRIALS:
                    counters[TASK] = FAILED
                else:
                    step = advance_step(state, counters, step, new, d)
                    if counters[TASK] == FOUND and not suits:
                        counters[TASK] = FAILED
                if counters[ASKED] == 1 and not asked:
                    asked = True
                    tally[NJEV] += 1
            if counters[TASK] == FAILED:
                ending = STALLED
                break
            if not asked:
                tally[NJEV] += 1
            if not turned:
                turn(g, slope, p, ahead, size)
            before, value, norm = value, new, largest(slope, size)
            for j in range(size):
                x[j] = trial[j]
                p[j] = ahead[j]
                g[j] = slope[j]
            steps += 1
            if math.isfinite(value) and math.isfinite(largest(x, size)):
                copy(x, last, size)
                if bounds[LIMIT] < math.inf and is_escaping(memory, at, x, bounds):
                    ending = ESCAPED
                    break
        if ending == CONVERGED and steps >= max_iter:
            ending = MAX_ITER
        represent(memory, at, x)
        value = loss_gradient(memory, at, x, slope)
        if not math.isfinite(value) or not math.isfinite(largest(slope, size)):
            ending = NON_FINITE
            copy(last, x, size)
            represent(memory, at, x)
            value = loss_gradient(memory, at, x, slope)
        norm = largest(slope, size)
        if ending != CONVERGED or norm <= gtol or steps == first_step:
            return value, norm, steps, ending, ending == ESCAPED
        if steps >= max_iter:
            return value, norm, steps, MAX_ITER, False
