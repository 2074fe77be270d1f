"""K = exp(c), c = cos(x_i, x_j): bounded, free of norms, its own first and second derivative.

Source: the thesis' energy functions; `docs/science.md`, "Diagonal of the energy".
"""

from __future__ import annotations

import math
from typing import Any

from superpos.kinds.energies import Energy, Form, Spheres
from superpos.kinds.points import exp


def value(a: Any, s: float) -> Any:  # noqa: ARG001 (one signature for all energies)
    """Return e^a."""
    return exp(a)


def derivative(a: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return e^a, given it."""
    return value


def first(a: Any, own: Any, other: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return phi', K itself."""
    return value


def second(a: Any, own: Any, other: Any, s: float, value: Any, first: Any) -> Any:  # noqa: ARG001
    """Return phi'', K itself."""
    return value


def force(a: Any, own: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return K, which is positive."""
    return value


SPHERES = Spheres(first=first, second=second, force=force)

KIND = Energy(
    name="exp",
    version=1,
    meaning="The exponential of the cosine of two vectors; its diagonal is included.",
    rank=0,
    formula="exp(cos)",
    argument="cosine",
    value=value,
    slope=derivative,
    bend=derivative,
    default_self_energy="include",
    own=lambda _softening, _s: math.e,
    spheres=SPHERES,
    forms=(Form(when=lambda _: True, value=value, slope=derivative, spheres=SPHERES),),
    colours=((0.0, "#0072B2"),),
)
