"""Lengths of Newton steps of several features: halved from 1 until each objective falls enough.

    F(x + l p) <= F(x) + c l p . grad F(x)                     (Armijo; Nocedal and Wright 2006, chapter 3)

Objectives are compared within their rounding, so that steps near the minimum are not refused for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from superpos.arrays import Bool, Float

DECREASE = 1e-4
"""Share of the predicted decrease that a step must reach (Armijo)."""
ROUNDING = 1e-14
"""Relative rounding of the objective, within which it counts as not risen."""
MIN_STEP = 2.0**-40


def halved_lengths(value: Callable[[Float], Float], start: Float, slope: Float) -> Float:
    """Return step lengths, (k,), halved from 1 until the objectives fall; 0 where one never does.

    Parameters
    ----------
    value
        Step lengths (k,) to objectives (k,).
    start
        Objectives at length 0, (k,).
    slope
        Their derivatives there, (k,).
    """
    length = np.ones(len(start))
    while True:
        tried = value(length)
        rises: Bool = tried > start + DECREASE * length * slope + ROUNDING * np.abs(start)
        rises |= ~np.isfinite(tried)
        rises &= length > 0.0
        if not np.any(rises):
            return length
        length[rises] *= 0.5
        length[length < MIN_STEP] = 0.0
