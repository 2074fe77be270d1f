"""Energies: what a kind of pair energy K says of itself, and their register.

    K(x, y) = value(a, s),   a = cos(x, y)  or  a = ||x - y||^2 + eps^2, floored at the smallest normal number
    slope = dK/da,   bend = d^2 K/da^2,   s the parameter of the energy, 0 if it has none

On the spheres x_i = n_i u_i an energy is a function phi of c = <u_i, u_j>, with b = n_i n_j:

    of cosines    phi' = slope            phi'' = bend          force = |slope|
    of distances  phi' = -2 b slope       phi'' = 4 b^2 bend    force = 2 n_i sqrt(a) |slope|

The NumPy reference, the norm penalty, the spheres and the compiled loops are all made from these functions.
See `superpos/kinds/points.py` for what they may call. An energy may write any of them in a second way, for
the spheres or for single parameters (`Form`), if that costs less; the tests hold both ways together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError
from superpos.kinds.differences import arguments_of, check_alike, check_slope, evaluated, spread_of
from superpos.kinds.points import sqrt
from superpos.kinds.register import Kind, Register

Argument = Literal["cosine", "squared_distance"]
ARGUMENTS: tuple[Argument, ...] = ("cosine", "squared_distance")
PointFunction = Callable[..., Any]
"""Of numbers or arrays; see the module's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """The number that an energy is given, in the column `s`."""

    name: str
    meaning: str
    low: float
    high: float
    refused: tuple[tuple[float, str], ...] = ()
    """Numbers in the range that are not allowed, each with what the message says."""
    default: float | None = None
    """What is meant where nothing is given. It is kept as 0, so that an energy can be given a parameter and
    what was computed without keeps its keys."""
    samples: tuple[float, ...] = (1.0, 2.0)
    """Allowed numbers at which the functions of the energy are tried."""

    def check(self, argument: str, value: float) -> float:
        """Return the number if it is allowed, 0 for the default; raises `ArgumentError`."""
        if self.default is not None and value in (0.0, self.default):
            return 0.0
        for number, said in self.refused:
            if value == number:
                raise ArgumentError(argument, said)
        if not self.low <= value <= self.high:
            raise ArgumentError(argument, f"{value:g} must be from {self.low:g} to {self.high:g}")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Spheres:
    """An energy on the product of spheres; what is None follows from value, slope and bend."""

    value: PointFunction | None = None
    """phi of (a, s)."""
    first: PointFunction | None = None
    """phi' of (a, own, other, s, value), b = own other."""
    second: PointFunction | None = None
    """phi'' of (a, own, other, s, value, first)."""
    force: PointFunction | None = None
    """Of (a, own, s, value): |dK / d(length)| times n_i, what the relative gradient is measured by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the compiled engine evaluates an energy for some parameters."""

    when: Callable[[float], bool]
    """Whether it holds for s; the first form that does is taken."""
    value: PointFunction
    slope: PointFunction
    spheres: Spheres = Spheres()


