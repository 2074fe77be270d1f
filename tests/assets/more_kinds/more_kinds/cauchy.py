"""S = 1 / (1 + r^2 / C): a Cauchy function of the distance, with a long tail."""

from __future__ import annotations

from typing import Any

from superpos.kinds.similarities import Similarity


def value(x: Any) -> Any:
    """Return 1 / (1 + x), x = r^2 / C."""
    return 1.0 / (1.0 + x)


def slope(x: Any, value: Any) -> Any:  # noqa: ARG001
    """Return -S^2."""
    return -value * value


def bend(x: Any, value: Any) -> Any:  # noqa: ARG001
    """Return 2 S^3."""
    return 2.0 * value * value * value


def inverse(value: Any) -> Any:
    """Return r^2 / C."""
    return 1.0 / value - 1.0


KIND = Similarity(
    name="cauchy",
    version=1,
    meaning="A Cauchy function of the distance of two directions.",
    formula="1/(1 + r²/C)",
    argument="squared_distance",
    value=value,
    slope=slope,
    bend=bend,
    inverse=inverse,
    low=0.0,
    high=1.0,
)
