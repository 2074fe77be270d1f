"""Own energy of a matrix: of its features as they are, without a fit."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.bounds import energy_bound
from superpos.kinds.measures import Measure
from superpos.kinds.potentials import Potential
from superpos.specs.axes import Kernel


def own_energy(entries: Float, kernel: Potential, width: Float) -> Float:  # noqa: ARG001 (its bound reads it)
    """Return the mean of phi(T_ij) over the pairs (m, n (n - 1) / 2), (m,); NaN where it is infinite."""
    values = np.mean(kernel.value(entries), axis=1)
    return np.where(np.isfinite(values), values, np.nan)


def least(m: int, n: int, kernel: Potential, width: Float) -> Float:
    """Return what the mean energy of n unit vectors in d dimensions never falls below, (m,).

    n vectors never need more than n - 1 dimensions for their least energy, and have as many where the width
    is not known. NaN where no bound is known.
    """
    free = Kernel(kernel.energy, kernel.s, "exclude", kernel.softening)
    depths = np.fmin(width, n - 1.0)
    found = np.empty(m)
    for f in np.unique(depths):
        found[depths == f] = energy_bound(n, int(f), free) * n / (n - 1.0)  # weights 1/n, ordered pairs
    return found


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
    bound=least,
    under=("cosine",),
)