def _never(_: float) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Energy(Kind):
    """A kind of pair energy."""

    formula: str
    """K in a few characters, for figures and the glossary."""
    argument: Argument
    """What its functions are functions of."""
    value: PointFunction
    """K of (a, s)."""
    slope: PointFunction
    """dK/da of (a, s, value)."""
    bend: PointFunction
    """d^2 K/da^2 of (a, s, value)."""
    default_self_energy: Literal["exclude", "include"] = "exclude"
    singular: Callable[[float], bool] = _never
    """Whether K is infinite where vectors coincide, by s."""
    repels: bool = True
    """Whether K falls as a distance grows, wherever it is; not read of energies of cosines."""
    parameter: Parameter | None = None
    own: Callable[[float, float], float] | None = None
    """K(x, x) of (eps, s), if it is not to be value(1, s) or value(eps^2, s)."""
    spheres: Spheres = Spheres()
    """As the NumPy reference evaluates it."""
    forms: tuple[Form, ...] = ()
    """As the compiled engine does; () stands for the functions above."""
    colours: tuple[tuple[float, str], ...] = ()
    """Colours of figures by s."""

    @cached_property
    def angular(self) -> bool:
        """Whether K is a function of the cosine alone: free of norms, without softening."""
        return self.argument == "cosine"

    @property
    def grows_norms(self) -> bool:
        """Whether K falls as all norms grow together."""
        return self.repels and not self.angular

    @property
    def spelling(self) -> str:
        """How a study file writes it: `log`, `riesz:<s>`; without a parameter that may be left out."""
        needed = self.parameter is not None and self.parameter.default is None
        return f"{self.name}:<{self.parameter.name}>" if self.parameter and needed else self.name

    def label(self, s: float) -> str:
        """Return the `kernel` column of the views: `exp`, `exp:4`, `riesz:1`."""
        said = self.parameter is not None and not (s == 0.0 and self.parameter.default is not None)
        return f"{self.name}:{s:g}" if said else self.name

    def checked_parameter(self, argument: str, s: float) -> float:
        """Return s, or 0 for the default or an energy without a parameter; raises `ArgumentError`."""
        return self.parameter.check(argument, s) if self.parameter else 0.0

    def self_value(self, softening: float, s: float) -> float:
        """Return K(x, x)."""
        if self.own is not None:
            return self.own(softening, s)
        return float(self.value(1.0 if self.angular else softening**2, s))

    def form(self, s: float) -> Form:
        """Return how the compiled engine evaluates the energy at this parameter."""
        for form in self.forms:
            if form.when(s):
                return form
        return Form(when=lambda _: True, value=self.value, slope=self.slope, spheres=self.spheres)

    def on_spheres(self, form: Form | None = None) -> tuple[PointFunction, ...]:
        """Return value, first, second and force on the spheres, of a form or of the reference."""
        given = self.spheres if form is None else form.spheres
        slope, bend = self.slope if form is None else form.slope, self.bend
        value = given.value or (self.value if form is None else form.value)
        derived = (_angular if self.angular else _distant)(slope, bend)
        return (value, given.first or derived[0], given.second or derived[1], given.force or derived[2])

    def check(self) -> None:
        """Hold every function against the others, at several arguments and parameters.

        Raises
        ------
        ArgumentError
            For an unknown argument, functions that cannot be called with arrays and numbers or are not finite
            within the range, a slope or bend that disagrees with differences, a second way of writing a
            function that disagrees with the first, and a wrong `singular`.
        """
        if self.argument not in ARGUMENTS:
            raise ArgumentError("argument", f"{self.argument!r} is unknown; allowed: {', '.join(ARGUMENTS)}")
        if self.default_self_energy not in ("exclude", "include"):
            said = f"{self.default_self_energy!r} is unknown; allowed: exclude, include"
            raise ArgumentError("default_self_energy", said)
        if not self.formula.strip():
            raise ArgumentError("formula", "is empty; say what K is")
        samples = self.parameter.samples if self.parameter else (0.0,)
        if not samples:
            raise ArgumentError("parameter", "has no samples; give numbers at which the functions are tried")
        for s in samples:
            self._check_at(self.checked_parameter("samples", s))

    def _check_at(self, s: float) -> None:
        a, said = arguments_of(self.argument), f" ({self.label(s)})" if self.parameter else ""
        spread = spread_of(self.argument, a)
        value = evaluated("value", self.value, a, s)
        slope = evaluated("slope", self.slope, a, s, value)
        bend = evaluated("bend", self.bend, a, s, value)
        check_slope(("slope", "value"), lambda x: self.value(x, s), slope, a, spread, said)
        check_slope(("bend", "slope"), lambda x: self.slope(x, s, self.value(x, s)), bend, a, spread, said)
        if self.grows_norms and (slope > 0.0).any():
            where = a[slope > 0.0][0]
            raise ArgumentError("repels", f"is True, but K rises with the distance at {where:g}{said}")
        derived = (_angular if self.angular else _distant)(self.slope, self.bend)
        wanted = _sphere_values((self.value, *derived), a, s, value)
        form = self.form(s)
        check_alike("forms", "value", evaluated("forms", form.value, a, s), value, a, said)
        check_alike("forms", "slope", evaluated("forms", form.slope, a, s, value), slope, a, said)
        for way in (self.on_spheres(), self.on_spheres(form)):
            found = _sphere_values(way, a, s, value)
            for name, one, other in zip(("value", "slope", "bend", "force"), found, wanted, strict=True):
                check_alike("spheres", name, one, other, a, said)
        with np.errstate(all="ignore"):
            edge = float(np.asarray(self.value(np.array([1.0 if self.angular else 0.0]), s))[0])
        if np.isfinite(edge) == bool(self.singular(s)):
            what = f"is {self.singular(s)}, but value gives {edge:g} where vectors coincide{said}"
            raise ArgumentError("singular", what)


def _sphere_values(way: tuple[PointFunction, ...], a: Float, s: float, value: Float) -> list[Float]:
    """Return value, first, second and force for b = 1.5."""
    first = evaluated("spheres", way[1], a, 1.5, 1.0, s, value)
    second = evaluated("spheres", way[2], a, 1.5, 1.0, s, value, first)
    force = evaluated("spheres", way[3], a, 1.5, s, value)
    return [evaluated("spheres", way[0], a, s), first, second, force]


def _angular(slope: PointFunction, bend: PointFunction) -> tuple[PointFunction, ...]:
    def first(a: Any, own: Any, other: Any, s: float, value: Any) -> Any:  # noqa: ARG001 (one signature)
        return slope(a, s, value)

    def second(a: Any, own: Any, other: Any, s: float, value: Any, first: Any) -> Any:  # noqa: ARG001
        return bend(a, s, value)

    def force(a: Any, own: Any, s: float, value: Any) -> Any:  # noqa: ARG001
        return abs(slope(a, s, value))

    return first, second, force


def _distant(slope: PointFunction, bend: PointFunction) -> tuple[PointFunction, ...]:
    def first(a: Any, own: Any, other: Any, s: float, value: Any) -> Any:
        return -2.0 * own * other * slope(a, s, value)

    def second(a: Any, own: Any, other: Any, s: float, value: Any, first: Any) -> Any:  # noqa: ARG001
        return 4.0 * (own * other) * (own * other) * bend(a, s, value)

    def force(a: Any, own: Any, s: float, value: Any) -> Any:
        return 2.0 * own * sqrt(a) * abs(slope(a, s, value))

    return first, second, force


ENERGIES: Register[Energy] = Register(
    "energy", Energy, package="superpos.fits.energies", group="superpos.energies"
)
