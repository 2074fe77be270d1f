"""How a figure draws a kind: plain values, so that a kind can say so without a drawing library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Line, marker and colour of one kind; the defaults are the grey of kinds that say nothing."""

    label: str = ""
    """As legends name it; empty for the kind's own name with spaces."""
    colour: str = "#9aa5b1"
    """Hexadecimal, `#RRGGBB`."""
    dashes: str | tuple[float, tuple[float, ...]] = "-"
    """Line style of matplotlib: `-`, or an offset and lengths of ink and gap, in line widths."""
    width: float = 1.2
    """Of the line, in points."""
    marker: str = "x"
    """Marker of matplotlib."""
