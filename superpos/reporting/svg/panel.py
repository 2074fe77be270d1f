"""A panel: marks within a frame, two axes, a title. Methods are named as those of matplotlib's axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from superpos.arrays import Float
from superpos.reporting.svg.colours import Colours
from superpos.reporting.svg.legend import Handle
from superpos.reporting.svg.marks import (
    Area,
    Box,
    Cells,
    Line,
    Mark,
    Points,
    Rule,
    Segments,
    Words,
    numbers,
)
from superpos.reporting.svg.scales import Ruler

FRAME = "#7b8794"
"""Colour of frames."""
TICK = 3.5
"""Points that a tick is long."""
TITLE, LABEL, NOTE = 9.5, 9.0, 8.5
"""Sizes of texts."""
NOTE_ROOM = 13.0
"""Points that a note of one line takes above a frame."""


class Margins(NamedTuple):
    """Points that a panel needs outside its frame."""

    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    top: float = 0.0


NO_MARGINS = Margins()


class Span(NamedTuple):
    """First and last row and column of the grid that a panel takes."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


@dataclass(slots=True)
class Axis:
    """What a panel shows of a ruler."""

    ruler: Ruler
    label: str = ""
    bold: bool = False
    named: bool = True
    """Whether the ticks' labels are written."""
    tick: float = TICK
    grid: bool = False


