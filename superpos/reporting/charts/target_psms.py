"""Target similarity matrices per layer, with the permuted control and untrained weights below."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from superpos.analysis.settings import main_targets
from superpos.arrays import Float
from superpos.reporting.looks import scheme_labels, similarity_scale
from superpos.reporting.selection import layers
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import records
from superpos.reporting.style import WIDTH, evenly, heat_map, name_ticks, new_figure
from superpos.reporting.subjects import Subject, place
from superpos.reporting.svg import Figure

COLUMNS = 6
"""Layers side by side before the figure goes on below."""


class TargetPsms(NamedTuple):
    """Matrices of one similarity."""

    similarity: str
    features: tuple[str, ...]
    layers: tuple[int, ...]
    rows: tuple[str, ...]
    """What the rows of panels show."""
    matrices: dict[tuple[str, int], Float]
    """(row, layer) to matrix, (n, n)."""
    scales: dict[int, float]
    """Layer to resolved C of the RBF; 0 for cosine."""
    setting: str
    places: dict[int, str]
    """Layer to its title."""


def target_psms(data: StudyData, subject: Subject, similarity: str) -> TargetPsms | None:
    """Return the matrices of features, one permuted control and untrained weights; None without features."""
    rows = data.of(subject, data.psms)
    rows = main_targets(rows[rows["similarity"] == similarity])
    features = rows[rows["target"] == "features"]
    if features.empty:
        return None
    setting = ("space", "probe_C", "rbf_scale", "method", "pooling", "split_seed")
    others = data.untrained_of(subject, data.psms)
    others = others[(others["similarity"] == similarity) & (others["target"] == "features")]
    for column in setting:
        others = others[others[column] == features[column].iloc[0]]
    groups = {"features": features, "permuted": _first(rows[rows["target"] == "permuted"], "replicate")}
    for scheme, label in scheme_labels(others).items():
        groups[label] = _first(others[others["model_weights"] == scheme], "model_seed")
    names = data.feature_names(str(features.sort_values("layer")["target_key"].iloc[0]))
    matrices = {}
    for name, group in groups.items():
        for layer, key in records(group, "layer", "psm_key"):
            matrix = data.psm(key)
            if matrix.shape[0] == len(names):
                matrices[name, int(layer)] = matrix
    shown = layers(features)
    scales = {int(layer): float(c) for layer, c in records(features, "layer", "rbf_scale_resolved")}
    space, c = features["space"].iloc[0], float(features["probe_C"].iloc[0])
    parts = [f"space {space}" if space != "none" else "", f"probe C {c:g}" if c > 0.0 else ""]
    pooling = str(features["pooling"].iloc[0])
    parts.append(f"pooling {pooling} over the tokens of a sample" if pooling in ("max", "mean") else "")
    return TargetPsms(
        similarity,
        names,
        shown,
        tuple(name for name in groups if any((name, layer) in matrices for layer in shown)),
        matrices,
        scales,
        ", ".join(part for part in parts if part),
        {layer: place(subject, layer) for layer in shown},
    )


def draw_target_psms(numbers: TargetPsms) -> Figure:
    """Draw one panel for each layer and row, all on one colour scale."""
    columns = evenly(len(numbers.layers), COLUMNS)
    chunks = _chunks(numbers, columns)
    n_rows = sum(len(rows) for _, rows in chunks)
    label = 0.065 * max(len(name[:32]) for name in numbers.features)
    panel = min((WIDTH - label - 1.2) / columns, 2.6)
    height = n_rows * (panel + 0.28) + label * len(chunks) * 0.8 + 0.3
    figure = new_figure(height, width=min(WIDTH, label + columns * (panel + 0.15) + 1.4))
    axes = figure.subplots(n_rows, columns)
    scale = similarity_scale(numbers.similarity)
    first = 0
    for part, (chunk, rows) in enumerate(chunks):
        for index, row in enumerate(rows):
            for column in range(columns):
                panel_axes = axes[first + index, column]
                matrix = numbers.matrices.get((row, chunk[column])) if column < len(chunk) else None
                if matrix is None:
                    panel_axes.set_axis_off()
                    continue
                heat_map(panel_axes, matrix, scale, numbers.features)
                if index == 0:
                    c = numbers.scales.get(chunk[column], 0.0)
                    resolved = f"\nC = {c:.3g}" if c > 0.0 else ""
                    panel_axes.set_title(f"{numbers.places[chunk[column]]}{resolved}")
                if column == 0:
                    name_ticks(panel_axes, numbers.features, panel, rows=True)
                    panel_axes.set_ylabel(
                        row.replace(" weights", "\nweights").replace(", ", ",\n"), bold=True
                    )
                if index == len(rows) - 1 and part == len(chunks) - 1:
                    name_ticks(panel_axes, numbers.features, panel, columns=True)
        first += len(rows)
    figure.colour_bar(scale.on(), f"{numbers.similarity} similarity", 0.6 if n_rows > 1 else 1.0)
    return figure


def _chunks(numbers: TargetPsms, columns: int) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Return layers that stand side by side, with their rows.

    Other weights may have been run at some layers only: these come first, so that no row is almost empty.
    """
    others = [row for row in numbers.rows if row not in ("features", "permuted")]
    beside = [layer for layer in numbers.layers if any((row, layer) in numbers.matrices for row in others)]
    alone = [layer for layer in numbers.layers if layer not in beside]
    return [
        (chunk, tuple(row for row in numbers.rows if any((row, one) in numbers.matrices for one in chunk)))
        for part in (beside, alone)
        for chunk in (tuple(part[first : first + columns]) for first in range(0, len(part), columns))
    ]


def _first(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame if frame.empty else frame[frame[column] == frame[column].min()]
