"""S = exp(-r^2 / C), r = ||x_i - x_j||: a Gaussian of the distance, C = 200 in the thesis."""

from __future__ import annotations

from typing import Any

from superpos.kinds.looks import Look
from superpos.kinds.points import exp, log
from superpos.kinds.similarities import Similarity


def value(x: Any) -> Any:
    """Return exp(-x), x = r^2 / C."""
    return exp(-x)


def slope(x: Any, value: Any) -> Any:  # noqa: ARG001 (one signature for all similarities)
    """Return -S."""
    return -value


def bend(x: Any, value: Any) -> Any:  # noqa: ARG001
    """Return S."""
    return value


def inverse(value: Any) -> Any:
    """Return r^2 / C = -log S."""
    return -log(value)


def curve(x: Any, rate: float, value: Any, residual: Any) -> Any:  # noqa: ARG001
    """Return rate (S^2 + residual S), in the order of factors that its bits come from."""
    return rate * value * (value + residual)


KIND = Similarity(
    name="rbf",
    version=1,
    meaning="A Gaussian of the distance of two directions, of width C.",
    rank=1,
    formula="exp(-r²/C)",
    argument="squared_distance",
    value=value,
    slope=slope,
    bend=bend,
    inverse=inverse,
    low=0.0,
    high=1.0,
    curve=curve,
    look=Look(label="RBF"),
)
