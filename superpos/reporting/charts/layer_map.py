"""Is geometry preserved through the layers? Spearman correlations of the target matrices of two layers."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis.settings import main_targets
from superpos.arrays import Float
from superpos.reporting.looks import scheme_labels
from superpos.reporting.selection import similarities
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import records
from superpos.reporting.style import WIDTH, new_figure
from superpos.reporting.subjects import Subject
from superpos.reporting.svg import Colours, Figure

CORRELATIONS = Colours("RdBu_r", -1.0, 1.0)
MAX_NUMBERS = 16
"""Layers up to which the cells carry their number."""

TICKS = 5.0
"""Layers named along an inch, at most."""


class LayerMap(NamedTuple):
    """One panel."""

    title: str
    layers: tuple[int, ...]
    spearman: Float
    """(n_layers, n_layers); 1 on the diagonal, NaN where there is no correlation."""


def layer_maps(data: StudyData, subject: Subject) -> tuple[LayerMap, ...]:
    """Return the maps of features, of untrained weights and of the permuted control, for each similarity."""
    rows = data.of(subject, data.layer_similarity).rename(columns={"layer_a": "layer"})
    untrained = data.untrained_of(subject, data.layer_similarity).rename(columns={"layer_a": "layer"})
    if rows.empty:
        return ()
    maps = []
    for similarity in similarities(rows):
        own = main_targets(rows[rows["similarity"] == similarity])
        groups = [
            (f"{similarity}: features", own[own["target"] == "features"]),
            (f"{similarity}: permuted", own[own["target"] == "permuted"]),
        ]
        others = untrained[(untrained["similarity"] == similarity) & (untrained["target"] == "features")]
        for place, (scheme, label) in enumerate(scheme_labels(others).items(), start=1):
            other = main_targets(others[others["model_weights"] == scheme])
            seeds = other[other["model_seed"] == other["model_seed"].min()]
            groups.insert(place, (f"{similarity}: {label}", seeds))
        for title, group in groups:
            if not group.empty:
                maps.append(_map(title, group[group["replicate"] == group["replicate"].min()]))
    return tuple(maps)


def _map(title: str, rows: pd.DataFrame) -> LayerMap:
    layers = tuple(sorted({int(layer) for layer in (*rows["layer"], *rows["layer_b"])}))
    matrix = np.full((len(layers), len(layers)), np.nan)
    np.fill_diagonal(matrix, 1.0)
    for layer, other, value in records(rows, "layer", "layer_b", "spearman"):
        a, b = layers.index(int(layer)), layers.index(int(other))
        matrix[a, b] = matrix[b, a] = float(value)
    return LayerMap(title, layers, matrix)


def draw_layer_maps(maps: tuple[LayerMap, ...]) -> Figure:
    """Draw the maps side by side, all on the scale -1 to 1, with numbers in the cells."""
    columns = len(maps) if len(maps) <= 4 else 3
    n_rows = -(-len(maps) // columns)
    panel = min((WIDTH - 1.6) / columns, max(0.62 * max(len(m.layers) for m in maps), 1.6) + 0.4)
    figure = new_figure(n_rows * (panel + 0.55), width=min(WIDTH, columns * (panel + 0.5) + 1.3))
    axes = figure.subplots(n_rows, columns)
    for position, panel_axes in enumerate(axes.flat):
        if position >= len(maps):
            panel_axes.set_axis_off()
            continue
        one = maps[position]
        panel_axes.cells(one.spearman, CORRELATIONS)
        panel_axes.set_title("\n".join(textwrap.wrap(one.title, 24 if columns > 3 else 36)))
        ticks = range(0, len(one.layers), -(-len(one.layers) // int(min(16.0, TICKS * panel))))
        panel_axes.set_xticks(ticks, [str(one.layers[tick]) for tick in ticks])
        panel_axes.set_yticks(ticks, [str(one.layers[tick]) for tick in ticks])
        panel_axes.tick_params()
        panel_axes.set_xlabel("layer")
        panel_axes.set_ylabel("layer")
        if len(one.layers) <= MAX_NUMBERS:
            for (a, b), value in np.ndenumerate(one.spearman):
                text = "–" if np.isnan(value) else f"{value:.2f}"
                colour = "white" if abs(value) > 0.65 else "black"
                panel_axes.text(b, a, text, ha="center", va="center", fontsize=8, color=colour)
    figure.colour_bar(CORRELATIONS, "Spearman correlation", 0.8)
    return figure
