"""One look for every figure: colours that mean the same everywhere, sizes, files equal byte for byte.

Figures are 10.6 inches wide, about what the page shows at full width, so that 8 points stay 8 points.
Colours: Okabe and Ito for kernels, Tol's muted scheme for controls and outcomes; both are made for
colour-blind readers, and markers or line styles repeat what they say.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from superpos.arrays import Float

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 10.6
"""Inches."""
PNG_DPI = 130
MAX_TIPS = 24
"""Features up to which the cells of a matrix say what they are."""
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
    """Colour map of matplotlib."""
    ends: tuple[str, str]
    """Names of the colours of the lowest and of the highest value."""

    @property
    def text(self) -> str:
        """As captions say it."""
        return f"{self.low:g} ({self.ends[0]}) to {self.high:g} ({self.ends[1]})"


SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titley": 1.0,  # no search for a place
    "axes.labelsize": 9.0,
    "axes.edgecolor": "#7b8794",
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "text.color": INK,
    "text.parse_math": False,  # a feature may be named $x$
    "text.usetex": False,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
    "svg.hashsalt": "superpos",
    "path.simplify": True,
    "image.interpolation": "nearest",
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with this look, whatever the user's settings; a name that the font cannot show is no fault."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(cast("Any", SETTINGS))
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure that arranges its panels itself; it belongs to no global state."""
    from matplotlib.figure import Figure as MatplotlibFigure

    from superpos.reporting.layout import PanelLayout

    return MatplotlibFigure(figsize=(width, height), layout=PanelLayout())


def leave_room(axes: Axes, right: float = 0.0, top: float = 0.0, bottom: float = 0.0) -> None:
    """Leave room, in points, for what a panel of `new_figure` draws outside its frame.

    A number below 0 takes back room for labels that lie where there is room anyway.
    """
    from superpos.reporting.layout import Margins

    engine: Any = axes.figure.get_layout_engine()
    engine.extra[axes] = Margins(right=right, top=top, bottom=bottom)


def colour_bar(figure: Figure, image: Any, label: str, share: float) -> None:
    """Put a colour bar right of the panels of `new_figure`, over a share of their height."""
    low, high = image.get_clim()
    axes = figure.add_axes((0.9, 0.1, 0.02, 0.8))
    steps = [[step / 255] for step in range(256)]
    # One image: the library's own bar is hundreds of pieces in an SVG.
    axes.imshow(
        steps, cmap=image.get_cmap(), vmin=0.0, vmax=1.0, extent=(0.0, 1.0, low, high), origin="lower",
        aspect="auto", interpolation="nearest",
    )  # fmt: skip
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.set_ylabel(label)
    for spine in axes.spines.values():
        spine.set_visible(False)
    engine: Any = figure.get_layout_engine()
    engine.bar = (axes, share)


def new_grid(rows: int, columns: int, panel_height: float, head: float) -> tuple[Figure, Any]:
    """Return a figure with a regular grid of panels that share x axes, and y axes by row.

    Margins are fixed, in inches, `head` of them for legend and titles: measuring the labels of many small
    panels takes longer than drawing them.
    """
    from matplotlib.figure import Figure as MatplotlibFigure

    left, right, bottom, gap = 0.78, 0.08, 0.52, 0.16
    height = head + rows * (panel_height + gap) - gap + bottom
    figure = MatplotlibFigure(figsize=(WIDTH, height))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey="row")
    figure.subplots_adjust(
        left=left / WIDTH,
        right=1.0 - right / WIDTH,
        bottom=bottom / height,
        top=1.0 - head / height,
        wspace=gap * columns / (WIDTH - left - right - gap * (columns - 1)),
        hspace=gap / panel_height,
    )
    panel_width = (WIDTH - left - right - gap * (columns - 1)) / columns
    for panel in axes.flat:  # where the labels are put is known too
        panel.xaxis.set_label_coords(0.5, -0.24 / panel_height)
        panel.yaxis.set_label_coords(-0.36 / panel_width, 0.5)
    return figure, axes


