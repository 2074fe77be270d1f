"""What the conjugate gradients ask of a step: strong Wolfe conditions, and a descent direction after it.

    phi(t) <= phi(0) + c1 t phi'(0),  |phi'(t)| <= c2 |phi'(0)|,  c1 = 1e-4, c2 = 0.4
    ||g'||_inf <= gtol,  or  <p', g'> <= -0.01 <g', g'>  with  p' = -g' + max(0, <g' - g, g'> / <g, g>) p

Source: `scipy.optimize` 1.17 (_line_search_wolfe12); Gilbert & Nocedal, SIAM J. Optim. 2 (1992), for the condition
on the direction.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from superpos.arrays import Float, Int
from superpos.fits.compiled.elementary import OPTIONS, PASTE
from superpos.fits.compiled.simd import apart, dot

C1, C2 = 1e-4, 0.4
DESCENT = 0.01
TRIALS = 100
"""Most evaluations of the first search."""
STATE_SIZE = 16
NFEV, NJEV = range(2)
"""Places in the tally: values and gradients asked for, counted as SciPy counts them, once a point."""


class Line(NamedTuple):
    """Vectors of a descent, each as long as the flat variable, and the states of its searches."""

    x: Float
    """Current point."""
    p: Float
    """Direction."""
    g: Float
    """Gradient at x."""
    trial: Float
    """Point last evaluated."""
    slope: Float
    """Gradient there."""
    ahead: Float
    """Direction from the trial point."""
    last: Float
    """Last finite iterate."""
    state: Float
    counters: Int
    tally: Int


def make_line(flat: Float) -> Line:
    """Return the vectors of a descent from `flat`."""
    vectors = np.zeros((6, flat.size))
    counters, tally = np.zeros(8, dtype=np.int64), np.zeros(2, dtype=np.int64)
    return Line(flat.copy(), *vectors, np.zeros(STATE_SIZE), counters, tally)


@njit(**OPTIONS)
def largest(values: Float) -> float:
    """Return the infinity norm, NaN if there is a NaN."""
    apart()
    result = 0.0
    for j in range(values.size):
        size = abs(values[j])
        if not size <= result:
            result = size
        if result != result:
            break
    return result


@njit(**OPTIONS)
def turn(g: Float, slope: Float, p: Float, ahead: Float) -> float:
    """Write the direction from the trial point (Polak and Ribiere's, with restarts); return <p', g'>."""
    apart()
    size = g.size
    for j in range(size):
        ahead[j] = slope[j] - g[j]
    beta = dot(ahead, 0, slope, 0, size) / dot(g, 0, g, 0, size)
    beta = beta if beta > 0.0 else 0.0
    for j in range(size):
        ahead[j] = -slope[j] + beta * p[j]
    return dot(ahead, 0, slope, 0, size)


@njit(**PASTE)
def first_guess(value: float, before: float, slope: float) -> float:
    """Return the first trial step: the one that would repeat the last decrease, at most 1."""
    step = 1.0
    if slope != 0.0:
        repeat = 1.01 * 2.0 * (value - before) / slope
        step = repeat if repeat < 1.0 else 1.0
    return 1.0 if step < 0.0 else step
