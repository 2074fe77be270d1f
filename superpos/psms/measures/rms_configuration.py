"""Root mean square distance to the nearest configuration in f dimensions."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure


def rms_configuration(vectors: Float, target: Float) -> Float:
    """Return the difference of the cosines of unit vectors (m, n, f) to T (m, n, n) over the pairs, (m,)."""
    first, second = np.triu_indices(target.shape[-1], 1)
    differences = (vectors @ np.swapaxes(vectors, 1, 2) - target)[:, first, second]
    return np.asarray(np.sqrt(np.mean(np.ascontiguousarray(differences) ** 2, axis=1)), dtype=np.float64)


KIND = Measure(
    name="rms_configuration",
    version=1,
    rank=160,
    meaning="Root mean square distance of T to the cosines of the nearest unit vectors in f dimensions.",
    formula="sqrt(mean of (<x_i, x_j> - T_ij)^2, i < j)",
    source="R. Pietersz, P. J. F. Groenen, Rank reduction of correlation matrices by majorization (2004).",
    reads="configuration",
    given=("target",),
    function=rms_configuration,
    low=0.0,
)
