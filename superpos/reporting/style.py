"""One look for every figure: colours that mean the same everywhere, sizes, files equal byte for byte.

Figures are 10.6 inches wide, about what the page shows at full width, so that 8 points stay 8 points.
Colours: Okabe and Ito for kernels, Tol's muted scheme for controls and outcomes; both are made for
colour-blind readers, and markers or line styles repeat what they say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from superpos.arrays import Float
from superpos.reporting.svg import Colours, Figure, Margins, Panel
from superpos.specs.axes import SPHERE_SIGMA
from superpos.specs.block_tables import SPHERE

WIDTH = 10.6
"""Inches."""
MAX_TIPS = 24
"""Features up to which the cells of a matrix say what they are."""
MAX_NAMES = 28
"""Features up to which the rows of a matrix are named."""
NAME_PITCH = 7.5
"""Points from one name of a row of a matrix to the next, at least."""
TICK_PITCH = 17.0
"""Points from the number of one layer to the next, at least."""
LONGEST_ROW = 44
"""Characters of the name of a row: a set, where its directions are, how they were found."""
INK = "#1f2933"
FAINT = "#9aa5b1"
GRID = "#e4e7eb"
OUTCOME_COLOURS = {
    "converged": "#117733",
    "polished": "#44AA99",
    "corner": "#AA4499",
    "max_iter": "#88CCEE",
    "stalled": "#DDCC77",
    "unbounded": "#CC6677",
    "non_finite": "#882255",
    "strict": "#117733",
    "degenerate": "#44AA99",
    "saddle": "#DDCC77",
    "not_critical": "#CC6677",
    "not_applicable": "#C4CAD0",
}
STATUSES = ("converged", "max_iter", "stalled", "unbounded", "non_finite")
JOINT_STATUSES = ("converged", "polished", "max_iter", "stalled", "corner", "unbounded", "non_finite")
VERDICTS = ("strict", "degenerate", "saddle", "not_critical", "not_applicable")


class LineStyle(NamedTuple):
    """How a line of a figure is drawn."""

    label: str
    colour: str
    dashes: Any
    width: float
    marker: str


class Scale(NamedTuple):
    """Colours of a matrix of similarities."""

    low: float
    high: float
    colours: str
    """A name that `superpos.reporting.svg.colours` knows."""
    ends: tuple[str, str]
    """Names of the colours of the lowest and of the highest value."""

    def on(self) -> Colours:
        """Return the colours over the range."""
        return Colours(self.colours, self.low, self.high)

    @property
    def text(self) -> str:
        """As captions say it."""
        return f"{self.low:g} ({self.ends[0]}) to {self.high:g} ({self.ends[1]})"


def evenly(n: int, most: int) -> int:
    """Return how many of n panels stand side by side: in as few rows as `most` allow, filled alike."""
    n_rows = max(1, -(-n // most))
    return max(1, -(-n // n_rows))


def layer_ticks(layers: Sequence[int], n_columns: int) -> list[int]:
    """Return the layers that an axis names in one of several panels side by side, as many as have room."""
    room = 72.0 * (WIDTH / n_columns - 0.5)
    return list(layers)[:: max(1, math.ceil(len(layers) * TICK_PITCH / room))]


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure of some inches that arranges its panels itself."""
    return Figure(width, height)


def leave_room(panel: Panel, right: float = 0.0, top: float = 0.0, bottom: float = 0.0) -> None:
    """Leave room, in points, for what a panel draws outside its frame.

    A number below 0 takes back room for labels that lie where there is room anyway.
    """
    panel.extra = Margins(right=right, top=top, bottom=bottom)


def sigma_positions(sigmas: Sequence[float]) -> dict[float, float]:
    """Return a place on a log10 axis for every sigma; sigma 0 stands a gap left of the smallest other one."""
    positive = sorted(sigma for sigma in sigmas if sigma > 0.0)
    places = {sigma: math.log10(sigma) for sigma in positive}
    width = places[positive[-1]] - places[positive[0]] if len(positive) > 1 else 4.0
    gap = max(0.25 * width, 0.5)
    if any(sigma == 0.0 for sigma in sigmas):
        places[0.0] = (places[positive[0]] if positive else 0.0) - gap
    return places


