"""Frame potential."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure


def frame_potential(matrices: Float, width: Float) -> Float:  # noqa: ARG001 (its bound reads it)
    """Return sum_ij T_ij^2 of matrices (m, n, n), (m,)."""
    return np.asarray(np.einsum("mij,mij->m", matrices, matrices), dtype=np.float64)


def least(m: int, n: int, width: Float) -> Float:  # noqa: ARG001
    """Return max(n, n^2 / d), that of a tight frame of n unit vectors in d dimensions, (m,)."""
    return np.fmax(n, n**2 / width)


KIND = Measure(
    name="frame_potential",
    version=1,
    rank=140,
    meaning="Sum of all squared cosines; its bound is that of a tight frame in d dimensions.",
    formula="sum_ij T_ij^2 >= max(n, n^2 / d)",
    source="J. J. Benedetto, M. Fickus, Finite normalized tight frames (2003).",
    reads="matrix",
    given=("width",),
    function=frame_potential,
    bound=least,
    low=0.0,
    under=("cosine",),
)