def save(figure: Figure) -> tuple[bytes, bytes]:
    """Return a figure as PNG and as SVG, without date or program."""
    from superpos.reporting.render import encode
    from superpos.reporting.vector import add_point_tips

    add_point_tips(figure)
    return encode(figure, PNG_DPI)


def power_label(value: float, position: int | None = None) -> str:  # noqa: ARG001 (matplotlib's signature)
    """Return a tick label of a log axis: 0.01 to 100 as they are, beyond as 10⁻³."""
    if value == 0.0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = math.log10(abs(value))
    if abs(exponent - round(exponent)) > 1e-6 or -2 <= exponent <= 2:
        return f"{value:g}"
    return (
        ("-" if value < 0 else "")
        + "10"
        + str(round(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    )


def log_axis(axis: Any) -> None:
    """Label the major ticks of a log axis without mathematical markup, and its minor ones not at all."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(power_label))
    axis.set_minor_formatter(NullFormatter())


def sigma_positions(sigmas: Sequence[float]) -> dict[float, float]:
    """Return a place on a log10 axis for every sigma; sigma 0 stands a gap left of the smallest other one."""
    positive = sorted(sigma for sigma in sigmas if sigma > 0.0)
    places = {sigma: math.log10(sigma) for sigma in positive}
    width = places[positive[-1]] - places[positive[0]] if len(positive) > 1 else 4.0
    gap = max(0.25 * width, 0.5)
    if any(sigma == 0.0 for sigma in sigmas):
        places[0.0] = (places[positive[0]] if positive else 0.0) - gap
    return places


def sigma_axis(panels: Any, places: dict[float, float]) -> None:
    """Put the sigmas on the x axis that the panels share: as many labels as fit, and a break after 0."""
    ordered = sorted(places)
    kept: list[float] = []
    span = max(places.values()) - min(places.values()) or 1.0
    for sigma in ordered:
        if not kept or places[sigma] - places[kept[-1]] >= 0.16 * span:
            kept.append(sigma)
    first = panels.flat[0]
    first.set_xticks([places[sigma] for sigma in kept], [f"{sigma:g}" for sigma in kept])
    if len(kept) < len(ordered):
        first.set_xticks([places[sigma] for sigma in ordered], minor=True)
    first.set_xlim(min(places.values()) - 0.06 * span, max(places.values()) + 0.06 * span)
    if 0.0 in places and len(ordered) > 1:
        middle = (places[0.0] + places[ordered[1]]) / 2
        for axes in panels.flat:
            axes.axvline(middle, color=GRID, linewidth=4.0, zorder=0)


def from_zero(axes: Axes) -> None:
    """Let the y axis begin just below 0, so that points at 0 are whole; last, for it ends the scaling."""
    axes.set_ylim(bottom=-0.025 * axes.get_ylim()[1])


def heat_map(axes: Axes, matrix: Float, scale: Scale, names: Sequence[str] = ()) -> Any:
    """Draw a similarity matrix on the scale of its similarity; with names, its cells say what they are."""
    from superpos.reporting.vector import add_cell_tips

    image = axes.imshow(
        matrix, vmin=scale.low, vmax=scale.high, cmap=scale.colours, aspect="equal", interpolation="nearest"
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    if 0 < len(names) <= MAX_TIPS:
        texts = [[f"{a} – {b}: {matrix[i, j]:.3f}" for j, b in enumerate(names)] for i, a in enumerate(names)]
        add_cell_tips(axes, texts)
    return image


def name_ticks(axis: Any, names: Sequence[str], limit: int = 28, **text: Any) -> None:
    """Name the rows or columns of a matrix; a set larger than `limit` is numbered by tens."""
    if len(names) <= limit:
        axis.set_ticks(range(len(names)), [shorten(name) for name in names], **text)
    else:
        axis.set_ticks(range(0, len(names), 10), [str(index) for index in range(0, len(names), 10)])
    axis.set_tick_params(length=0)


def shorten(name: str, limit: int = 32) -> str:
    """Return a name of at most `limit` characters on one line."""
    line = " ".join(name.split()) or "(empty)"
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
