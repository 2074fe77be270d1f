"""Distances over sigma: medians and quartiles of best matches over layers and replicates.

For each kernel, kind of target and sigma, over the best matches of all layers and replicates, each chosen
among the (n_dims, lambda_d) that every sigma and kind of target was run at:

    median, lower and upper quartile (linear interpolation), number of values

An exact optimiser moves the same whatever sigma, and for f >= n - 1 the minimum may be the regular simplex
whatever the target; so distances to the target stand beside those to the joint optimum, to the end at
sigma 0, to the simplex and to the identity.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis.best_match import best_matches
from superpos.analysis.settings import balanced
from superpos.reporting.looks import target_style
from superpos.reporting.selection import POWELL, common_grid, describe_setting, kernels, layers, targets
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import FIT_GROUP_AXES, quartiles
from superpos.reporting.style import (
    LineStyle,
    from_zero,
    new_figure,
    sigma_axis,
    sigma_positions,
)
from superpos.reporting.subjects import Subject
from superpos.reporting.svg import Figure, Handle, Panel, line_handle, patch_handle

QUANTITIES = {
    "distance_joint": LineStyle("joint optimum to target", "#7b8794", (0, (1, 1.2)), 1.6, ""),
    "distance_start": LineStyle("perturbed start to target", "#56B4E9", (0, (4, 1.5)), 1.5, "s"),
    "distance_final": LineStyle("end to target", "#111827", "-", 2.2, "o"),
    "distance_simplex": LineStyle("end to regular simplex", "#CC79A7", (0, (4, 1.5, 1, 1.5)), 1.4, "v"),
    "distance_identity": LineStyle("end to identity", "#B8860B", (0, (2, 1.2)), 1.4, "D"),
}
COMPARED = {
    "distance_final": "end to target",
    "distance_moved": "moved: end to joint optimum\n(at σ = 0: the drift)",
    "distance_return": "return: end to end at σ = 0",
}
NOISE_COLOUR = "#44AA99"
MAX_BANDS = 2
"""Kinds of target up to which each has its quartiles drawn; of more, the features only."""
MIN_SWEEP = 5
"""Positive sigmas from which a layer of its own gets a sweep figure."""


class Line(NamedTuple):
    """One quantity of one kind of target over sigma."""

    kernel: str
    target: str
    quantity: str
    sigmas: tuple[float, ...]
    median: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n_values: tuple[int, ...]


class Distances(NamedTuple):
    """Lines of one similarity."""

    similarity: str
    kernels: tuple[str, ...]
    targets: tuple[str, ...]
    layers: tuple[int, ...]
    lines: tuple[Line, ...]
    setting: str
    noise: float = float("nan")
    """Noise level of the features target in the units of the distance; NaN where it is not known."""

    def table(self) -> pd.DataFrame:
        """Return one row a point."""
        rows = [
            (self.similarity, line.kernel, line.target, line.quantity, *point)
            for line in self.lines
            for point in zip(line.sigmas, line.median, line.low, line.high, line.n_values, strict=True)
        ]
        columns = ["similarity", "kernel", "target", "quantity", "sigma", "median", "low", "high", "n_values"]
        return pd.DataFrame(rows, columns=columns)


def distances(
    data: StudyData, subject: Subject, similarity: str, optimiser: str = POWELL
) -> Distances | None:
    """Return an optimiser's distances over sigma at all layers; None where there are none."""
    rows = _rows(data, subject, similarity, optimiser)
    return None if rows.empty else _with_noise(data, balanced(rows), similarity)


def sweep(data: StudyData, subject: Subject, similarity: str, optimiser: str = POWELL) -> Distances | None:
    """Return the distances of the layer that has more sigmas than the others; None where there is none."""
    rows = _rows(data, subject, similarity, optimiser)
    if rows.empty:
        return None
    counts = rows[rows["sigma"] > 0.0].groupby("layer")["sigma"].nunique().sort_index()
    if counts.empty or counts.max() < MIN_SWEEP or (counts == counts.max()).all():
        return None
    own = rows[rows["layer"] == counts.idxmax()]
    swept = own.groupby("target")["sigma"].transform("nunique") == own["sigma"].nunique()
    return _with_noise(data, own[swept.to_numpy()], similarity)


def _with_noise(data: StudyData, rows: pd.DataFrame, similarity: str) -> Distances:
    return summarise(rows, similarity)._replace(noise=noise_distance(data, rows))


def noise_distance(data: StudyData, rows: pd.DataFrame) -> float:
    """Return the distance over all n^2 entries that corresponds to the noise level of the features targets.

    sqrt(mean over targets of noise^2 n (n - 1)); NaN where no target has a noise level.
    """
    own = rows[rows["target"] == "features"].drop_duplicates("psm_key")
    n = own["n_features"].to_numpy(np.float64)
    squares = data.noise.reindex(own["psm_key"]).to_numpy(np.float64) ** 2 * n * (n - 1.0)
    known = squares[np.isfinite(squares)]
    return float(np.sqrt(np.mean(known))) if known.size else float("nan")


