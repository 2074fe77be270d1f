"""Root mean square distance to the regular simplex."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure
from superpos.psms.distances import simplex_psm


def rms_simplex(matrices: Float) -> Float:
    """Return sqrt(mean over i < j of (T_ij + 1 / (n - 1))^2) of cosines (m, n, n), (m,)."""
    n = matrices.shape[-1]
    first, second = np.triu_indices(n, 1)
    difference = np.ascontiguousarray((matrices - simplex_psm(n))[:, first, second])
    return np.asarray(np.sqrt(np.mean(difference**2, axis=1)), dtype=np.float64)


KIND = Measure(
    name="rms_simplex",
    version=1,
    rank=110,
    meaning="Root mean square distance of cosines to the regular simplex; comparable between sets.",
    formula="sqrt(mean of (T_ij + 1 / (n - 1))^2, i < j)",
    reads="matrix",
    function=rms_simplex,
    low=0.0,
    high=2.0,
    under=("cosine",),
)
