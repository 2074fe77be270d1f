"""Legends: handles in rows as wide as the figure, or below one another beside a panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from superpos.reporting.svg.marks import shapes, stroke
from superpos.reporting.svg.text import attributes, number, text, text_size

SIZE = 8.5
ROW = 1.45 * SIZE
GAP = 5.0
"""Points between a handle and its text."""
APART = 15.0
"""Points between a text and the next handle."""


@dataclass(frozen=True, slots=True)
class Handle:
    """A line, a marker or a patch of colour with its name."""

    label: str
    colour: str
    dashes: Any = "-"
    width: float = 1.5
    marker: str = ""
    size: float = 6.0
    face: str = ""
    alpha: float | None = None
    patch: bool = False

    @property
    def length(self) -> float:
        """Points that it is long."""
        return 14.0 if self.patch else (22.0 if self.dashes else 8.0)

    def draw(self, x: float, y: float) -> str:
        """Return it around the middle of a line of text."""
        if self.patch:
            look = attributes(fill=self.colour, opacity=None if self.alpha is None else f"{self.alpha:g}")
            return f'<rect x="{number(x)}" y="{number(y - 3.2)}" width="14" height="6.4"{look}/>'
        found = ""
        if self.dashes:
            look = stroke(self.colour, self.width, self.dashes, self.alpha)
            found = f'<path d="M{number(x)} {number(y)}h{self.length:g}"{look}/>'
        if self.marker:
            middle = [(x + self.length / 2.0, y)]
            found += shapes(
                middle, self.marker, self.size / 2.0, self.face or self.colour, self.colour, 1.0, self.alpha
            )
        return found


def line_handle(
    *,
    label: str,
    color: str,
    linestyle: Any = "-",
    linewidth: float = 1.5,
    marker: str = "",
    markersize: float = 6.0,
    markerfacecolor: str = "",
    alpha: float | None = None,
) -> Handle:
    """Return the handle of what `Panel.plot` draws: a line, markers (an empty line style) or both."""
    return Handle(label, color, linestyle, linewidth, marker, markersize, markerfacecolor, alpha)


def patch_handle(*, label: str, color: str, alpha: float | None = None) -> Handle:
    """Return the handle of an area."""
    return Handle(label, color, alpha=alpha, patch=True)


def rows_of(handles: Sequence[Handle], width: float) -> list[list[Handle]]:
    """Return handles in rows that are at most so wide, about equally long."""
    total = sum(map(_width, handles))
    target = total / max(1, -(-int(total) // max(1, int(width))))
    rows: list[list[Handle]] = [[]]
    used = 0.0
    for handle in handles:
        own = _width(handle)
        full = used + own > width + APART or (used > 0.0 and used + 0.5 * own > target * 1.02)
        if rows[-1] and full:
            rows.append([])
            used = 0.0
        rows[-1].append(handle)
        used += own
    return rows


def height_of(handles: Sequence[Handle], width: float) -> float:
    """Return the points that a legend above the panels takes; 0 where there is none."""
    return ROW * len(rows_of(handles, width)) + 6.0 if handles else 0.0


def above(handles: Sequence[Handle], width: float) -> str:
    """Return a legend, its rows in the middle of the figure's upper edge."""
    found = []
    for index, row in enumerate(rows_of(handles, width)):
        x = (width - sum(map(_width, row)) + APART) / 2.0
        for handle in row:
            found.append(_entry(handle, x, 4.0 + ROW * (index + 0.5)))
            x += _width(handle)
    return "".join(found)


def beside(handles: Sequence[Handle], title: str, x: float, middle: float) -> str:
    """Return a legend with a title, an entry a row, to the right of x around some height."""
    top = middle - ROW * (len(handles) + 1) / 2.0
    head = text(x, top + ROW * 0.5, title, SIZE, va="center")
    return head + "".join(
        _entry(handle, x, top + ROW * (index + 1.5)) for index, handle in enumerate(handles)
    )


def _entry(handle: Handle, x: float, y: float) -> str:
    return handle.draw(x, y) + text(x + handle.length + GAP, y, handle.label, SIZE, va="center")


def _width(handle: Handle) -> float:
    return handle.length + GAP + text_size(handle.label, SIZE)[0] + APART