def summarise(rows: pd.DataFrame, similarity: str) -> Distances:
    """Return medians and quartiles of rows of `best_matches` of one similarity."""
    names = [*QUANTITIES, "distance_moved", "distance_drift", "distance_return", "recovery"]
    axes = ["kernel", "target", "quantity", "sigma"]
    long = rows.melt(["kernel", "target", "sigma"], names, "quantity", "distance").dropna(subset=["distance"])
    groups = long.groupby(axes, sort=True)["distance"]
    table = quartiles(groups)
    lines = []
    for (kernel, target, quantity), part in table.groupby(axes[:3], sort=True):
        columns = [part[column].tolist() for column in ("sigma", "median", "low", "high", "n_values")]
        lines.append(Line(str(kernel), str(target), str(quantity), *(tuple(column) for column in columns)))
    return Distances(
        similarity, kernels(rows), targets(rows), layers(rows), tuple(lines), describe_setting(rows)
    )


def draw_procedure(numbers: Distances) -> Figure:
    """Draw a row of panels a kernel, a column a kind of target; lines are distances along the procedure."""
    n_rows, n_columns = len(numbers.kernels), len(numbers.targets)
    figure = new_figure(1.66 * n_rows + 1.0)
    axes = figure.subplots(n_rows, n_columns, sharex=True, sharey="row")
    places = sigma_positions([sigma for line in numbers.lines for sigma in line.sigmas])
    for row, kernel in enumerate(numbers.kernels):
        for column, target in enumerate(numbers.targets):
            panel = axes[row, column]
            for quantity, style in QUANTITIES.items():
                for line in numbers.lines:
                    if (line.kernel, line.target, line.quantity) == (kernel, target, quantity):
                        _draw_line(panel, line, style, places, band=quantity == "distance_final")
            if target == "features":
                _draw_noise(panel, numbers.noise)
            panel.grid(axis="y")
            if row == 0:
                panel.set_title(target_style(target).label)
            if column == 0:
                panel.set_ylabel(f"{kernel}\ndistance", bold=True)
            if row == n_rows - 1:
                panel.set_xlabel("σ")
        from_zero(axes[row, 0])
    sigma_axis(axes, places)
    _legend(figure, [(style.label, style) for style in QUANTITIES.values()], numbers.noise)
    return figure


def draw_comparison(numbers: Distances) -> Figure:
    """Draw a row of panels a kernel, a column a quantity; lines are kinds of target."""
    n_rows = len(numbers.kernels)
    few = len(numbers.targets) <= MAX_BANDS
    figure = new_figure(1.86 * n_rows + 1.15)
    axes = figure.subplots(n_rows, len(COMPARED), sharex=True, sharey="row")
    places = sigma_positions([sigma for line in numbers.lines for sigma in line.sigmas])
    for row, kernel in enumerate(numbers.kernels):
        for column, (quantity, title) in enumerate(COMPARED.items()):
            panel = axes[row, column]
            for target in reversed(numbers.targets):
                for line in numbers.lines:
                    if (line.kernel, line.target, line.quantity) == (kernel, target, quantity):
                        _draw_line(
                            panel, line, target_style(target), places, band=target == "features" or few
                        )
            if quantity == "distance_final":
                _draw_noise(panel, numbers.noise)
            panel.grid(axis="y")
            if row == 0:
                panel.set_title(title)
            if column == 0:
                panel.set_ylabel(f"{kernel}\ndistance", bold=True)
            if row == n_rows - 1:
                panel.set_xlabel("σ")
        from_zero(axes[row, 0])
    sigma_axis(axes, places)
    styles = [(target_style(target).label, target_style(target)) for target in numbers.targets]
    _legend(figure, styles, numbers.noise)
    return figure


def _rows(data: StudyData, subject: Subject, similarity: str, optimiser: str) -> pd.DataFrame:
    """Return best matches over the cells that every sigma and kind of target has."""

    def find() -> pd.DataFrame:
        rows = data.main_fits(subject)
        rows = common_grid(rows[(rows["similarity"] == similarity) & (rows["optimiser"] == optimiser)])
        return rows if rows.empty else best_matches(rows, FIT_GROUP_AXES).rows

    return data.once(("distances", subject, similarity, optimiser), find)


def _draw_noise(panel: Panel, noise: float) -> None:
    if math.isfinite(noise):
        panel.axhspan(0.0, noise, color=NOISE_COLOUR, alpha=0.18, zorder=0.5)


def _draw_line(panel: Panel, line: Line, style: LineStyle, places: dict[float, float], *, band: bool) -> None:
    x = [places[sigma] for sigma in line.sigmas]
    if band:
        panel.fill_between(x, line.low, line.high, color=style.colour, alpha=0.15)
    panel.plot(
        x,
        line.median,
        color=style.colour,
        linestyle=style.dashes,
        linewidth=style.width,
        marker=style.marker,
        markersize=3.6,
    )


def _legend(figure: Figure, entries: list[tuple[str, LineStyle]], noise: float) -> None:

    handles: list[Handle] = [
        line_handle(
            color=s.colour,
            linestyle=s.dashes,
            linewidth=s.width,
            marker=s.marker,
            markersize=4,
            label=label,
        )
        for label, s in entries
    ]
    if math.isfinite(noise):
        handles.append(patch_handle(color=NOISE_COLOUR, alpha=0.18, label="noise level of the target"))
    figure.legend(handles)
