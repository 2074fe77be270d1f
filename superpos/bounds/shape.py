"""Whether an energy falls and whether it is convex, everywhere and proved.

    falls    dK/da <= 0 for all a >= 0         energies of distances: longer distances, less energy
    convex   d^2 K/da^2 >= 0 for all a         K is convex in the cosine, of which a is an affine function

Both are asked of the enclosures of slope and bend over ranges that cover all arguments.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from superpos.bounds.intervals import Interval
from superpos.kinds.energies import ENERGIES

PER_DECADE = 8
"""Ranges of squared distances."""
COSINES = 64
"""Ranges of cosines."""


@lru_cache(maxsize=256)
def shape(energy: str, s: float) -> tuple[bool, bool]:
    """Return whether an energy falls with the distance, and whether it is convex in the cosine.

    False where it is not shown; `falls` is True for energies of cosines, which see no lengths.
    """
    kind = ENERGIES.get(energy)
    if kind.angular:
        edges = np.linspace(-1.0, 1.0, COSINES + 1)
    else:
        edges = np.concatenate([[0.0], np.logspace(-300, 300, 600 * PER_DECADE + 1), [np.inf]])
    a = Interval(edges[:-1], edges[1:])
    try:
        value = kind.value(a, s)
        slope, bend = Interval.of(kind.slope(a, s, value)), Interval.of(kind.bend(a, s, value))
    except Exception:  # whatever a stranger's function raises: then nothing is shown
        return kind.angular, False
    return kind.angular or bool((slope.high <= 0.0).all()), bool((bend.low >= 0.0).all())
