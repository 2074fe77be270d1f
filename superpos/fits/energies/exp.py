"""K = exp(beta c), c = cos(x_i, x_j): bounded, free of norms; beta = 1 unless it is said.

    phi' = beta K    phi'' = beta^2 K    force = beta K

beta is an inverse temperature: 1 hardly tells frames apart. As it grows the nearest pair alone counts, so the
minimum becomes a best packing. On unit vectors `gauss` of width 2 / beta is this energy times exp(-beta).
The parameter is 0 where beta is 1, as it was before there was one, and has loops without a product.

Source: the thesis' energy functions; `docs/science.md`, "Diagonal of the energy", "Flat exponential energy".
"""

from __future__ import annotations

import math
from typing import Any

from superpos.kinds.energies import Energy, Form, Parameter, Spheres
from superpos.kinds.points import exp

LARGEST_BETA = 100.0
"""Beyond it K(x, x) is so large that the mismatch is lost in rounding beside it."""


def value(a: Any, s: float) -> Any:
    """Return e^(beta a)."""
    return exp(a) if s == 0.0 else exp(s * a)


def slope(a: Any, s: float, value: Any) -> Any:  # noqa: ARG001 (one signature for all energies)
    """Return beta K."""
    return value if s == 0.0 else s * value


def bend(a: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return beta^2 K."""
    return value if s == 0.0 else s * s * value


def plain_value(a: Any, s: float) -> Any:  # noqa: ARG001
    """Return e^a."""
    return exp(a)


def plain_slope(a: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return e^a, given it."""
    return value


def plain_first(a: Any, own: Any, other: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return phi', K itself."""
    return value


def plain_second(a: Any, own: Any, other: Any, s: float, value: Any, first: Any) -> Any:  # noqa: ARG001
    """Return phi'', K itself."""
    return value


def plain_force(a: Any, own: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return K, which is positive."""
    return value


FORMS = (
    Form(
        when=lambda s: s == 0.0,
        value=plain_value,
        slope=plain_slope,
        spheres=Spheres(first=plain_first, second=plain_second, force=plain_force),
    ),
    Form(when=lambda _: True, value=lambda a, s: exp(s * a), slope=lambda _a, s, value: s * value),
)

KIND = Energy(
    name="exp",
    version=1,
    meaning="The exponential of the cosine of two vectors, times beta if that is said; its diagonal is "
    "included.",
    rank=0,
    formula="exp(beta cos)",
    argument="cosine",
    value=value,
    slope=slope,
    bend=bend,
    default_self_energy="include",
    parameter=Parameter(
        name="beta",
        meaning="inverse temperature, 1 unless it is said",
        low=0.01,
        high=LARGEST_BETA,
        default=1.0,
        samples=(1.0, 0.5, 4.0),
    ),
    own=lambda _softening, s: math.exp(s or 1.0),
    forms=FORMS,
    colours=((0.0, "#0072B2"),),
)
