"""What the conjugate gradients ask of a step: strong Wolfe conditions, and a descent direction after it.

    phi(t) <= phi(0) + c1 t phi'(0),  |phi'(t)| <= c2 |phi'(0)|,  c1 = 1e-4, c2 = 0.4
    ||g'||_inf <= gtol,  or  <p', g'> <= -0.01 <g', g'>  with  p' = -g' + max(0, <g' - g, g'> / <g, g>) p

Source: `scipy.optimize` 1.17 (_line_search_wolfe12); Gilbert & Nocedal, SIAM J. Optim. 2 (1992), for the
condition on the direction.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from superpos.arrays import Float, Int
from superpos.fits.compiled.machine.dense import dot
from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer
from superpos.fits.compiled.machine.vectors import apart, bits_float, float_bits

C1, C2 = 1e-4, 0.4
DESCENT = 0.01
WITHOUT_SIGN = 0x7FFFFFFFFFFFFFFF
TRIALS = 100
"""Most evaluations of the first search."""
STATE_SIZE = 16
TALLY = 8
NFEV, NJEV = range(TALLY, TALLY + 2)
"""Places in the counts: values and gradients asked for, counted as SciPy counts them, once a point."""
X, P, G, TRIAL, SLOPE, AHEAD, LAST = range(7)
"""The vectors of a line."""
VECTORS = 7


class Line(NamedTuple):
    """Vectors of a descent, each as long as the flat variable, and the states of its searches."""

    vectors: Float
    """Current point, direction, gradient; point last evaluated, gradient there, direction from there; last
    finite iterate: (7, size), flat."""
    state: Float
    counts: Int
    """Counters of the searches, then values and gradients asked for."""

    def vector(self, which: int) -> Float:
        """Return one of the vectors."""
        vector: Float = self.vectors.reshape(VECTORS, -1)[which]
        return vector


def make_line(flat: Float) -> Line:
    """Return the vectors of a descent from `flat`."""
    vectors = np.zeros((VECTORS, flat.size))
    vectors[X] = flat
    return Line(vectors.ravel(), np.zeros(STATE_SIZE), np.zeros(TALLY + 2, dtype=np.int64))


@compiled(OPTIONS)
def largest(values: FloatPointer, size: int) -> float:
    """Return the infinity norm, NaN if there is a NaN.

    By the bits without the sign, which as integers are ordered as the numbers are, NaN above infinity: a
    maximum of integers is vectorised, one of floats that must keep NaN is not.
    """
    apart()
    result = np.int64(0)
    for j in range(size):
        bits = float_bits(values[j]) & np.int64(WITHOUT_SIGN)
        result = max(result, bits)
    value: float = bits_float(result)
    return value


@compiled(OPTIONS)
def turn(g: FloatPointer, slope: FloatPointer, p: FloatPointer, ahead: FloatPointer, size: int) -> float:
    """Write the direction from the trial point (Polak and Ribiere's, with restarts); return <p', g'>."""
    apart()
    for j in range(size):
        ahead[j] = slope[j] - g[j]
    beta = dot(ahead, 0, slope, 0, size) / dot(g, 0, g, 0, size)
    beta = beta if beta > 0.0 else 0.0
    for j in range(size):
        ahead[j] = -slope[j] + beta * p[j]
    return dot(ahead, 0, slope, 0, size)


@compiled(PASTE)
def first_guess(value: float, before: float, slope: float) -> float:
    """Return the first trial step: the one that would repeat the last decrease, at most 1."""
    step = 1.0
    if slope != 0.0:
        repeat = 1.01 * 2.0 * (value - before) / slope
        step = repeat if repeat < 1.0 else 1.0
    return 1.0 if step < 0.0 else step
