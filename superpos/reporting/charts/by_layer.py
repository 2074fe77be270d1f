"""Best matches layer by layer: how near each kernel ends, and which kernel ends nearest on which feature set.

best kernel of (set, similarity, layer) = the one with the smallest median distance over replicates
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from superpos.kinds.controls import FEATURES
from superpos.reporting.answers import control_order, in_words
from superpos.reporting.looks import kernel_styles
from superpos.reporting.selection import kernels, layers, similarities
from superpos.reporting.study_views import quartiles, records
from superpos.reporting.style import WIDTH, layer_ticks, new_figure, shorten
from superpos.reporting.svg import Figure, line_handle, patch_handle
from superpos.reporting.svg.text import text_size

CELL = 8.0
"""Points of what is written into a cell."""
MARGIN = 30.0
"""Points beside the cells that no name takes."""


class LayerLine(NamedTuple):
    """Distances of one kernel on one feature set over layers, for features or for the control."""

    subject: str
    """Name of the set, as `within_sets` gives it."""
    similarity: str
    kernel: str
    group: str
    """`features`, or the kind of target that is the control."""
    layers: tuple[int, ...]
    median: tuple[float, ...]


class ByLayer(NamedTuple):
    """Every line."""

    subjects: tuple[str, ...]
    similarities: tuple[str, ...]
    kernels: tuple[str, ...]
    control: str
    """The kind of target that stands beside the features; empty without one."""
    lines: tuple[LayerLine, ...]


class Choice(NamedTuple):
    """The best kernel of one layer on one feature set."""

    subject: str
    dataset: str
    similarity: str
    layer: int
    kernel: str
    distance: float


class Choices(NamedTuple):
    """Every choice."""

    subjects: tuple[str, ...]
    similarities: tuple[str, ...]
    layers: tuple[int, ...]
    kernels: tuple[str, ...]
    choices: tuple[Choice, ...]


def by_layer(rows: pd.DataFrame, column: str = "rms_final") -> ByLayer:
    """Return medians of a column of `best_matches` per layer, of the features and of one control.

    That is exchanged labels where there are any, else the first. Controls are never pooled: they may lie
    far from each other.

    The column has to be comparable between sets of different n, as `rms_final` is, where they are drawn on
    one scale.
    """
    there = [str(target) for target in rows["target"].unique() if target != FEATURES]
    control = min(there, key=control_order, default="")
    groups = rows[rows["target"].isin((FEATURES, control))]
    groups = groups.assign(group=groups["target"].astype("str"))
    axes = ["subject", "similarity", "kernel", "group"]
    table = quartiles(groups.dropna(subset=[column]).groupby([*axes, "layer"], sort=True)[column])
    lines = []
    for name, part in table.groupby(axes, sort=True):
        subject, similarity, kernel, group = (str(value) for value in name)
        layer, median = (tuple(part[key].tolist()) for key in ("layer", "median"))
        lines.append(LayerLine(subject, similarity, kernel, group, layer, median))
    return ByLayer(_subjects(rows), similarities(rows), kernels(rows), control, tuple(lines))


def best_kernels(rows: pd.DataFrame) -> Choices:
    """Return the kernel that ends nearest to the features target, for each set, similarity and layer.

    Distances are compared within a set, where n is the same.
    """
    rows = rows[rows["target"] == "features"].dropna(subset=["distance_final"])
    axes = ["subject", "dataset", "similarity", "layer"]
    table = rows.groupby([*axes, "kernel"], sort=True)["distance_final"].median().reset_index()
    first = table.sort_values([*axes, "distance_final", "kernel"]).drop_duplicates(axes)
    choices = tuple(Choice(*row) for row in records(first, *axes, "kernel", "distance_final"))
    return Choices(_subjects(rows), similarities(rows), layers(rows), kernels(rows), choices)


def draw_by_layer(numbers: ByLayer, label: str = "end to target, root mean square") -> Figure:
    """Draw a row of panels a similarity, a column a set; the panels of a row share their scale."""
    styles = kernel_styles(numbers.kernels)
    n_rows, n_columns = len(numbers.similarities), len(numbers.subjects)
    figure = new_figure(2.6 * n_rows + 0.6)
    axes = figure.subplots(n_rows, n_columns, sharey="row")
    for line in numbers.lines:
        panel = axes[numbers.similarities.index(line.similarity), numbers.subjects.index(line.subject)]
        colour, marker = styles[line.kernel]
        features = line.group == FEATURES
        panel.plot(
            line.layers,
            line.median,
            color=colour,
            marker=marker if features else "",
            linestyle="-" if features else (0, (3, 2)),
            linewidth=2.0 if features else 1.2,
        )
    for row, similarity in enumerate(numbers.similarities):
        axes[row, 0].set_ylabel(f"{similarity}\n{label}")
        for column, subject in enumerate(numbers.subjects):
            panel = axes[row, column]
            panel.set_title(shorten(subject))
            panel.grid(axis="y")
            own = {layer for line in numbers.lines if line.subject == subject for layer in line.layers}
            ticks = layer_ticks(sorted(own), n_columns)
            panel.set_xticks(ticks, [layer_name(layer) for layer in ticks])
            panel.set_xlabel("layer")
    handles = [
        line_handle(color=colour, marker=marker, label=name) for name, (colour, marker) in styles.items()
    ]
    handles.append(line_handle(color="#1f2933", label="features"))
    if numbers.control:
        name = in_words(numbers.control)
        handles.append(line_handle(color="#1f2933", linestyle=(0, (3, 2)), label=name))
    figure.legend(handles)
    return figure


def draw_best_kernels(numbers: Choices) -> Figure:
    """Draw a panel a similarity: data sets by layers, coloured by the best kernel, with its distance."""
    styles = kernel_styles(numbers.kernels)
    figure = new_figure(len(numbers.similarities) * (0.42 * len(numbers.subjects) + 0.75) + 0.5)
    axes = figure.subplots(len(numbers.similarities), 1)
    names = [shorten(name) for name in numbers.subjects]
    label = max((text_size(name, CELL)[0] for name in names), default=0.0)
    write = _writing(numbers.choices, (72.0 * WIDTH - label - MARGIN) / max(1, len(numbers.layers)))
    for row, similarity in enumerate(numbers.similarities):
        panel = axes[row, 0]
        for one in numbers.choices:
            if one.similarity == similarity:
                x, y = numbers.layers.index(one.layer), numbers.subjects.index(one.subject)
                colour = styles[one.kernel][0]
                panel.rectangle(x - 0.48, y - 0.46, 0.96, 0.92, color=colour, alpha=0.55, tip=_tip(one))
                panel.text(x, y, write(one), ha="center", va="center", fontsize=CELL, linespacing=0.95)
        panel.set_title(similarity)
        panel.set_xticks(range(len(numbers.layers)), [layer_name(layer) for layer in numbers.layers])
        panel.set_yticks(range(len(numbers.subjects)), names)
        panel.set_xlim(-0.5, len(numbers.layers) - 0.5)
        panel.set_ylim(len(numbers.subjects) - 0.5, -0.5)
        panel.tick_params(length=0)
        panel.set_xlabel("layer")
    handles = [patch_handle(color=styles[name][0], alpha=0.55, label=name) for name in numbers.kernels]
    figure.legend(handles)
    return figure


def _tip(one: Choice) -> str:
    return f"{one.subject}, layer {layer_name(one.layer)}: {one.kernel}, distance {one.distance:.3g}"


def _writing(choices: Sequence[Choice], width: float) -> Callable[[Choice], str]:
    """Return what is written into every cell so many points wide: as much as fits into the narrowest."""
    ways: tuple[Callable[[Choice], str], ...] = (
        lambda one: f"{one.kernel}\n{one.distance:.2g}",
        lambda one: f"{one.distance:.2g}",
    )
    for way in ways:
        if all(text_size(way(one), CELL)[0] <= width for one in choices):
            return way
    return lambda _: ""  # the colour says it


def layer_name(layer: int) -> str:
    """Return what an axis calls a layer: directions that are rows of a matrix have none."""
    return str(layer) if layer >= 0 else "none"


def _subjects(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(str(name) for name in rows["subject"].unique()))
