"""The least energy that any end of a fit can have, by its importance and its norms.

Three bounds are known, and the largest of them holds:

    linear_program   `sphere.py`: knows the dimension; of energies of cosines, and where norms are 1 to 2^-6
    convex           `convex.py`: knows importance and norms; the tangent at a minimum in more dimensions
    farthest         `convex.py`: no pair is farther apart than opposite vectors

Where the minimum in more dimensions lies in f dimensions, the second cannot be improved and the first is not
asked. Otherwise the first is nearer as a rule if the importance is even, the second if few features count.

A fit that keeps its norms has the bound of its joint fit. One that lets them go a little, by e in all, has a
slightly lower one. e counts in powers of 2, in the first bound in powers of 16: so little is proved anew.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from superpos.arrays import Float
from superpos.bounds.convex import farthest_bound, tangent_bound
from superpos.bounds.potential import Potential
from superpos.bounds.sphere import bound_of_pairs
from superpos.specs.axes import Kernel

Method = Literal["linear_program", "convex", "farthest", "none"]
BOUND_VERSION = 1
"""Of what this package finds; rows of an older one are found anew."""
LONGEST_STEP = 2.0**-6
"""Of norms off 1, up to which linear programs hold for all; beyond that they would say little."""
SHORTEST_STEP = 2.0**-42
ROUNDED = 2.0**-50
"""Of a norm, over the largest one."""
SAME_PLACE = 1e-4
"""Singular value, over the largest, of a direction in which vectors do not extend."""


class Floor:
    """What bounds the energy of all vectors of one importance and norms in f dimensions."""

    def __init__(
        self, kernel: Kernel, n_dims: int, importance: Float, norms: Float, units: Float | None
    ) -> None:
        """Take what the ends of a fit have in common.

        Parameters
        ----------
        kernel
            K.
        n_dims
            Dimension f.
        importance, norms
            Weights and lengths (n,), lengths in the unit of the energy.
        units
            Directions of a minimum in n - 1 dimensions or more, (n, r), where the tangent is taken, or None.
        """
        self._kernel, self._n_dims = kernel, n_dims
        self._importance, self._norms, self._units = importance, norms, units
        self._own = kernel.kind.self_value(kernel.softening, kernel.s) if kernel.includes_diagonal else 0.0
        self._flat = self._is_flat()
        self._known: dict[float, tuple[float, Method]] = {}

    def at(self, norm_error: float = 0.0) -> tuple[float, Method]:
        """Return a lower bound on the energy, K(x, x) included as the kernel says, and where it is from.

        Parameters
        ----------
        norm_error
            Most that a norm of the end is off the given one; it counts as the next larger power of 2, and as
            what rounding leaves at least.

        Returns
        -------
        bound
            NaN where none is known, which then is `none`; infinite where every energy is.
        method
            The bound that is the largest.
        """
        least = ROUNDED * float(self._norms.max())
        step = 0.0 if self._kernel.kind.angular else 2.0 ** math.ceil(math.log2(max(norm_error, least)))
        if step not in self._known:
            self._known[step] = self._find(step)
        return self._known[step]

    def _find(self, norm_error: float) -> tuple[float, Method]:
        found: dict[Method, float] = {
            "convex": self._tangent(norm_error),
            "linear_program": math.nan if self._flat else self._program(norm_error),
            "farthest": farthest_bound(self._importance, self._norms, self._kernel, norm_error),
        }
        known: dict[Method, float] = {name: value for name, value in found.items() if not math.isnan(value)}
        if not known:
            return math.nan, "none"
        method = max(known, key=lambda name: known[name])
        return known[method] + self._own * float(self._importance @ self._importance), method

    def _is_flat(self) -> bool:
        """Return whether the minimum in more dimensions lies in f dimensions."""
        if self._units is None or math.isnan(self._tangent(0.0)):
            return False
        sizes = np.linalg.svd(self._units * np.sqrt(self._importance)[:, None], compute_uv=False)
        return bool((sizes[self._n_dims :] <= SAME_PLACE * sizes[0]).all())

    def _tangent(self, norm_error: float) -> float:
        if self._units is None:
            return math.nan
        return tangent_bound(self._units, self._importance, self._norms, self._kernel, norm_error)

    def _program(self, norm_error: float) -> float:
        further = 0.0
        if not self._kernel.kind.angular:
            step = SHORTEST_STEP
            while step < float(np.abs(self._norms - 1.0).max()) + norm_error and step <= LONGEST_STEP:
                step *= 16.0
            if step > LONGEST_STEP:
                return math.nan
            further = 8.0 * step + 4.0 * step**2  # (r + 2 e)^2 <= r^2 + 8 e + 4 e^2 for r <= 2
        total, squares = float(self._importance.sum()), float(self._importance @ self._importance)
        n = len(self._importance)
        return bound_of_pairs(Potential.of(self._kernel), self._n_dims, total, squares, n, further)
