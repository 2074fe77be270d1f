"""Cosines of the best known spherical codes of n points in f dimensions.

    n <= f + 1            regular simplex: -1 / (n - 1)
    f = 2                 regular polygon: cos(2 pi k / n)
    f + 2 <= n <= 2 f     n - f regular simplexes in orthogonal subspaces, of sizes as equal as can be; the
                          orthoplex where n = 2 f
    others                those of `SHARP`, by the cosines that a point has with the others

Simplexes, polygons, orthoplexes and the codes of `SHARP` are universally optimal: they have the least energy
for every completely monotonic function of the squared distance, hence for exp, log, gauss and riesz, s > -2
(Cohn and Kumar, Universally optimal distribution of points on spheres, J. AMS 20 (2007), table 1). The
orthogonal simplexes are proved for log at n = f + 2 (Dragnev and Musin, Log-optimal (d + 2)-configurations in
d dimensions, 2019) and are best known elsewhere; all of f + 2 to 2 f points are best packings at 90 degrees
(Rankin 1955).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from superpos.arrays import Float

_ROOT = 5.0**-0.5
SHARP: dict[tuple[int, int], tuple[tuple[float, int], ...]] = {
    (12, 3): ((-1.0, 1), (-_ROOT, 5), (_ROOT, 5)),
    (16, 5): ((-3.0 / 5.0, 5), (1.0 / 5.0, 10)),
    (27, 6): ((-1.0 / 2.0, 10), (1.0 / 4.0, 16)),
    (56, 7): ((-1.0, 1), (-1.0 / 3.0, 27), (1.0 / 3.0, 27)),
    (120, 4): (
        (-1.0, 1), (-(1.0 + 5.0**0.5) / 4.0, 12), (-0.5, 20), ((1.0 - 5.0**0.5) / 4.0, 12), (0.0, 30),
        ((5.0**0.5 - 1.0) / 4.0, 12), (0.5, 20), ((1.0 + 5.0**0.5) / 4.0, 12),
    ),
    (240, 8): ((-1.0, 1), (-0.5, 56), (0.0, 126), (0.5, 56)),
}  # fmt: skip
"""By n and f: cosines, each with how many of the other points a point has it."""


@cache
def code_cosines(n: int, f: int) -> Float | None:
    """Return the cosines of all pairs of the best known code, ascending, (n (n - 1) / 2,); None for none."""
    if f < 1 or n < 2:
        return None
    if n <= f + 1:
        found = np.full(n * (n - 1) // 2, -1.0 / (n - 1))
    elif f == 1:
        return None  # points coincide
    elif f == 2:
        turns = np.arange(n)
        found = np.cos(2.0 * np.pi * (turns[:, None] - turns) / n)[np.triu_indices(n, 1)]
    elif n <= 2 * f:
        found = _orthogonal_simplexes(n, n - f)
    elif (n, f) in SHARP:
        found = np.concatenate([np.full(n * count // 2, cosine) for cosine, count in SHARP[n, f]])
    else:
        return None
    found = np.sort(found)
    found.setflags(write=False)
    return found


def _orthogonal_simplexes(n: int, parts: int) -> Float:
    """Return the cosines of n points in simplexes of sizes as equal as can be."""
    sizes = [n // parts + (place < n % parts) for place in range(parts)]
    within = [np.full(size * (size - 1) // 2, -1.0 / (size - 1)) for size in sizes]
    count = sum(len(each) for each in within)
    return np.concatenate([*within, np.zeros(n * (n - 1) // 2 - count)])


def rms_to_code(entries: Float, code: Float) -> Float:
    """Return the least root mean square difference of entries (m, p) to a code (p,) that order allows, (m,).

    The sorted entries are compared: no relabelling of the features brings the matrices nearer than this
    (rearrangement inequality), and 0 says that all cosines are those of the code.
    """
    return np.asarray(np.sqrt(np.mean((np.sort(entries, axis=1) - code) ** 2, axis=1)))


def features_of(n_pairs: int) -> int:
    """Return n of n (n - 1) / 2 pairs."""
    return (1 + math.isqrt(1 + 8 * n_pairs)) // 2


@cache
def antipodes(n_pairs: int) -> Float:
    """Return the cosines of n points of the orthoplex, ascending, (n (n - 1) / 2,): n // 2 antipodal pairs.

    All other pairs are at right angles; for odd n one axis has one point.
    """
    found = np.zeros(n_pairs)
    found[: features_of(n_pairs) // 2] = -1.0
    found.setflags(write=False)
    return found
