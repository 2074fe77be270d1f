"""Distance to the regular simplex."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure
from superpos.psms.distances import simplex_psm


def distance_simplex(matrices: Float) -> Float:
    """Return ||T - S||_F of cosines (m, n, n), (m,)."""
    simplex = simplex_psm(matrices.shape[-1])
    return np.asarray(np.linalg.norm(matrices - simplex, axis=(1, 2)), dtype=np.float64)


KIND = Measure(
    name="distance_simplex",
    version=1,
    rank=100,
    meaning="Distance of cosines to those of the regular simplex, over all entries; grows with n.",
    formula="||T - S||_F, S_ij = -1 / (n - 1)",
    reads="matrix",
    function=distance_simplex,
    low=0.0,
    under=("cosine",),
)
