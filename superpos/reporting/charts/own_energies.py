"""The own energy of every set between the global bound and orthogonal directions, beside its controls.

    scaled energy = (E - bound) / (E of orthogonal directions - bound)

One number a draw: the median over layers, so that a draw counts once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis.settings import main_targets
from superpos.kinds.similarities import SIMILARITIES
from superpos.reporting.charts.geometry import by_scheme, group_style
from superpos.reporting.looks import in_order, kernel_order, scheme_labels
from superpos.reporting.selection import targets
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import FAINT, INK, SEPARATOR, new_figure, row_heights, row_names
from superpos.reporting.subjects import Subject
from superpos.reporting.svg import Figure, line_handle

CENTRAL = (5.0, 50.0, 95.0)
"""Percentiles of the draws of a control: the ends of its bar, and its mark."""

METHODS = {"logistic": "probes", "mean_difference": "means", "lda": "LDA"}
"""Methods in a row's name."""
SAME_ENERGY = ("shuffled_entries",)
"""Controls whose own energy is that of the features: they have the same entries."""


class OwnEnergies(NamedTuple):
    """Rows of the figure."""

    similarity: str
    kernel: str
    n_sets: int
    subjects: tuple[str, ...]
    """Names of the rows: sets, by method where they have several."""
    groups: tuple[str, ...]
    """Kinds of target with `features` first, and schemes of untrained weights last, by their names."""
    values: pd.DataFrame
    """Columns subject, group, draw, value, n_layers: medians over layers."""


def own_energies(data: StudyData, subjects: tuple[Subject, ...]) -> OwnEnergies | None:
    """Return the scaled own energies under the first similarity and kernel; None where there are none.

    A set whose directions are found by several methods has a row of each: they may lie on both sides.
    """
    rows = data.own_energies
    rows = rows[rows["value_scaled"].notna()]
    rows = rows[~rows["target"].isin(SAME_ENERGY)]
    if rows.empty:
        return None
    similarity = in_order(SIMILARITIES, rows["similarity"])[0]
    rows = rows[rows["similarity"] == similarity]
    kernel = min(rows["kernel"].unique(), key=kernel_order)
    rows = rows[rows["kernel"] == kernel]
    rows = rows[rows["softening"] == rows["softening"].min()]
    found = []
    schemes: dict[str, str] = {}
    labels: dict[str, str] = {}
    for subject in subjects:
        every, untrained = data.of(subject, rows), data.untrained_of(subject, rows)
        schemes |= scheme_labels(untrained)
        methods = sorted(every["method"].unique())
        for method in methods:
            own = main_targets(every[every["method"] == method])
            others = main_targets(untrained[untrained["method"] == method])
            others = by_scheme(others[others["target"] == "features"])
            name = METHODS.get(str(method), str(method))
            label = SEPARATOR.join([subject.label, name]) if len(methods) > 1 else subject.label
            labels[label] = subject.dataset
            found.append(own.assign(subject=label, group=own["target"].astype("str"), draw=own["replicate"]))
            found.append(others.assign(subject=label, draw=others["model_seed"]))
    table = pd.concat(found)
    if table.empty:
        return None
    medians = (
        table.groupby(["subject", "group", "draw"], sort=True)
        .agg(value=("value_scaled", "median"), n_layers=("layer", "nunique"))
        .reset_index()
    )
    there = set(medians["subject"])
    return OwnEnergies(
        similarity,
        str(kernel),
        len({labels[label] for label in there}),
        tuple(label for label in labels if label in there),
        (
            *targets(table[~table["group"].isin(schemes.values())]),
            *(label for label in schemes.values() if (table["group"] == label).any()),
        ),
        medians,
    )


def beyond_controls(numbers: OwnEnergies) -> tuple[int, int]:
    """Return how many sets lie below the bars of all their controls, and how many above them."""
    below = above = 0
    for subject in numbers.subjects:
        own = numbers.values[numbers.values["subject"] == subject]
        features = own.loc[own["group"] == "features", "value"]
        controls = [part["value"] for group, part in own.groupby("group") if group != "features"]
        if features.empty or not controls:
            continue
        value = float(features.median())
        below += all(value < np.percentile(values, CENTRAL[0]) for values in controls)
        above += all(value > np.percentile(values, CENTRAL[-1]) for values in controls)
    return below, above


def draw_own_energies(numbers: OwnEnergies) -> Figure:
    """Draw a row a set: each control as the central 90 % of its draws, the features as a large dot."""
    controls = [group for group in numbers.groups if group != "features"]
    step, height = row_heights(len(numbers.subjects), len(controls))
    figure = new_figure(height * len(numbers.subjects) + 1.2)
    axes = figure.subplot()
    axes.set_xscale("sqrt")
    for place, subject in enumerate(numbers.subjects):
        own = numbers.values[numbers.values["subject"] == subject]
        base = place * height
        for index, group in enumerate(controls):
            values = own.loc[own["group"] == group, "value"].to_numpy(np.float64)
            if values.size:
                low, middle, high = np.percentile(values, CENTRAL)
                colour = group_style(group).colour
                y = base + (index - (len(controls) - 1) / 2) * step
                axes.plot([max(low, 0.0), high], [y, y], color=colour, linewidth=2.2)
                tip = f"{subject}, {group_style(group).label}: {middle:.3g} ({values.size} draws)"
                axes.plot([middle], [y], color=colour, marker="|", markersize=7, linestyle="", tips=[tip])
        values = own.loc[own["group"] == "features", "value"].to_numpy(np.float64)
        if values.size:
            value = float(np.median(values))
            tip = f"{subject}, features: {value:.3g}, median of {int(own['n_layers'].max())} layers"
            axes.plot([value], [base], color=INK, marker="o", markersize=7.5, linestyle="", tips=[tip])
    axes.axvline(1.0, color=FAINT, linewidth=0.8, linestyle=(0, (3, 2)))
    last = len(numbers.subjects) * height
    axes.set_ylim(last - height / 2, -height / 2)
    axes.set_yticks([i * height for i in range(len(numbers.subjects))], row_names(numbers.subjects))
    top = float(numbers.values["value"].max()) * 1.08
    ticks = [tick for tick in (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0) if tick <= max(top, 1.2)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlim(0.0, max(top, 1.2))
    axes.set_xlabel(
        f"own energy under {numbers.kernel}: 0 = the least that there is, 1 = orthogonal directions"
    )
    axes.grid(axis="x")
    handles = [line_handle(color=INK, marker="o", markersize=7, linestyle="", label="features")]
    handles += [
        line_handle(color=group_style(g).colour, linewidth=2.2, label=group_style(g).label) for g in controls
    ]
    figure.legend(handles)
    return figure
