"""Own energy of a matrix: of its features as they are, without a fit."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import Measure
from superpos.kinds.potentials import Potential


def own_energy(entries: Float, kernel: Potential, width: Float) -> Float:  # noqa: ARG001 (its bound reads it)
    """Return the mean of phi(T_ij) over the pairs (m, n (n - 1) / 2), (m,); NaN where it is infinite."""
    values = np.mean(kernel.value(entries), axis=1)
    return np.where(np.isfinite(values), values, np.nan)


KIND = Measure(
    name="own_energy",
    version=1,
    rank=5,
    meaning="Mean energy of the pairs of unit features, equal in importance; its bound is that of every "
    "configuration of n points in d dimensions.",
    formula="mean of phi(T_ij), i < j",
    reads="entries",
    given=("kernel", "width"),
    function=own_energy,
    under=("cosine",),
)