def sigma_label(sigma: float) -> str:
    """Return a perturbation for people: the one that leaves nothing of where it started has a name."""
    return SPHERE if sigma == SPHERE_SIGMA else f"{sigma:g}"


def sigma_axis(panels: Any, places: dict[float, float]) -> None:
    """Put the sigmas on the x axis that the panels share: as many labels as fit, and a break after 0."""
    ordered = sorted(places)
    kept: list[float] = []
    span = max(places.values()) - min(places.values()) or 1.0
    for sigma in ordered:
        if not kept or places[sigma] - places[kept[-1]] >= 0.16 * span:
            kept.append(sigma)
    first: Panel = panels.flat[0]
    first.set_xticks([places[sigma] for sigma in kept], list(map(sigma_label, kept)))
    if len(kept) < len(ordered):
        first.x.ruler.minor = tuple(places[sigma] for sigma in ordered)
    first.set_xlim(min(places.values()) - 0.06 * span, max(places.values()) + 0.06 * span)
    if 0.0 in places and len(ordered) > 1:
        middle = (places[0.0] + places[ordered[1]]) / 2
        for panel in panels.flat:
            panel.axvline(middle, color=GRID, linewidth=4.0, zorder=0)


def from_zero(panel: Panel) -> None:
    """Let the y axis begin just below 0, so that points at 0 are whole; last, for it ends the scaling."""
    top = panel.get_ylim()[1]
    panel.set_ylim(-0.025 * top, top)


def heat_map(panel: Panel, matrix: Float, scale: Scale, names: Sequence[str] = ()) -> None:
    """Draw a similarity matrix on the scale of its similarity; with names, its cells say what they are."""
    tips: Sequence[Sequence[str]] = ()
    if 0 < len(names) <= MAX_TIPS:
        rows = matrix.tolist()
        tips = [[f"{a} – {b}: {rows[i][j]:.3f}" for j, b in enumerate(names)] for i, a in enumerate(names)]
    panel.cells(matrix, scale.on(), tips)
    panel.set_xticks([])
    panel.set_yticks([])


def name_ticks(
    panel: Panel, names: Sequence[str], inches: float, *, rows: bool = False, columns: bool = False
) -> None:
    """Name rows or columns of a matrix some inches wide, as many as there is room for.

    One larger than `MAX_NAMES` has numbers at some ten places.
    """
    if len(names) <= MAX_NAMES:
        step = max(1, math.ceil(len(names) * NAME_PITCH / (72.0 * inches)))
        ticks = list(range(0, len(names), step))
        labels = [shorten(names[tick]) for tick in ticks]
    else:
        ticks = list(range(0, len(names), max(10, 10 * round(len(names) / 100))))
        labels = [str(index) for index in ticks]
    if rows:
        panel.set_yticks(ticks, labels)
        panel.tick_params(axis="y")
    if columns:
        panel.set_xticks(ticks, labels, upright=len(names) <= MAX_NAMES)
        panel.tick_params(axis="x")


MANY_ROWS = 12
"""Sets above which the rows of a figure are set closer."""


def row_heights(n_rows: int, n_controls: int) -> tuple[float, float]:
    """Return the inches between the controls of a row, and between rows."""
    step, least = (0.16, 0.5) if n_rows <= MANY_ROWS else (0.1, 0.25)
    return step, max(least, step * (n_controls + 1.5))


SEPARATOR = " · "
"""Between the parts of a subject's label."""


def row_names(labels: Sequence[str]) -> list[str]:
    """Return names of rows: the labels of subjects without what all of them share, shortened."""
    parts = [label.split(SEPARATOR) for label in labels]
    shared = set.intersection(*map(set, parts)) if len(labels) > 1 else set()
    return [
        shorten(SEPARATOR.join(p for p in own if p not in shared) or own[0], LONGEST_ROW) for own in parts
    ]


def shorten(name: str, limit: int = 32) -> str:
    """Return a name of at most `limit` characters on one line."""
    line = " ".join(name.split()) or "(empty)"
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
