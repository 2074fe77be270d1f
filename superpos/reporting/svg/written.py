"""A panel as elements: marks within its frame, then frame, ticks and texts around it."""

from __future__ import annotations

from collections.abc import Sequence

from superpos.reporting.svg.legend import beside
from superpos.reporting.svg.marks import Line, Place, Words
from superpos.reporting.svg.panel import FRAME, LABEL, NOTE, NOTE_ROOM, TITLE, Panel
from superpos.reporting.svg.text import LINE, number, text

TICKS, RULES = "#1f2933", "#e4e7eb"
"""Colours of ticks, and of the lines of a grid."""
MAX_POINTS = 200
"""Points of a line up to which each says where it is."""


def written(
    panel: Panel, left: float, top: float, width: float, height: float, offsets: tuple[float, float]
) -> str:
    """Return a panel within a frame, its axis labels `offsets` from the left and lower edge."""
    across: Place = lambda values: (width * panel.x.ruler.places(values)).tolist()  # noqa: E731
    up: Place = lambda values: (height * (1.0 - panel.y.ruler.places(values))).tolist()  # noqa: E731
    size = (width, height)
    found = [f'<g transform="translate({number(left)} {number(top)})">']
    if panel.shown:
        _tell(panel)
        ordered = sorted(panel.marks, key=lambda mark: mark.z)
        clipped = [mark for mark in ordered if not isinstance(mark, Words)]
        below = "".join(mark.draw(across, up, size) for mark in clipped if mark.z <= 0.0)
        above = "".join(mark.draw(across, up, size) for mark in clipped if mark.z > 0.0)
        ticks, rules = _ticks(panel, across, up, size)
        inner = below + rules + above
        if inner:
            found.append(f'<svg width="{number(width)}" height="{number(height)}">{inner}</svg>')
        found.append(ticks)
        found += [mark.draw(across, up, size) for mark in ordered if isinstance(mark, Words)]
        found.append(_labels(panel, size, offsets))
    if panel.side_legend is not None:
        handles, title, x = panel.side_legend
        found.append(beside(handles, title, x * width, height / 2.0))
    return "".join((*found, "</g>"))


def _ticks(panel: Panel, across: Place, up: Place, size: tuple[float, float]) -> tuple[str, str]:
    """Return frame, ticks and their labels, and the lines of the grid."""
    width, height = size
    x_ticks, x_labels = panel.x.ruler.named(width, upright=False)
    y_ticks, y_labels = panel.y.ruler.named(height, upright=True)
    at_x, at_y = across(x_ticks), up(y_ticks)
    rules = "".join(f"M{number(x)} 0v{number(height)}" for x in at_x) if panel.x.grid else ""
    rules += "".join(f"M0 {number(y)}h{number(width)}" for y in at_y) if panel.y.grid else ""
    found = ""
    if panel.framed:
        edges = f"M0 0V{number(height)}H{number(width)}"
        found += f'<path d="{edges}" fill="none" stroke="{FRAME}" stroke-width="0.7"/>'
    marks = "".join(f"M{number(x)} {number(height)}v{panel.x.tick:g}" for x in at_x) if panel.x.tick else ""
    marks += "".join(f"M0 {number(y)}h{-panel.y.tick:g}" for y in at_y) if panel.y.tick else ""
    if panel.x.ruler.minor and panel.x.tick:
        marks += "".join(f"M{number(x)} {number(height)}v2" for x in across(panel.x.ruler.minor))
    if marks:
        found += f'<path d="{marks}" stroke="{TICKS}" stroke-width="0.7"/>'
    if panel.x.named:
        lead, y_size = panel.x.tick + 3.0, panel.x.ruler.size
        for x, label in zip(at_x, x_labels, strict=True):
            if label and panel.x.ruler.upright:
                found += text(x + 0.36 * y_size, height + lead, label, y_size, ha="right", upright=True)
            elif label:
                found += text(x, height + lead, label, y_size, ha="center", va="top")
    if panel.y.named:
        for y, label in zip(at_y, y_labels, strict=True):
            if label:
                found += text(-panel.y.tick - 3.0, y, label, panel.y.ruler.size, ha="right", va="center")
    faint = f'<path d="{rules}" stroke="{RULES}" stroke-width="0.7"/>' if rules else ""
    return found, faint


def _labels(panel: Panel, size: tuple[float, float], offsets: tuple[float, float]) -> str:
    """Return title, note and the labels of the axes."""
    width, height = size
    left, below = offsets
    found = ""
    lift = 5.0
    if panel.note:
        found += text(width / 2.0, -lift, panel.note, NOTE, ha="center", va="bottom")
        lift += NOTE_ROOM + LINE * NOTE * panel.note.count("\n")
    if panel.title:
        found += text(width / 2.0, -lift, panel.title, TITLE, ha="center", va="bottom", bold=True)
    if panel.x.label:
        found += text(
            width / 2.0, height + below, panel.x.label, LABEL, ha="center", va="top", bold=panel.x.bold
        )
    if panel.y.label:
        found += text(
            -left,
            height / 2.0,
            panel.y.label,
            LABEL,
            ha="center",
            va="top",
            bold=panel.y.bold,
            upright=True,
        )
    return found


def _tell(panel: Panel) -> None:
    """Let the markers of lines that were given no text say where they are."""
    names = [
        " ".join(name.split()) for name in (panel.title.replace("\n", ", "), panel.x.label, panel.y.label)
    ]
    for mark in panel.marks:
        if isinstance(mark, Line) and mark.marker and not mark.tips and mark.x.size <= MAX_POINTS:
            pairs = zip(mark.x.tolist(), mark.y.tolist(), strict=True)
            mark.tips = [_where(names, x, y) for x, y in pairs]


def _where(names: Sequence[str], x: float, y: float) -> str:
    title, across, up = names
    place = f"{across or 'x'} {x:.4g}, {up or 'y'} {y:.4g}"
    return f"{title}: {place}" if title else place
