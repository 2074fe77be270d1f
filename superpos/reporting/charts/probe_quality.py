"""Quality of the probes per layer: trained weights, untrained ones by scheme, shuffled labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis.settings import DIRECTION_SETTING, keep_main
from superpos.reporting.looks import scheme_labels, scheme_of, target_style, weights_style
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import LineStyle, evenly, layer_ticks, new_figure
from superpos.reporting.subjects import PRETRAINED, Subject
from superpos.reporting.svg import Figure, line_handle

LABELS = "shuffled labels"
COLUMNS = 4
"""Sets side by side."""


def series_style(name: str) -> LineStyle:
    """Return how one kind of probes is drawn."""
    styles = {
        "trained weights": LineStyle(name, "#111827", "-", 2.4, "o"),
        "random weights": LineStyle(name, "#D55E00", (0, (4, 1.5)), 2.2, "X"),
        LABELS: target_style("shuffled_labels"),
    }
    return styles.get(name) or weights_style(scheme_of(name) or name)


class Series(NamedTuple):
    """Scores of one kind of probes over layers, means over seeds or replicates."""

    name: str
    layers: tuple[int, ...]
    mean: tuple[float, ...]
    """Mean over features."""
    features: dict[str, tuple[float, ...]]
    """Each feature's score at every layer; NaN where it has none."""
    n_sets: int
    """Seeds of the untrained weights, or replicates of the shuffled labels."""


class ProbeQuality(NamedTuple):
    """Scores on one data set."""

    dataset: str
    series: tuple[Series, ...]
    """The subject's own weights, then untrained ones, then shuffled labels."""
    untrained: tuple[str, ...] = ()
    """Names of the series of untrained weights."""


def probe_quality(data: StudyData, subject: Subject) -> ProbeQuality | None:
    """Return the ROC AUC of every feature per layer; None where no probe was trained."""
    rows, untrained = data.of(subject, data.scores), data.untrained_of(subject, data.scores)
    if rows.empty:
        return None
    own = _main(rows)
    schemes = scheme_labels(untrained)
    groups = {weights_style(subject.weights or PRETRAINED).label: own[own["label_replicate"] == -1]}
    for scheme, label in schemes.items():
        other = _main(untrained[untrained["model_weights"] == scheme])
        groups[label] = other[other["label_replicate"] == -1]
    groups[LABELS] = own[own["label_replicate"] >= 0]
    series = tuple(_series(name, group) for name, group in groups.items() if not group.empty)
    return ProbeQuality(subject.dataset, series, tuple(schemes.values()))


def _main(rows: pd.DataFrame) -> pd.DataFrame:
    return keep_main(rows, (*DIRECTION_SETTING, "config_key"), ("hookpoint",))


def _series(name: str, rows: pd.DataFrame) -> Series:
    table = rows.pivot_table(index="layer", columns="feature", values="roc_auc", aggfunc="mean", sort=True)
    order = [feature for feature in dict.fromkeys(rows["feature"]) if feature in table.columns]
    means = table.mean(axis=1)
    n_sets = rows.groupby(["model_seed", "label_replicate"]).ngroups
    return Series(
        name,
        tuple(int(layer) for layer in table.index),
        tuple(float(value) for value in means),
        {str(feature): tuple(float(value) for value in table[feature]) for feature in order},
        n_sets,
    )


def quality_table(numbers: ProbeQuality) -> pd.DataFrame:
    """Return one row a kind of probes, layer and feature, the mean over features as feature `(mean)`."""
    rows: list[tuple[object, ...]] = []
    for series in numbers.series:
        for name, scores in (("(mean)", series.mean), *series.features.items()):
            rows.extend(
                (numbers.dataset, series.name, layer, name, score, series.n_sets)
                for layer, score in zip(series.layers, scores, strict=True)
            )
    return pd.DataFrame(rows, columns=["dataset", "probes", "layer", "feature", "roc_auc", "n_sets"])


def draw_probe_quality(panels: tuple[ProbeQuality, ...]) -> Figure:
    """Draw a panel a data set: means bold, single features faint."""
    columns = evenly(len(panels), COLUMNS)
    n_rows = -(-len(panels) // columns)
    figure = new_figure(3.3 * n_rows + 0.4)
    axes = figure.subplots(n_rows, columns, sharey=True)
    shown: dict[str, LineStyle] = {}
    for position, panel in enumerate(axes.flat):
        if position >= len(panels):
            panel.set_axis_off()
            continue
        numbers = panels[position]
        for series in reversed(numbers.series):
            style = series_style(series.name)
            shown[series.name] = style
            for scores in series.features.values():
                panel.plot(series.layers, scores, color=style.colour, linewidth=0.7, alpha=0.28)
            panel.plot(
                series.layers,
                series.mean,
                color=style.colour,
                linestyle=style.dashes,
                linewidth=style.width,
                marker=style.marker,
                markersize=5,
            )
        ticks = sorted({layer for series in numbers.series for layer in series.layers})
        panel.set_xticks(layer_ticks(ticks, columns))
        if len(ticks) == 1:
            panel.set_xlim(ticks[0] - 1, ticks[0] + 1)
        panel.set_title(numbers.dataset)
        panel.set_xlabel("layer")
        panel.axhline(0.5, color="#7b8794", linewidth=0.8, linestyle=(0, (2, 2)))
        panel.grid(axis="y")
    lowest = min(
        (
            score
            for p in panels
            for s in p.series
            for row in s.features.values()
            for score in row
            if not np.isnan(score)
        ),
        default=0.5,
    )
    axes[0, 0].set_ylim(min(0.45, lowest - 0.02), 1.01)
    for row in axes:
        row[0].set_ylabel("ROC AUC, held-out samples")
    names = dict.fromkeys(series.name for panel in panels for series in panel.series)
    last = [LABELS] if LABELS in names else []
    _legend(figure, {name: shown[name] for name in [*(one for one in names if one != LABELS), *last]})
    return figure


def _legend(figure: Figure, styles: dict[str, LineStyle]) -> None:

    handles = [
        line_handle(
            color=s.colour,
            linestyle=s.dashes,
            linewidth=s.width,
            marker=s.marker,
            label=f"{name}: mean",
        )
        for name, s in styles.items()
    ]
    handles.append(line_handle(color="#7b8794", linewidth=0.8, alpha=0.6, label="one feature"))
    handles.append(line_handle(color="#7b8794", linewidth=0.8, linestyle=(0, (2, 2)), label="chance"))
    figure.legend(handles)
