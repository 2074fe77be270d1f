"""A pair energy on the unit sphere as a function of the angle, as numbers and as intervals.

    h(t) = K(a),    a = cos t                            energies of cosines
                    a = 4 sin^2(t / 2) + shift           energies of distances
    h' = K' a',     h'' = K'' a'^2 + K' a'',             a' = -sin t or 2 sin t,   a'' = -cos t or 2 cos t

`shift` is the square of the softening, and what else all squared distances are longer by. Derivatives with
respect to the angle are 0 at both ends: h is even about t = 0 and about t = pi.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from superpos.arrays import Float
from superpos.bounds.intervals import Interval
from superpos.kinds.energies import ENERGIES, Energy
from superpos.specs.axes import Kernel


class EnclosureError(TypeError):
    """The functions of an energy do what intervals cannot."""


@dataclass(frozen=True, slots=True)
class Potential:
    """The energy of two unit vectors by their angle; equal ones are equal problems."""

    energy: str
    """Name of the kind."""
    s: float
    """The energy's parameter."""
    shift: float
    """Added to every squared distance; 0 for energies of cosines."""

    @classmethod
    def of(cls, kernel: Kernel) -> Potential:
        """Return the potential of a kernel on the unit sphere."""
        return cls(kernel.energy, kernel.s, 0.0 if kernel.kind.angular else kernel.softening**2)

    def longer(self, further: float) -> Potential:
        """Return the potential with squared distances longer by `further`, which cosines do not see."""
        return self if self.kind.angular else replace(self, shift=self.shift + further)

    @property
    def kind(self) -> Energy:
        """The kind of the energy."""
        return ENERGIES.get(self.energy)

    def __call__(self, angles: Float) -> tuple[Float, Float, Float]:
        """Return h, h', h'' at angles (k,) in (0, pi], each (k,)."""
        with np.errstate(all="ignore"):
            values = self._parts(np.sin(angles), np.cos(angles), np.sin(0.5 * angles))
        return tuple(np.broadcast_to(np.asarray(each, dtype=np.float64), angles.shape) for each in values)  # type: ignore[return-value] # three of them

    def enclose(self, low: Float, high: Float) -> tuple[Interval, Interval, Interval]:
        """Return what encloses h, h', h'' for angles from `low` to `high`, (k,) each, within [0, pi].

        Raises
        ------
        EnclosureError
            If the functions of the energy are not made for intervals.
        """
        half = _monotone(np.sin, 0.5 * low, 0.5 * high).within(0.0, 1.0)
        sine, cosine = _sine(low, high), _monotone(np.cos, high, low).within(-1.0, 1.0)
        try:
            found = self._parts(sine, cosine, half)
            return tuple(_filled(each, low) for each in found)  # type: ignore[return-value] # three of them
        except Exception as error:  # whatever a stranger's function raises
            raise EnclosureError(f"{self.kind.name}: {type(error).__name__}: {error}") from error

    def at_ends(self) -> tuple[float, float]:
        """Return h where vectors coincide, which may be infinite, and where they are opposite."""
        with np.errstate(all="ignore"):
            a = np.array([1.0, -1.0]) if self.kind.angular else np.array([0.0, 4.0]) + self.shift
            near, far = np.broadcast_to(np.asarray(self.kind.value(a, self.s), dtype=np.float64), (2,))
        return float(near), float(far)

    def _parts(self, sine: Any, cosine: Any, half: Any) -> tuple[Any, Any, Any]:
        kind, s = self.kind, self.s
        if kind.angular:
            a, first, second = cosine, -sine, -cosine
        else:
            a, first, second = 4.0 * half * half + self.shift, 2.0 * sine, 2.0 * cosine
            if isinstance(a, Interval):
                a = a.within(max(self.shift, 0.0), np.inf)
        value = kind.value(a, s)
        slope, bend = kind.slope(a, s, value), kind.bend(a, s, value)
        return value, slope * first, bend * first**2 + slope * second


def _monotone(function: Any, low: Float, high: Float) -> Interval:
    """Return the enclosure of sin or cos between the arguments of its smallest and its largest value."""
    return Interval(function(low) - 4e-16, function(high) + 4e-16)


def _sine(low: Float, high: Float) -> Interval:
    one, other = np.sin(low), np.sin(high)
    top = np.where((low <= 0.5 * np.pi) & (high >= 0.5 * np.pi), 1.0, np.maximum(one, other))
    return Interval(np.minimum(one, other) - 4e-16, top + 4e-16).within(0.0, 1.0)


def _filled(found: Any, like: Float) -> Interval:
    """Return an enclosure of the shape of the cells; a point function may give one number."""
    found = Interval.of(found)
    return Interval(np.broadcast_to(found.low, like.shape), np.broadcast_to(found.high, like.shape))
