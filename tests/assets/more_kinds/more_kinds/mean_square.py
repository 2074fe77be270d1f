"""sum_ij T_ij^2 / n^2: Benedetto and Fickus, Finite normalized tight frames, 2003."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure


def mean_square(matrices: Float) -> Float:
    """Return the mean squared entry of matrices (m, n, n), (m,)."""
    return np.asarray(np.mean(matrices**2, axis=(1, 2)))


KIND = Measure(
    name="mean_square",
    version=1,
    meaning="Mean squared entry of the matrix, the diagonal included.",
    formula="sum_ij T_ij^2 / n^2",
    source="Benedetto and Fickus, 2003",
    reads="matrix",
    function=mean_square,
    low=0.0,
    high=1.0,
)
