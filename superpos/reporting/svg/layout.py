"""Where the panels of a figure lie: margins from the sizes of their texts.

margin of a row or column of panels = the largest of its panels' tick labels, axis labels and titles
inner sizes = what is left of the figure, shared out by the ratios of the grid
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from superpos.reporting.svg.panel import LABEL, NOTE, NOTE_ROOM, TITLE, Axis, Margins, Panel
from superpos.reporting.svg.text import LINE, text_size

TICK = 7.5
"""Points from the frame to a tick label."""
PAD = 4.0
"""Points between a tick label and an axis label, and around a panel."""
EDGE = 1.5 * PAD
"""Points that stay free at the left and right edge of a figure."""


class Frame(NamedTuple):
    """Where a panel's frame lies, from the upper left corner of the figure, and its labels from the frame."""

    left: float
    top: float
    width: float
    height: float
    offsets: tuple[float, float]
    """Points from the left edge to the outer side of the label, and from the lower edge to its upper side."""


def placed(
    panels: Sequence[Panel],
    width: float,
    height: float,
    head: float,
    right: float,
    ratios: tuple[Sequence[float], Sequence[float]],
) -> dict[Panel, Frame]:
    """Return the frames of panels below a legend of `head` points, left of `right` points.

    `ratios` are those of the heights of the rows and of the widths of the columns.
    """
    guess = (width / len(ratios[1]), height / len(ratios[0]))
    margins = {panel: _margins(panel, guess) for panel in panels}
    columns = _places(
        ((panel.span[2:], margins[panel].left, margins[panel].right) for panel in panels),
        ratios[1], EDGE, width - EDGE - right,
    )  # fmt: skip
    rows = _places(
        ((panel.span[:2], margins[panel].top, margins[panel].bottom) for panel in panels),
        ratios[0], PAD + head, height - PAD,
    )  # fmt: skip
    found = {}
    for panel in panels:
        span, need = panel.span, margins[panel]
        left, stop = columns[span.first_column][0], columns[span.last_column][1]
        top, bottom = rows[span.first_row][0], rows[span.last_row][1]
        own_width, own_height = stop - left, bottom - top
        if panel.aspect is not None:
            fitted = min(own_width, own_height / panel.aspect)
            left += (own_width - fitted) / 2.0
            if panel.anchor != "N":
                top += (own_height - fitted * panel.aspect) / 2.0
            own_width, own_height = fitted, fitted * panel.aspect
        below = need.bottom - panel.extra.bottom - (_lines(panel.x) if panel.x.label else 0.0)
        found[panel] = Frame(left, top, own_width, own_height, (need.left - panel.extra.left, below))
    return found


def _margins(panel: Panel, guess: tuple[float, float]) -> Margins:
    """Return the room that a panel needs outside its frame."""
    extra = panel.extra
    if not panel.shown:
        return extra
    x_labels = (
        [one for one in panel.x.ruler.named(guess[0], upright=False)[1] if one] if panel.x.named else []
    )
    y_labels = [one for one in panel.y.ruler.named(guess[1], upright=True)[1] if one] if panel.y.named else []
    x_sizes = [text_size(one, panel.x.ruler.size) for one in x_labels]
    y_sizes = [text_size(one, panel.y.ruler.size) for one in y_labels]
    upright = panel.x.ruler.upright
    bottom = max((across if upright else up for across, up in x_sizes), default=0.0)
    bottom += TICK if x_sizes else (4.0 if panel.x.tick else 0.0)
    side = max((across for across, _ in y_sizes), default=0.0)
    side += TICK if y_sizes else (4.0 if panel.y.tick else 0.0)
    if panel.x.label:
        bottom += PAD + _lines(panel.x)
    if panel.y.label:
        side += PAD + _lines(panel.y)
    top = 6.0 + LINE * TITLE * (panel.title.count("\n") + 1) if panel.title else 3.0
    top += NOTE_ROOM + 1.0 + LINE * NOTE * panel.note.count("\n") if panel.note else 0.0
    half = 0.0 if upright else max((across / 2.0 for across, _ in x_sizes[-1:]), default=0.0)
    own = Margins(side, 0.5 * half, bottom, top)
    return Margins(*(max(0.0, one + more) for one, more in zip(own, extra, strict=True)))


def _lines(axis: Axis) -> float:
    return LINE * LABEL * (axis.label.count("\n") + 1)


def _places(
    needs: Iterable[tuple[tuple[int, ...], float, float]], ratios: Sequence[float], start: float, stop: float
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
