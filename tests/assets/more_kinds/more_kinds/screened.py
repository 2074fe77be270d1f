"""K = exp(-r) / r, a = r^2: the screened Coulomb energy; value and derivatives are infinite at r = 0."""

from __future__ import annotations

from typing import Any

from superpos.kinds.energies import Energy
from superpos.kinds.points import exp, sqrt


def value(a: Any, s: float) -> Any:  # noqa: ARG001
    """Return exp(-r) / r."""
    return exp(-sqrt(a)) / sqrt(a)


def slope(a: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return dK/da = -K (1 + 1 / r) / (2 r)."""
    return -0.5 * value * (sqrt(a) + 1.0) / a


def bend(a: Any, s: float, value: Any) -> Any:  # noqa: ARG001
    """Return d^2 K/da^2 = K (r^2 + 3 r + 3) / (4 r^4)."""
    return 0.25 * value * (a + 3.0 * sqrt(a) + 3.0) / (a * a)


KIND = Energy(
    name="screened",
    version=1,
    meaning="The Coulomb energy, screened at the distance 1.",
    formula="exp(-r) / r",
    argument="squared_distance",
    value=value,
    slope=slope,
    bend=bend,
    singular=lambda _: True,
)
