"""K = sgn(s) rho^-s = sgn(s) a^(-s/2), a = rho^2 = r^2 + eps^2: infinite where vectors coincide if s > 0.

    phi' = |s| b rho^(-s-2)    phi'' = (s + 2) b phi' / rho^2    force = |s| n_i rho^(-s-1)

Exponents 1, 2, -1 and -2 need no power in compiled loops. The order of factors is part of the bits: the
reference and the engine each keep the one they have.

Source: the thesis' energy functions; `docs/science.md`, "Diagonal of the energy".
"""

from __future__ import annotations

from typing import Any

from superpos.kinds.energies import Energy, Form, Parameter, Spheres
from superpos.kinds.points import power, sqrt

LARGEST_EXPONENT = 1000.0
"""Of |s|: beyond it r^-s leaves the range of a double for distances between 1/2 and 2 already."""


def value(a: Any, s: float) -> Any:
    """Return sgn(s) a^(-s/2), by a root or a power with a positive exponent."""
    root = power(a, 0.5 * abs(s))
    return 1.0 / root if s > 0.0 else -root


def slope(a: Any, s: float, value: Any) -> Any:
    """Return -s K / (2 a)."""
    return (-0.5 * s) * value / a


def bend(a: Any, s: float, value: Any) -> Any:
    """Return s (s + 2) K / (4 a^2)."""
    return (0.5 * s) * (0.5 * s + 1.0) * value / a**2


def own(softening: float, s: float) -> float:
    """Return K(x, x) = sgn(s) eps^-s."""
    root = float(softening ** abs(s))
    return 1.0 / root if s > 0.0 else -root


def straight(a: Any, s: float) -> Any:
    """Return K with the exponent as it stands."""
    return (1.0 if s > 0.0 else -1.0) * power(a, -0.5 * s)


def first(a: Any, own: Any, other: Any, s: float, value: Any) -> Any:
    """Return phi' as the reference multiplies it."""
    return abs(s) * (own * other) * abs(value) / a


def second(a: Any, own: Any, other: Any, s: float, value: Any, first: Any) -> Any:  # noqa: ARG001
    """Return phi''."""
    return (s + 2.0) * (own * other) * first / a


def force(a: Any, own: Any, s: float, value: Any) -> Any:
    """Return the force as the reference multiplies it."""
    return abs(s) * own * abs(value) / sqrt(a)


def fast_first(a: Any, own: Any, other: Any, s: float, value: Any) -> Any:
    """Return phi' as the engine multiplies it."""
    return abs(s) * abs(value) * own * other / a


def fast_force(a: Any, own: Any, s: float, value: Any) -> Any:
    """Return the force as the engine multiplies it."""
    return abs(s) * abs(value) * own / sqrt(a)


FAST = Spheres(value=straight, first=fast_first, second=second, force=fast_force)

FORMS = (
    Form(when=lambda s: s == 1.0, value=lambda a, _: 1.0 / sqrt(a), slope=slope, spheres=FAST),
    Form(
        when=lambda s: s == 2.0,
        value=lambda a, _: 1.0 / a,
        slope=lambda _a, _s, value: -value * value,
        spheres=FAST,
    ),
    Form(
        when=lambda s: s == -1.0,
        value=lambda a, _: -sqrt(a),
        slope=lambda _a, _s, value: 0.5 / value,
        spheres=FAST,
    ),
    Form(when=lambda s: s == -2.0, value=lambda a, _: -a, slope=lambda _a, _s, _value: -1.0, spheres=FAST),
    Form(when=lambda _: True, value=straight, slope=slope, spheres=FAST),
)

KIND = Energy(
    name="riesz",
    version=1,
    meaning="A power of the distance of two vectors; its diagonal is left out.",
    rank=2,
    formula="sgn(s) r⁻ˢ",
    argument="squared_distance",
    value=value,
    slope=slope,
    bend=bend,
    singular=lambda s: s > 0.0,
    parameter=Parameter(
        name="s",
        meaning="exponent",
        low=-LARGEST_EXPONENT,
        high=LARGEST_EXPONENT,
        refused=((0.0, "0 is not an exponent of the riesz energy; use energy 'log' for the limit"),),
        samples=(1.0, 2.0, -1.0, -2.0, 3.0, -0.5),
    ),
    own=own,
    spheres=Spheres(value=straight, first=first, second=second, force=force),
    forms=FORMS,
    colours=((1.0, "#009E73"),),
)
