"""The least energy that any end of a fit can have, by its importance and its norms.

Three bounds are known, and the largest of them holds:

    linear_program   `sphere.py`: knows the dimension; of energies of cosines, and where norms are 1 to 2^-6
    convex           `convex.py`: knows importance and norms; the tangent at a minimum in more dimensions
    farthest         `convex.py`: no pair is farther apart than opposite vectors

Where the minimum in more dimensions lies in f dimensions, the second cannot be improved and the first is not
asked. Otherwise the first is nearer as a rule if the importance is even, the second if few features count.

A fit that keeps its norms has the bound of its joint fit. One that lets them go a little, by e in all, has a
slightly lower one. The first bound allows for e in steps of powers of 16, so that few polynomials have to be
proved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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
SAME_PLACE = 1e-4
"""Singular value, over the largest, of a direction in which vectors do not extend."""


@dataclass(frozen=True, slots=True, eq=False)
class Floor:
    """What bounds the energy of all vectors of one importance and norms in f dimensions."""

    kernel: Kernel
    n_dims: int
    importance: Float
    """(n,)."""
    norms: Float
    """(n,), in units of length of the energy."""
    units: Float | None
    """Directions of a minimum in n - 1 dimensions or more, (n, r), where the tangent is taken; or None."""

    def at(self, norm_error: float = 0.0) -> tuple[float, Method]:
        """Return a lower bound on the energy, K(x, x) included as the kernel says, and where it is from.

        Parameters
        ----------
        norm_error
            Most that a norm of the end is off the given one.

        Returns
        -------
        bound
            NaN where none is known, which then is `none`; infinite where every energy is.
        method
            The bound that is the largest.
        """
        found: dict[Method, float] = {
            "convex": self._tangent(norm_error),
            "linear_program": math.nan if self._is_flat else self._program(norm_error),
            "farthest": farthest_bound(self.importance, self.norms, self.kernel, norm_error),
        }
        known: dict[Method, float] = {name: value for name, value in found.items() if not math.isnan(value)}
        if not known:
            return math.nan, "none"
        method = max(known, key=lambda name: known[name])
        kernel = self.kernel
        own = kernel.kind.self_value(kernel.softening, kernel.s) if kernel.includes_diagonal else 0.0
        return known[method] + own * float(self.importance @ self.importance), method

    @property
    def _is_flat(self) -> bool:
        """Whether the minimum in more dimensions lies in f dimensions."""
        if self.units is None or math.isnan(self._tangent(0.0)):
            return False
        sizes = np.linalg.svd(self.units * np.sqrt(self.importance)[:, None], compute_uv=False)
        return bool((sizes[self.n_dims :] <= SAME_PLACE * sizes[0]).all())

    def _tangent(self, norm_error: float) -> float:
        if self.units is None:
            return math.nan
        return tangent_bound(self.units, self.importance, self.norms, self.kernel, norm_error)

    def _program(self, norm_error: float) -> float:
        further = 0.0
        if not self.kernel.kind.angular:
            step = SHORTEST_STEP
            while step < float(np.abs(self.norms - 1.0).max()) + norm_error:
                step *= 16.0
            if step > LONGEST_STEP:
                return math.nan
            further = 8.0 * step + 4.0 * step**2  # (r + 2 e)^2 <= r^2 + 8 e + 4 e^2 for r <= 2
        total, squares = float(self.importance.sum()), float(self.importance @ self.importance)
        n = len(self.importance)
        return bound_of_pairs(Potential.of(self.kernel), self.n_dims, total, squares, n, further)