@dataclass(slots=True, eq=False)
class Panel:
    """A part of a figure with axes of its own, or such that other panels share."""

    span: Span
    x: Axis = field(default_factory=lambda: Axis(Ruler()))
    y: Axis = field(default_factory=lambda: Axis(Ruler()))
    title: str = ""
    marks: list[Mark] = field(default_factory=list)
    shown: bool = True
    framed: bool = True
    """Whether the left and the lower edge are drawn."""
    aspect: float | None = None
    """Height over width of the frame, where it is fixed."""
    anchor: str = "C"
    """Where a frame of fixed aspect lies in its room: in the middle, or at the top (`N`)."""
    extra: Margins = NO_MARGINS
    note: str = ""
    """A small text between title and frame."""
    side_legend: tuple[Sequence[Handle], str, float] | None = None

    def plot(
        self,
        x: Any,
        y: Any,
        *,
        color: str = FRAME,
        linestyle: Any = "-",
        linewidth: float = 1.5,
        marker: str = "",
        markersize: float = 6.0,
        markerfacecolor: str = "",
        alpha: float | None = None,
        zorder: float = 2.0,
        tips: Sequence[str] = (),
    ) -> None:
        """Draw a line through points, markers at them, or both; `tips` are hover texts, one or one each."""
        x, y = numbers(x), numbers(y)
        self._see(x, y)
        line = Line(
            x, y, color, linestyle, linewidth, marker, markersize, markerfacecolor, alpha, zorder, tuple(tips)
        )
        self.marks.append(line)

    def scatter(
        self,
        x: Any,
        y: Any,
        *,
        s: float = 36.0,
        color: str = "",
        marker: str = "o",
        alpha: float | None = None,
        facecolors: str = "",
        edgecolors: str = "",
        linewidths: float = 0.0,
        tips: Sequence[str] = (),
    ) -> None:
        """Draw markers of an area of `s` square points."""
        x, y = np.broadcast_arrays(numbers(x), numbers(y))
        self._see(x, y)
        face = facecolors or color or FRAME
        edge = edgecolors or face
        self.marks.append(Points(x, y, s, face, edge, linewidths, marker, alpha, tips=tuple(tips)))

    def fill_between(self, x: Any, low: Any, high: Any, *, color: str, alpha: float | None = None) -> None:
        """Fill the area between two lines."""
        x, low, high = numbers(x), numbers(low), numbers(high)
        self._see(x, low)
        self._see(x, high)
        self.marks.append(Area(x, low, high, color, alpha))

    def hlines(
        self,
        y: Any,
        xmin: Any,
        xmax: Any,
        *,
        color: str = FRAME,
        linewidth: float = 1.5,
        alpha: float | None = None,
        linestyle: Any = "-",
    ) -> None:
        """Draw level lines."""
        y, xmin, xmax = np.broadcast_arrays(numbers(y), numbers(xmin), numbers(xmax))
        self._see(xmin, y)
        self._see(xmax, y)
        self.marks.append(Segments(xmin, y, xmax, y, color, linewidth, linestyle, alpha))

    def vlines(
        self,
        x: Any,
        ymin: Any,
        ymax: Any,
        *,
        color: str = FRAME,
        linewidth: float = 1.5,
        alpha: float | None = None,
        linestyle: Any = "-",
    ) -> None:
        """Draw upright lines."""
        x, ymin, ymax = np.broadcast_arrays(numbers(x), numbers(ymin), numbers(ymax))
        self._see(x, ymin)
        self._see(x, ymax)
        self.marks.append(Segments(x, ymin, x, ymax, color, linewidth, linestyle, alpha))

    def axhline(
        self,
        y: float,
        *,
        color: str = FRAME,
        linewidth: float = 1.5,
        linestyle: Any = "-",
        zorder: float = 2.0,
    ) -> None:
        """Draw a level line over all of the panel."""
        self.y.ruler.include([y])
        self.marks.append(Rule(y, False, color, linewidth, linestyle, z=zorder))

    def axvline(
        self,
        x: float,
        *,
        color: str = FRAME,
        linewidth: float = 1.5,
        linestyle: Any = "-",
        zorder: float = 2.0,
    ) -> None:
        """Draw an upright line over all of the panel."""
        self.x.ruler.include([x])
        self.marks.append(Rule(x, True, color, linewidth, linestyle, z=zorder))

    def axhspan(
        self, ymin: float, ymax: float, *, color: str, alpha: float | None = None, zorder: float = 1.0
    ) -> None:
        """Draw a level band over all of the panel."""
        self.y.ruler.include([ymin, ymax])
        self.marks.append(Rule(ymin, False, color, until=ymax, alpha=alpha, z=zorder))

    def barh(
        self, y: float, width: float, *, height: float = 0.8, left: float = 0.0, color: str = FRAME
    ) -> None:
        """Draw a level bar, which begins at 0 or at `left`."""
        self.x.ruler.tight.add(left)
        self.rectangle(left, y - height / 2.0, width, height, color=color)

    def rectangle(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        color: str,
        alpha: float | None = None,
        tip: str = "",
    ) -> None:
        """Draw a rectangle from its corner of the smallest numbers."""
        self._see([x, x + width], [y, y + height])
        self.marks.append(Box(x, y, width, height, color, alpha, tip=tip))

    def cells(self, matrix: Float, colours: Colours, tips: Sequence[Sequence[str]] = ()) -> None:
        """Draw a matrix, first row on top, as square cells, (n_rows, n_columns)."""
        n_rows, n_columns = matrix.shape
        self.set_xlim(-0.5, n_columns - 0.5)
        self.set_ylim(n_rows - 0.5, -0.5)
        self.aspect = n_rows / n_columns
        self.framed = False
        self.marks.append(Cells(matrix, colours, tips))

    def text(
        self, x: float, y: float, content: str, *, ha: str = "left", va: str = "baseline", color: str = "",
        fontsize: float = 9.0, within: str = "", linespacing: float = 1.2, bold: bool = False,
    ) -> None:  # fmt: skip
        """Write at a place; `within` says which of its numbers are shares of the panel: `x`, `xy` or none."""
        self.marks.append(Words(x, y, content, fontsize, ha, va, bold, color, within, linespacing))

    def set_title(self, title: str) -> None:
        """Write above the frame, in bold."""
        self.title = title

    def set_xlabel(self, label: str) -> None:
        """Name the numbers across."""
        self.x.label = label

    def set_ylabel(self, label: str, *, bold: bool = False) -> None:
        """Name the numbers upwards."""
        self.y.label, self.y.bold = label, bold

    def set_xlim(self, left: float | None = None, right: float | None = None) -> None:
        """Set the numbers at the left and right end; None leaves an end as it is."""
        _limit(self.x.ruler, left, right)

    def set_ylim(self, bottom: float | None = None, top: float | None = None) -> None:
        """Set the numbers at the lower and upper end; None leaves an end as it is."""
        _limit(self.y.ruler, bottom, top)

    def get_ylim(self) -> tuple[float, float]:
        """Return the numbers at the lower and upper end, of what was drawn so far."""
        return self.y.ruler.limits()

    def set_xticks(
        self,
        ticks: Iterable[float],
        labels: Iterable[str] | None = None,
        *,
        fontsize: float = 8.0,
        upright: bool = False,
    ) -> None:
        """Set the ticks across, with labels or the numbers themselves."""
        _ticks(self.x.ruler, ticks, labels, fontsize)
        self.x.ruler.upright = upright

    def set_yticks(
        self, ticks: Iterable[float], labels: Iterable[str] | None = None, *, fontsize: float = 8.0
    ) -> None:
        """Set the ticks upwards, with labels or the numbers themselves."""
        _ticks(self.y.ruler, ticks, labels, fontsize)

    def set_xscale(self, scale: str) -> None:
        """Make the numbers across `linear`, `log` or `sqrt`."""
        self.x.ruler.scale = scale

    def set_yscale(self, scale: str) -> None:
        """Make the numbers upwards `linear`, `log` or `sqrt`."""
        self.y.ruler.scale = scale

    def grid(self, *, axis: str = "both") -> None:
        """Draw faint lines at ticks, of both axes or of `x` or `y`."""
        self.x.grid = self.x.grid or axis in ("both", "x")
        self.y.grid = self.y.grid or axis in ("both", "y")

    def tick_params(self, *, axis: str = "both", length: float = 0.0) -> None:
        """Set the length of ticks."""
        for name, own in (("x", self.x), ("y", self.y)):
            if axis in ("both", name):
                own.tick = length

    def set_axis_off(self) -> None:
        """Draw nothing but texts and the legend."""
        self.shown = False

    def set_box_aspect(self, aspect: float) -> None:
        """Fix the height of the frame over its width."""
        self.aspect = aspect

    def legend(self, handles: Sequence[Handle], title: str, x: float) -> None:
        """Draw a legend below one another, from some share of the panel's width on."""
        self.side_legend = (handles, title, x)

    def _see(self, x: Any, y: Any) -> None:
        self.x.ruler.include(x)
        self.y.ruler.include(y)


def _limit(ruler: Ruler, first: float | None, last: float | None) -> None:
    ruler.first = ruler.first if first is None else float(first)
    ruler.last = ruler.last if last is None else float(last)


def _ticks(ruler: Ruler, ticks: Iterable[float], labels: Iterable[str] | None, size: float) -> None:
    ruler.ticks = tuple(float(tick) for tick in ticks)
    ruler.labels = None if labels is None else tuple(labels)
    ruler.size = size
