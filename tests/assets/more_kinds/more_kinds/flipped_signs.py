"""Every direction keeps its line and is turned around or not."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.controls import Control


def flipped(rows: Float, replicate: int) -> Float:
    """Return the rows (n, d), each times 1 or -1; the second one is turned against the first in any case."""
    signs = np.random.default_rng((replicate, 31)).choice([-1.0, 1.0], size=len(rows))
    signs[:2] = [1.0, -1.0]
    return signs[:, None] * rows


KIND = Control(
    name="flipped_signs",
    version=3,
    meaning="Directions of the features, turned around at random.",
    draws_from="directions",
    keeps="Lines and norms.",
    destroys="Which of two opposite directions a feature has.",
    directions=flipped,
)
