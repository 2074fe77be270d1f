"""Energies that are not the project's own, as another package would write them."""

from __future__ import annotations

from typing import Any

from superpos.kinds.energies import Energy, Parameter
from superpos.kinds.points import exp, sqrt


def _yukawa(a: Any, s: float) -> Any:
    return exp(-s * sqrt(a)) / sqrt(a)


def _yukawa_slope(a: Any, s: float, value: Any) -> Any:
    r = sqrt(a)
    return -0.5 * value * (s + 1.0 / r) / r


def _yukawa_bend(a: Any, s: float, value: Any) -> Any:
    r = sqrt(a)
    return 0.25 * value * (s * s + 3.0 * s / r + 3.0 / a) / a


YUKAWA = Energy(
    name="yukawa",
    version=1,
    meaning="A reciprocal distance that is screened.",
    formula="exp(-s r) / r",
    argument="squared_distance",
    value=_yukawa,
    slope=_yukawa_slope,
    bend=_yukawa_bend,
    singular=lambda _: True,
    parameter=Parameter(name="s", meaning="screening", low=0.0, high=10.0, samples=(0.5, 2.0)),
)
"""Singular at 0, with a parameter."""


CHORD = Energy(
    name="chord",
    version=1,
    meaning="Minus the length of the chord between directions.",
    formula="-sqrt(1 - cos)",
    argument="cosine",
    value=lambda a, _s: -sqrt(1.0 - a),
    slope=lambda _a, _s, value: -0.5 / value,
    bend=lambda _a, _s, value: -0.25 / (value * value * value),
)
"""Finite where directions coincide, with a slope that is not."""
