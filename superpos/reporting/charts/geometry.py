"""Measures of the target matrices over layers: the features beside every control and untrained weights."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from superpos.analysis.settings import main_targets
from superpos.kinds.measures import MEASURES
from superpos.reporting import svg
from superpos.reporting.looks import order_of, scheme_labels, scheme_of, target_style, weights_style
from superpos.reporting.selection import layers, targets
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import quartiles, records
from superpos.reporting.style import LineStyle, evenly, new_figure
from superpos.reporting.subjects import Subject
from superpos.reporting.svg import Figure, line_handle

COLUMNS = 4
"""Panels in a row."""

WORDS = {
    "distance_identity": "distance to orthogonal",
    "distance_simplex": "distance to the simplex",
    "etf_error": "error to the tight frame",
    "force_residual": "force left over",
    "force_residual_least": "least force left over",
    "force_residual_free": "force left over, any kernel",
    "label_npmi": "NPMI of labels",
    "label_phi": "phi of labels",
    "list_circle": "circle of the list",
    "list_lag": "distance in the list",
    "list_line": "line of the list",
    "mean_length": "length of the mean",
    "min_eigenvalue": "smallest eigenvalue",
    "rms_code": "rms to the best code",
    "rms_configuration": "rms to the matrix",
    "rms_even": "rms to equal entries",
    "rms_identity": "rms to orthogonal",
    "rms_orthoplex": "rms to antipodal pairs",
    "rms_simplex": "rms to the simplex",
    "value_median": "median of the entries",
    "value_q25": "lower quartile of the entries",
    "value_q75": "upper quartile of the entries",
}
"""What panels call measures whose names are short; every other one has its name."""


def in_words(measure: str) -> str:
    """Return a measure for people; behind a comma stands what it is a share of."""
    name, comma, rest = measure.partition(", ")
    return WORDS.get(name, name.replace("_", " ")) + comma + rest


class Panel(NamedTuple):
    """One measure, under one kernel and in one dimension where it has them."""

    measure: str
    kernel: str
    softening: float
    n_dims: int

    @property
    def title(self) -> str:
        """What stands above it."""
        where = [self.kernel] if self.kernel else []
        where += [f"ε = {self.softening:g}"] if self.softening else []
        where += [f"f = {self.n_dims}"] if self.n_dims else []
        return "\n".join(filter(None, (in_words(self.measure), ", ".join(where))))


class Geometry(NamedTuple):
    """Measures of the matrices of one similarity."""

    similarity: str
    panels: tuple[Panel, ...]
    layers: tuple[int, ...]
    groups: tuple[str, ...]
    """Kinds of target, and schemes of untrained weights last, by their names."""
    values: pd.DataFrame
    """Columns measure, kernel, softening, n_dims, group, layer, median, low, high, n_values; quartiles over
    replicates or seeds. What has a scale from its bound to orthogonal features is on that scale."""

    def table(self) -> pd.DataFrame:
        """Return one row a measure, group and layer."""
        return self.values.assign(similarity=self.similarity)


def geometry(
    data: StudyData, subject: Subject, similarity: str, in_dimensions: bool = False
) -> Geometry | None:
    """Return the measures of the subject's matrices; None where none was computed for the features.

    Those of the matrices as they are, or those of their nearest configurations in fewer dimensions.
    """
    own, others = (
        main_targets(
            _shown(rows[(rows["similarity"] == similarity) & ((rows["n_dims"] > 0) == in_dimensions)])
        )
        for rows in data.rows_of("geometry_results", subject)
    )
    if own[own["target"] == "features"].empty:
        return None
    others = others[others["target"] == "features"]
    rows = pd.concat([own.assign(group=own["target"].astype("str")), by_scheme(others)])
    axes = [*Panel._fields, "group", "layer"]
    panels = {Panel(*row) for row in records(rows, *Panel._fields)}
    return Geometry(
        similarity,
        tuple(sorted(panels, key=lambda panel: (order_of(MEASURES, panel.measure), *panel[1:]))),
        layers(rows),
        (*targets(own), *scheme_labels(others).values()),
        quartiles(rows.groupby(axes, sort=True)["value"]),
    )


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have a number to show, with the scaled one as their value where there is one."""
    scaled = rows.groupby("measure")["value_scaled"].transform("count") > 0
    return rows.assign(value=rows["value"].where(~scaled, rows["value_scaled"])).dropna(subset=["value"])


def draw_geometry(numbers: Geometry) -> Figure:
    """Draw a panel a measure; a line is a kind of target over layers, a point where there is one layer."""
    styles = {name: group_style(name) for name in numbers.groups}
    n_columns = evenly(len(numbers.panels), COLUMNS)
    n_rows = -(-len(numbers.panels) // n_columns)
    figure = new_figure(
        (1.55 if any(one.kernel or one.n_dims for one in numbers.panels) else 1.4) * n_rows + 0.75
    )
    axes = figure.subplots(n_rows, n_columns)
    for panel in axes.flat[len(numbers.panels) :]:
        panel.set_axis_off()
    parts = dict(iter(numbers.values.groupby([*Panel._fields, "group"], sort=False)))
    for place, (panel, shown) in enumerate(zip(axes.flat, numbers.panels, strict=False)):
        for name in reversed(numbers.groups):
            if (part := parts.get((*shown, name))) is not None:
                _draw_group(panel, part, styles[name], numbers)
        panel.set_title(shown.title)
        panel.grid(axis="y")
        if len(numbers.layers) > 1:
            panel.set_xticks(numbers.layers[:: max(1, len(numbers.layers) // 6)])
            panel.set_xlabel("layer" if place + n_columns >= len(numbers.panels) else "")
        else:
            panel.set_xticks([])
            panel.set_xlim(-0.6, len(numbers.groups) - 0.4)
    handles = [
        line_handle(color=s.colour, linestyle=s.dashes, linewidth=s.width, marker=s.marker, label=s.label)
        for s in styles.values()
    ]
    figure.legend(handles)
    return figure


def by_scheme(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of untrained weights, each scheme a group of its own."""
    return rows.assign(group=rows["model_weights"].astype("str").map(scheme_labels(rows)))


def group_style(name: str) -> LineStyle:
    """Return how a kind of target, or a scheme of untrained weights by its name, is drawn."""
    scheme = scheme_of(name)
    return target_style(name) if scheme is None else weights_style(scheme)


def _draw_group(axes: svg.Panel, rows: pd.DataFrame, style: LineStyle, numbers: Geometry) -> None:
    if len(numbers.layers) > 1:
        axes.fill_between(rows["layer"], rows["low"], rows["high"], color=style.colour, alpha=0.12)
        axes.plot(
            rows["layer"], rows["median"], color=style.colour, linestyle=style.dashes,
            linewidth=style.width, marker=style.marker, markersize=3.5,
        )  # fmt: skip
        return
    place = [numbers.groups.index(group) for group in rows["group"]]
    axes.vlines(place, rows["low"], rows["high"], color=style.colour, linewidth=1.4)
    axes.plot(place, rows["median"], color=style.colour, marker=style.marker, markersize=5, linestyle="")
