"""A figure: a grid of panels, a legend above them, a bar of colours right of them; written as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from superpos.reporting.svg import legend
from superpos.reporting.svg.colours import Colours, image_of
from superpos.reporting.svg.layout import EDGE, placed
from superpos.reporting.svg.panel import LABEL, Axis, Panel, Span
from superpos.reporting.svg.scales import Ruler
from superpos.reporting.svg.text import FAMILY, LINE, attributes, number, text, text_size
from superpos.reporting.svg.written import written

POINTS = 72.0
INK = "#1f2933"
BAR_WIDTH, BAR_GAP = 9.0, 12.0


class Bar(NamedTuple):
    """A bar of colours."""

    colours: Colours
    label: str
    share: float
    """Its length over the height of the panels."""


class Figure:
    """Panels in a grid.

    Parameters
    ----------
    width, height
        Inches.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = POINTS * width, POINTS * height
        self.panels: list[Panel] = []
        self.handles: tuple[legend.Handle, ...] = ()
        self.bar: Bar | None = None
        self._ratios: tuple[Sequence[float], Sequence[float]] = ((1.0,), (1.0,))

    def subplots(
        self,
        n_rows: int = 1,
        n_columns: int = 1,
        *,
        sharex: bool | str = False,
        sharey: bool | str = False,
        height_ratios: Sequence[float] = (),
        width_ratios: Sequence[float] = (),
    ) -> Any:
        """Return an array of the panels of a regular grid, (n_rows, n_columns).

        Axes are shared by no panels, by all (True), by those of a `row` or by those of a column (`col`). Of
        panels that share an axis the lowest, or the leftmost, has the labels.
        """
        self.grid(height_ratios or [1.0] * n_rows, width_ratios or [1.0] * n_columns)
        found = np.empty((n_rows, n_columns), dtype=object)
        rulers: dict[tuple[str, int], Ruler] = {}
        for row in range(n_rows):
            for column in range(n_columns):
                panel = self.add(Span(row, row, column, column))
                for name, own, share, inner in (
                    ("x", panel.x, sharex, row < n_rows - 1),
                    ("y", panel.y, sharey, column > 0),
                ):
                    if share:
                        group = {"row": row, "col": column}.get(str(share), 0)
                        own.ruler = rulers.setdefault((name, group), own.ruler)
                        along = share == ("col" if name == "x" else "row")
                        own.named = not (inner and (share is True or along))
                found[row, column] = panel
        return found

    def subplot(self) -> Panel:
        """Return the only panel."""
        panel: Panel = self.subplots()[0, 0]
        return panel

    def grid(self, height_ratios: Sequence[float], width_ratios: Sequence[float]) -> None:
        """Set how heights and widths are shared out to rows and columns."""
        self._ratios = (list(height_ratios), list(width_ratios))

    def add(self, span: Span) -> Panel:
        """Return a new panel over some rows and columns of the grid."""
        panel = Panel(span, Axis(Ruler()), Axis(Ruler()))
        self.panels.append(panel)
        return panel

    def legend(self, handles: Sequence[legend.Handle]) -> None:
        """Put a legend above the panels."""
        self.handles = tuple(handles)

    def colour_bar(self, colours: Colours, label: str, share: float) -> None:
        """Put a bar of colours right of the panels, over a share of their height."""
        self.bar = Bar(colours, label, share)

    def svg(self) -> str:
        """Return the drawing as a file: on white paper, as large as the figure."""
        width, height = self._size
        root = attributes(width=f"{width}pt", height=f"{height}pt")
        paper = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        return f'<?xml version="1.0" encoding="utf-8"?>\n{self._open(root)}{paper}{self._body}</svg>\n'

    def element(self, label: str) -> str:
        """Return the drawing as a part of a page, which it fills; `label` is what a screen reader says.

        A page may give ink, paper and rules colours of its own by the attributes of the elements.
        """
        return f"{self._open(attributes(role='img', aria_label=label))}{self._body}</svg>"

    @property
    def _size(self) -> tuple[str, str]:
        return f"{round(self.width, 1):g}", f"{round(self.height, 1):g}"

    def _open(self, own: str) -> str:
        width, height = self._size
        shared = attributes(viewBox=f"0 0 {width} {height}", font_family=FAMILY, fill=INK)
        return f'<svg xmlns="http://www.w3.org/2000/svg"{own}{shared}>'

    @cached_property
    def _body(self) -> str:
        """What is drawn, written once: when it is first asked for."""
        ruler, right = Ruler(), 0.0
        if self.bar is not None:
            ruler.first, ruler.last = self.bar.colours.low, self.bar.colours.high
            right = BAR_GAP + _label_place(ruler, self.bar.share * self.height) + LINE * LABEL
        room = self.width - 2 * EDGE
        head = legend.height_of(self.handles, room)
        frames = placed(self.panels, self.width, self.height, head, right, self._ratios)
        parts = [written(panel, *frame) for panel, frame in frames.items()]
        if self.handles:
            parts.append(f'<g transform="translate({EDGE:g} 0)">{legend.above(self.handles, room)}</g>')
        if self.bar is not None and frames:
            top = min(frame.top for frame in frames.values())
            bottom = max(frame.top + frame.height for frame in frames.values())
            parts.append(_bar(self.bar, ruler, self.width - EDGE - right + BAR_GAP, top, bottom))
        return "".join(parts)


def _label_place(ruler: Ruler, length: float) -> float:
    """Return how far from the left edge of a bar its label stands."""
    widest = max(
        (text_size(name, ruler.size)[0] for name in ruler.named(length, upright=True)[1]), default=0.0
    )
    return BAR_WIDTH + 13.0 + widest


def _bar(bar: Bar, ruler: Ruler, left: float, top: float, bottom: float) -> str:
    length = bar.share * (bottom - top)
    start = (top + bottom - length) / 2.0
    steps = np.linspace(bar.colours.high, bar.colours.low, 128)[:, None]
    where = attributes(
        width=f"{BAR_WIDTH:g}",
        height=number(length),
        preserveAspectRatio="none",
        href=image_of(bar.colours.rgb(steps)),
    )
    ticks, labels = ruler.named(length, upright=True)
    places = (length * (1.0 - ruler.places(ticks))).tolist()
    marks = "".join(f"M{BAR_WIDTH:g} {number(place)}h3" for place in places)
    found = f'<image{where}/><path d="{marks}" stroke="{INK}" stroke-width="0.7"/>'
    for place, name in zip(places, labels, strict=True):
        found += text(BAR_WIDTH + 6.0, place, name, ruler.size, va="center")
    found += text(
        _label_place(ruler, length), length / 2.0, bar.label, LABEL, ha="center", va="top", upright=True
    )
    return f'<g transform="translate({number(left)} {number(start)})">{found}</g>'
