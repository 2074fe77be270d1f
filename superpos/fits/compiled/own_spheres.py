"""A point on the product of spheres through its own rows, put into a workspace by compiled code.

    n_i = ||x_i||,   u_i = x_i / n_i

Norms are NumPy's to the bit (module `sums`), so the point is the one that `make_sphere_workspace`,
`numpy.linalg.norm` and `unit_rows` give. What those take one call after another for is a third of what a
verdict costs at n = 11.
"""

from __future__ import annotations

import math

from superpos.arrays import Float, Int
from superpos.fits.certificate import FEWEST_FEATURES
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.pointers import part
from superpos.fits.compiled.machine.sums import numpy_sum
from superpos.fits.compiled.sphere_point import slot_start
from superpos.fits.compiled.sphere_workspace import (
    FIRST,
    GAPS,
    NORMS,
    PRODUCTS,
    RADIAL,
    ROOTS,
    SECOND,
    UNITS,
    WEIGHTS,
    F,
    M,
    N,
)
from superpos.fits.spheres import UNSEEN, ZERO_NORM

ORDINARY, PARTLY_SEEN, SPECIAL = range(3)
"""Whether every row lies on a sphere of its own, apart from the others, and is seen by the energy, whose
importance is spread clearly enough; whether all that holds but that some rows are not seen; or neither."""
CLEARLY = 1e-6
"""How far from their limit the effective features are told apart without NumPy's own logarithm."""


@entry
def take(vectors: Float, importance: Float, eps2: float, arrays: Float, places: Int, rows: Float) -> int:
    """Write weights, norms and unit rows of vectors, (n, f), flat; return what the point is.

    Parameters
    ----------
    vectors, importance
        (n f,) and (n,).
    eps2
        Square of the softening.
    arrays, places
        A workspace of zeros, or one that held another point.
    rows
        Written: u_i, (n, f), flat.
    """
    memory, at = part(arrays, 0), part(places, 0)
    n, f, m = at[N], at[F], at[M]
    points, units, slot = part(vectors, 0), part(rows, 0), part(memory, slot_start(at, 0) + at[UNITS])
    weights, roots, norms = part(memory, at[WEIGHTS]), part(memory, at[ROOTS]), part(memory, at[NORMS])
    longest = heaviest = entropy = 0.0
    for i in range(n):
        squares = part(units, i * f)
        for k in range(f):
            squares[k] = points[i * f + k] * points[i * f + k]
        norms[i] = math.sqrt(numpy_sum(squares, f))
        weights[i] = importance[i]
        roots[i] = math.sqrt(importance[i])
        longest, heaviest = max(longest, norms[i]), max(heaviest, importance[i])
        if importance[i] > 0.0:
            entropy -= importance[i] * math.log(importance[i])
    if not entropy > math.log(FEWEST_FEATURES) + CLEARLY:
        return SPECIAL
    products, gaps = part(memory, at[PRODUCTS]), part(memory, at[GAPS])
    for j in range(m * m):
        gaps[j] = 1.0
    kind = ORDINARY
    for i in range(n):
        if not norms[i] > ZERO_NORM * longest:
            return SPECIAL
        if not importance[i] > UNSEEN * heaviest:
            kind = PARTLY_SEEN
        for k in range(f):
            value = points[i * f + k] / norms[i]
            units[i * f + k] = slot[k * m + i] = value
        for j in range(i):
            apart = 0.0
            for k in range(f):
                difference = points[i * f + k] - points[j * f + k]
                apart += difference * difference
            if apart == 0.0:
                return SPECIAL
        for j in range(n):
            products[i * m + j] = norms[i] * norms[j]
            gap = norms[i] - norms[j]
            gaps[i * m + j] = gap * gap + eps2
    return kind


@entry
def keep_seen(
    arrays: Float, places: Int, rows: Float, kept: Int, fewer: Float, fewer_places: Int, out: Float
) -> None:
    """Copy what a Hessian is made of to a workspace of the rows that the energy sees.

    Parameters
    ----------
    arrays, places
        The workspace of all rows, evaluated in slot 0.
    rows
        u_i, (n, f), flat.
    kept
        Places of the rows that are seen, ascending.
    fewer, fewer_places
        The workspace of those rows, of zeros.
    out
        Written: their u_i, flat.
    """
    memory, at, to, there = part(arrays, 0), part(places, 0), part(fewer, 0), part(fewer_places, 0)
    source, units, seen = part(rows, 0), part(out, 0), part(kept, 0)
    f, m, narrow, start, slot = at[F], at[M], there[M], slot_start(at, 0), slot_start(there, 0)
    for a in range(there[N]):
        i = seen[a]
        to[there[WEIGHTS] + a] = memory[at[WEIGHTS] + i]
        to[there[NORMS] + a] = memory[at[NORMS] + i]
        to[slot + there[RADIAL] + a] = memory[start + at[RADIAL] + i]
        for b in range(there[N]):
            j = i * m + seen[b]
            to[slot + there[FIRST] + a * narrow + b] = memory[start + at[FIRST] + j]
            to[slot + there[SECOND] + a * narrow + b] = memory[start + at[SECOND] + j]
        for k in range(f):
            units[a * f + k] = source[i * f + k]
