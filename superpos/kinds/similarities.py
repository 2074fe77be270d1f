"""Similarities: what a kind of pairwise similarity S says of itself, and their register.

    S_ij = value(x),   x = cos(x_i, x_j)  or  x = ||x_i - x_j||^2 / C
    slope = dS/dx,     bend = d^2 S/dx^2,   C the scale, in squared units of the vectors

Similarities of cosines have no scale and see no norms; those of distances have one (`rbf_scale`). Functions
are point functions (`superpos/kinds/points.py`): matrices of directions, the joint step by NumPy and the
compiled joint step are made from them. Cosines may pass 1 by rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError, allowed, shown
from superpos.kinds.differences import arguments_of, check_alike, check_slope, evaluated, spread_of
from superpos.kinds.energies import ARGUMENTS, Argument, PointFunction
from superpos.kinds.looks import Look
from superpos.kinds.register import Kind, Register

SMALLEST = 1e-300
"""Similarities of distances below this are read as this where distances are asked of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity(Kind):
    """A kind of pairwise similarity."""

    formula: str
    """S in a few characters, for figures and the glossary."""
    argument: Argument
    value: PointFunction
    """S of (x)."""
    slope: PointFunction
    """dS/dx of (x, value)."""
    bend: PointFunction
    """d^2 S/dx^2 of (x, value)."""
    inverse: PointFunction | None = None
    """x of (S); similarities of distances need it."""
    low: float = -1.0
    high: float = 1.0
    """Range of S."""
    reach: float = 100.0
    """x from which on S no longer holds two vectors together, of similarities of distances."""
    curve: PointFunction | None = None
    """rate (slope^2 + residual bend) of (x, rate, value, residual), if it is written otherwise."""
    look: Look = field(default_factory=Look)

    @property
    def angular(self) -> bool:
        """Whether S is a function of the cosine alone: free of norms, without a scale."""
        return self.argument == "cosine"

    @property
    def has_scale(self) -> bool:
        """Whether it reads C."""
        return not self.angular

    @property
    def title(self) -> str:
        """Its name in sentences."""
        return self.look.label or self.name

    @property
    def own(self) -> float:
        """S of a vector with itself."""
        return float(self.value(1.0 if self.angular else 0.0))

    def curvature(self, x: Float, rate: float, value: Float, residual: Float) -> Any:
        """Return rate (S'^2 + residual S''), from which the Hessian of the mismatch is made."""
        if self.curve is not None:
            return self.curve(x, rate, value, residual)
        slope = self.slope(x, value)
        return rate * (slope * slope + residual * self.bend(x, value))

    def argument_of(self, values: Float) -> Float:
        """Return x of similarities, elementwise; raises `ArgumentError` if they do not tell it."""
        if self.inverse is None:
            raise ArgumentError("similarity", f"{shown(self.name)} has no inverse; use directions")
        if self.angular:
            return np.asarray(self.inverse(values))
        return np.asarray(self.inverse(np.clip(values, max(self.low, SMALLEST), self.high)))

    def check(self) -> None:
        """Hold every function against the others, at several arguments.

        Raises
        ------
        ArgumentError
            For an unknown argument, functions that cannot be called with arrays and numbers or are not finite
            within the range, a slope or bend that disagrees with differences, an inverse that does not give
            the argument back, values outside the range, and a similarity of distances without an inverse.
        """
        if self.argument not in ARGUMENTS:
            said = f"{shown(self.argument)} is unknown; {allowed(self.argument, ARGUMENTS)}"
            raise ArgumentError("argument", said)
        if not self.formula.strip():
            raise ArgumentError("formula", "is empty; say what S is")
        x = arguments_of(self.argument)
        spread = spread_of(self.argument, x)
        value = evaluated("value", self.value, x)
        slope, bend = evaluated("slope", self.slope, x, value), evaluated("bend", self.bend, x, value)
        check_slope(("slope", "value"), self.value, slope, x, spread, "")
        check_slope(("bend", "slope"), lambda at: self.slope(at, self.value(at)), bend, x, spread, "")
        if value.min() < self.low or value.max() > self.high or not np.isfinite(self.own):
            said = f"gives {value.min():g} to {value.max():g}, outside of {self.low:g} to {self.high:g}"
            raise ArgumentError("value", said)
        if self.curve is not None:
            found = evaluated("curve", self.curve, x, 0.7, value, value - 0.3)
            wanted = 0.7 * (slope * slope + (value - 0.3) * bend)
            check_alike("curve", "slope and bend", found, wanted, x, "")
        if self.inverse is not None:
            check_alike("inverse", "the argument", evaluated("inverse", self.inverse, value), x, x, "")
        elif not self.angular:
            raise ArgumentError("inverse", "is missing; a similarity of distances starts at those it tells")


SIMILARITIES: Register[Similarity] = Register(
    "similarity", Similarity, package="superpos.psms.similarities", group="superpos.similarities"
)
