"""K = -log rho = -log(a) / 2, a = rho^2 = r^2 + eps^2: infinite where vectors coincide.

Source: the thesis' energy functions; `docs/science.md`, "Diagonal of the energy".
"""

from __future__ import annotations

import math
from typing import Any

from superpos.kinds.energies import Energy, Form, Spheres
from superpos.kinds.points import log, sqrt


def value(a: Any, s: float) -> Any:  # noqa: ARG001 (one signature for all energies)
    """Return -log(a) / 2."""
    return -0.5 * log(a)


def slope(a: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return -1 / (2 a)."""
    return -0.5 / a


def bend(a: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return 1 / (2 a^2)."""
    return 0.5 / a**2


def first(a: Any, own: Any, other: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return phi' = b / rho^2."""
    return own * other / a


def second(a: Any, own: Any, other: Any, s: float, value: Any, first: Any) -> Any:  # noqa: ARG001
    """Return phi'' = 2 phi'^2."""
    return 2.0 * first * first


def force(a: Any, own: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return n_i / rho."""
    return own / sqrt(a)


SPHERES = Spheres(first=first, second=second, force=force)

KIND = Energy(
    name="log",
    version=1,
    meaning="Minus the logarithm of the distance of two vectors; its diagonal is left out.",
    rank=1,
    formula="-log r",
    argument="squared_distance",
    value=value,
    slope=slope,
    bend=bend,
    singular=lambda _: True,
    own=lambda softening, _: -math.log(softening),
    spheres=SPHERES,
    forms=(Form(when=lambda _: True, value=value, slope=slope, spheres=SPHERES),),
    colours=((0.0, "#E69F00"),),
)
