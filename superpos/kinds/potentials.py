"""Pair energies of unit vectors, as functions of their cosine.

    phi(c) = K(x, y),   c = <x, y>,   |x| = |y| = 1,   r^2 = 2 - 2 c
    a = c               under energies of cosines
    a = r^2 + eps^2     under energies of distances
    phi' = dK/dc = slope(a)   or   -2 slope(a)

An energy of a study is one of these wherever all vectors have norm 1: on the matrix of cosines itself, and in
bounds over every configuration of points on the sphere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from superpos.arrays import Float
from superpos.kinds.energies import ENERGIES, Energy


@dataclass(frozen=True, slots=True, order=True)
class Potential:
    """An energy with its parameter and softening; whether the diagonal counts makes no difference here."""

    energy: str
    s: float = 0.0
    softening: float = 0.0

    @property
    def kind(self) -> Energy:
        """The kind of the energy."""
        return ENERGIES.get(self.energy)

    @property
    def label(self) -> str:
        """The `kernel` column of the views: exp, log, riesz:1."""
        return self.kind.label(self.s)

    def value(self, cosines: Float) -> Float:
        """Return phi of cosines of any shape; infinite where vectors coincide under a singular energy."""
        argument = self._argument(cosines)
        with np.errstate(all="ignore"):
            return _filled(self.kind.value(argument, self.s), argument)

    def slope(self, cosines: Float) -> Float:
        """Return phi' of cosines of any shape; not finite where `value` is not."""
        kind, argument = self.kind, self._argument(cosines)
        with np.errstate(all="ignore"):
            slope = _filled(kind.slope(argument, self.s, kind.value(argument, self.s)), argument)
        return slope if kind.angular else -2.0 * slope

    def _argument(self, cosines: Float) -> Float:
        if self.kind.angular:
            return cosines
        return np.maximum(2.0 - 2.0 * cosines, 0.0) + self.softening**2


def _filled(found: Any, argument: Float) -> Float:
    """Return what a point function gave as an array of the argument's shape; it may be one number."""
    return np.asarray(np.broadcast_to(np.asarray(found, dtype=np.float64), argument.shape))
