"""Similarities that are not the project's own, as another package would write them."""

from __future__ import annotations

from typing import Any

from superpos.kinds.points import exp, log, sqrt
from superpos.kinds.similarities import Similarity


def _laplace(x: Any) -> Any:
    return exp(-sqrt(x))


def _laplace_slope(x: Any, value: Any) -> Any:
    return -0.5 * value / sqrt(x)


def _laplace_bend(x: Any, value: Any) -> Any:
    return 0.25 * value * (1.0 + 1.0 / sqrt(x)) / x


LAPLACE = Similarity(
    name="laplace",
    version=1,
    meaning="An exponential of the distance.",
    formula="exp(-r/sqrt(C))",
    argument="squared_distance",
    value=_laplace,
    slope=_laplace_slope,
    bend=_laplace_bend,
    inverse=lambda value: log(value) ** 2,
    low=0.0,
    high=1.0,
    reach=1e4,
)
"""Its slope is infinite where vectors coincide."""

CUBE = Similarity(
    name="cube",
    version=1,
    meaning="The mean of the cosine and its cube.",
    formula="(cos + cos^3) / 2",
    argument="cosine",
    value=lambda x: 0.5 * (x + x * x * x),
    slope=lambda x, _value: 0.5 + 1.5 * x * x,
    bend=lambda x, _value: 3.0 * x,
)
"""A function of the cosine that is not the cosine."""
