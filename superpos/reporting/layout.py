"""Where the panels of a figure lie: margins from the sizes of the labels, each measured once.

    margin of a row or column of panels = the largest of its panels' tick labels, axis labels and titles
    inner sizes = what is left of the figure, shared out by the ratios of the grid

Matplotlib's own engines measure every tick of every panel several times over, which takes longer than
drawing. Here a text is measured once for all figures, and the labels of axes are put in place, so that
drawing does not look for a place either.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import LayoutEngine

LINE = 1.2
"""Height of a line of text over its font size."""
TICK = 7.5
"""Points from the frame to a tick label."""
PAD = 4.0
"""Points between a tick label and an axis label, and around a panel."""
BAR_WIDTH = 9.0
BAR_GAP = 12.0


class Margins(NamedTuple):
    """Points that a panel needs outside its frame."""

    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    top: float = 0.0


class PanelLayout(LayoutEngine):
    """Places the panels of one regular grid, a colour bar right of them and a legend above them."""

    _adjust_compatible = False
    _colorbar_gridspec = False

    def __init__(self) -> None:
        super().__init__()
        self.extra: dict[Axes, Margins] = {}
        """Further room for what a panel draws outside its frame; below 0 for labels with room elsewhere."""
        self.bar: tuple[Axes, float] | None = None
        """Axes of the colour bar, and its length over the height of the panels."""

    def execute(self, fig: Any) -> None:
        """Place everything."""
        panels = [axes for axes in fig.axes if axes.get_subplotspec() is not None]
        grid = panels[0].get_subplotspec().get_gridspec()
        margins = {axes: self._margins(axes) for axes in panels}
        width, height = (72.0 * size for size in fig.get_size_inches())
        bar = Margins() if self.bar is None else _decorations(self.bar[0])
        bar_width = 0.0 if self.bar is None else BAR_GAP + BAR_WIDTH + bar.right
        spans = {axes: (_span(axes, "col"), _span(axes, "row")) for axes in panels}
        columns = _places(
            ((spans[axes][0], margins[axes].left, margins[axes].right) for axes in panels),
            grid.get_width_ratios() or [1.0] * grid.ncols,
            1.5 * PAD,
            width - 1.5 * PAD - bar_width,
        )
        rows = _places(
            ((spans[axes][1], margins[axes].top, margins[axes].bottom) for axes in panels),
            grid.get_height_ratios() or [1.0] * grid.nrows,
            PAD + legend_height(fig),
            height - PAD,
        )
        for axes in panels:
            (first, last), (upper, lower) = spans[axes]
            left, right = columns[first][0], columns[last][1]
            top, bottom = rows[upper][0], rows[lower][1]
            axes.set_position(
                (left / width, 1.0 - bottom / height, (right - left) / width, (bottom - top) / height)
            )
            axes.apply_aspect()
            put_labels(axes, margins[axes], self.extra.get(axes, Margins()), width, height)
        if self.bar is not None:
            axes, share = self.bar
            top, bottom = rows[0][0], rows[-1][1]
            length = share * (bottom - top)
            start = 1.0 - ((top + bottom) / 2 + length / 2) / height
            axes.set_position(
                (
                    (width - 1.5 * PAD - bar.right - BAR_WIDTH) / width,
                    start,
                    BAR_WIDTH / width,
                    length / height,
                )
            )
            offset = bar.right - _text_height(axes.yaxis.label)
            axes.yaxis.set_label_coords(1.0 + offset / BAR_WIDTH, 0.5)
            axes.yaxis.label.set_verticalalignment("top")

    def _margins(self, axes: Axes) -> Margins:
        extra = self.extra.get(axes, Margins())
        if not axes.axison:
            return extra
        return Margins(*(max(0.0, own + more) for own, more in zip(_decorations(axes), extra, strict=True)))


def put_labels(axes: Axes, margins: Margins, extra: Margins, width: float, height: float) -> None:
    """Put the axis labels at the outer end of a panel's margins; the figure's size is in points."""
    box = axes.get_position()
    if axes.get_xlabel():
        offset = margins.bottom - extra.bottom - _text_height(axes.xaxis.label)
        axes.xaxis.set_label_coords(0.5, -offset / (box.height * height))
    if axes.get_ylabel():
        offset = margins.left - extra.left - _text_height(axes.yaxis.label)
        axes.yaxis.set_label_coords(-offset / (box.width * width), 0.5)


def legend_height(figure: Figure) -> float:
    """Return the points that the legend at the top takes, one line; 0 where there is none."""
    if not figure.legends:
        return 0.0
    return 1.25 * _text_height(figure.legends[0].get_texts()[0]) + 2 * PAD


def _decorations(axes: Axes) -> Margins:
    """Return the room for ticks, labels and title of a panel."""
    x_labels = [label for label in axes.xaxis.get_ticklabels() if label.get_text()]
    y_labels = [label for label in axes.yaxis.get_ticklabels() if label.get_text()]
    bottom = max((_extent(label)[1] + TICK for label in x_labels), default=0.0)
    side = max((_extent(label)[0] + TICK for label in y_labels), default=0.0)
    if axes.get_xlabel():
        bottom += PAD + _text_height(axes.xaxis.label)
    if axes.get_ylabel():
        side += PAD + _text_height(axes.yaxis.label)
    top = 0.0
    if axes.get_title():
        drawn: Any = axes
        top = float(drawn.titleOffsetTrans.get_matrix()[1, 2]) * 72.0 / drawn.figure.dpi
        top += _text_height(axes.title)
    half = max((_extent(label)[0] / 2 for label in x_labels[-1:]), default=0.0)
    if axes.yaxis.get_ticks_position() == "right":
        return Margins(0.0, side, bottom, top)
    return Margins(side, 0.5 * half, bottom, top)


def _places(
    needs: Iterable[tuple[tuple[int, int], float, float]], ratios: Any, start: float, stop: float
) -> list[tuple[float, float]]:
    """Return where each row or column of frames begins and ends, between `start` and `stop`."""
    before, after = [0.0] * len(ratios), [0.0] * len(ratios)
    for (first, last), one, other in needs:
        before[first], after[last] = max(before[first], one), max(after[last], other)
    gaps = 2 * PAD * (len(ratios) - 1)
    unit = max(stop - start - sum(before) - sum(after) - gaps, 10.0) / sum(ratios)
    places, position = [], start
    for index, ratio in enumerate(ratios):
        position += before[index]
        places.append((position, position + unit * ratio))
        position += unit * ratio + after[index] + 2 * PAD
    return places


def _span(axes: Axes, kind: str) -> tuple[int, int]:
    span = getattr(axes.get_subplotspec(), f"{kind}span")
    return span.start, span.stop - 1


def _extent(text: Any) -> tuple[float, float]:
    """Return width and height of a text in points, level or upright."""
    width, height = text_size(text.get_text(), text.get_size(), text.get_weight() == "bold")
    return (height, width) if text.get_rotation() == 90.0 else (width, height)


def _text_height(text: Any) -> float:
    return LINE * float(text.get_size()) * (str(text.get_text()).count("\n") + 1)


@cache
def text_size(text: str, size: float, bold: bool) -> tuple[float, float]:
    """Return width and height of a text of one or several lines, in points."""
    font = FontProperties(size=size, weight="bold" if bold else "normal")
    lines = text.split("\n")
    widths = [_renderer().get_text_width_height_descent(line, font, ismath=False)[0] for line in lines]
    return max(widths), LINE * size * len(lines)


@cache
def _renderer() -> Any:
    untyped: Any = RendererAgg
    return untyped(1, 1, 72)
