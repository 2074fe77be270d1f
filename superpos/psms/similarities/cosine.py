"""S = cos(x_i, x_j), free of norms."""

from __future__ import annotations

from typing import Any

from superpos.kinds.looks import Look
from superpos.kinds.similarities import Similarity


def value(x: Any) -> Any:
    """Return the cosine itself."""
    return x


def slope(x: Any, value: Any) -> Any:  # noqa: ARG001 (one signature for all similarities)
    """Return 1."""
    return 1.0


def bend(x: Any, value: Any) -> Any:  # noqa: ARG001
    """Return 0."""
    return 0.0


KIND = Similarity(
    name="cosine",
    version=1,
    meaning="The cosine of the angle between two directions.",
    rank=0,
    formula="cos",
    argument="cosine",
    value=value,
    slope=slope,
    bend=bend,
    inverse=value,
    look=Look(label="cosine"),
)
