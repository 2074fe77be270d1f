"""Features minus each control: how far ends lie from their targets, Powell's beside certified minima.

    difference in a cell = rms of the features' end - median over draws of the rms of the control's end

A cell is a layer, kernel, dimension, lambda_d and perturbation that both have. Mark and bar are the median
and the quartiles over cells. Cells of a set are no replicates: the bar is no interval, and says nothing of
chance.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from superpos.analysis.ends import is_minimum, rms
from superpos.analysis.settings import headline_sigma
from superpos.kinds.controls import FEATURES
from superpos.kinds.similarities import SIMILARITIES
from superpos.reporting.looks import in_order, target_style
from superpos.reporting.selection import EXACT, POWELL, optimiser_label, targets
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import quartiles
from superpos.reporting.style import INK, new_figure, row_heights, row_names
from superpos.reporting.subjects import Subject
from superpos.reporting.svg import Figure, line_handle

CELL = ("layer", "kernel", "n_dims", "lambda_d", "sigma")


class Differences(NamedTuple):
    """Rows of the figure."""

    similarity: str
    panels: tuple[str, ...]
    """Titles: what kind of ends."""
    subjects: tuple[str, ...]
    controls: tuple[str, ...]
    values: pd.DataFrame
    """Columns panel, subject, target, median, low, high, n_values (cells)."""
    certified: str
    """Title of the panel of certified minima; empty where there are none."""


def differences(data: StudyData, subjects: tuple[Subject, ...]) -> Differences | None:
    """Return the differences under the first similarity; None where nothing was re-optimised."""
    parts = {subject: data.main_fits(subject) for subject in subjects}
    names = {name for rows in parts.values() for name in rows["similarity"].unique()}
    if not names:
        return None
    similarity = in_order(SIMILARITIES, names)[0]
    found: list[pd.DataFrame] = []
    panels: dict[str, None] = {}
    certified = ""
    for subject, rows in parts.items():
        own = rows[rows["similarity"] == similarity]
        powell = own[own["optimiser"] == POWELL]
        sigma = headline_sigma(powell) if len(powell) else 0.0
        exact = own[(own["optimiser"] == EXACT) & (own["sigma"] == 0.0)]
        minima = exact[is_minimum(exact)]
        for title, part in (
            (f"{optimiser_label(POWELL)}, σ = {sigma:g} (the thesis)", powell[powell["sigma"] == sigma]),
            (f"{optimiser_label(EXACT)}, σ = 0: certified minima", minima),
        ):
            cells = _by_cell(part)
            if not cells.empty:
                panels[title] = None
                certified = title if part is minima else certified
                found.append(cells.assign(panel=title, subject=subject.label))
    if not found:
        return None
    table = pd.concat(found)
    values = quartiles(table.groupby(["panel", "subject", "target"], sort=True)["difference"])
    there = set(values["subject"])
    return Differences(
        similarity,
        tuple(panels),
        tuple(label for label in (subject.label for subject in subjects) if label in there),
        targets(values),
        values,
        certified,
    )


def _by_cell(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a control and cell with its difference."""
    axes = list(CELL)
    medians = rows.assign(end=rms(rows, "distance_final")).groupby(["target", *axes])["end"].median()
    ends = medians.reset_index()
    features = ends[ends["target"] == FEATURES].drop(columns="target")
    both = ends[ends["target"] != FEATURES].merge(features, on=axes, suffixes=("", "_features"))
    return both.assign(difference=both["end_features"] - both["end"])


def beyond_all(numbers: Differences) -> tuple[int, int]:
    """Return how many sets' minima are nearer, and how many farther, than all controls' in most cells."""
    medians = numbers.values[numbers.values["panel"] == numbers.certified].groupby("subject")["median"]
    return int((medians.max() < 0.0).sum()), int((medians.min() > 0.0).sum())


def draw_differences(numbers: Differences) -> Figure:
    """Draw a panel a kind of end, a row a set; each control is a mark with the quartiles of its cells."""
    step, height = row_heights(len(numbers.subjects), len(numbers.controls))
    figure = new_figure(height * len(numbers.subjects) + 1.5)
    axes = figure.subplots(1, len(numbers.panels), sharey=True)[0]
    for panel, title in zip(axes, numbers.panels, strict=True):
        panel.axvline(0.0, color=INK, linewidth=0.9)
        for row in numbers.values[numbers.values["panel"] == title].itertuples(index=False):
            style = target_style(str(row.target))
            index = numbers.controls.index(str(row.target))
            y = numbers.subjects.index(str(row.subject)) * height
            y += (index - (len(numbers.controls) - 1) / 2) * step
            bold = row.target == "shuffled_labels"
            panel.plot([row.low, row.high], [y, y], color=style.colour, linewidth=3.0 if bold else 1.6)
            text = f"{row.subject} − {style.label}: {row.median:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
            panel.plot(
                [row.median], [y], color=style.colour, marker="o", markersize=7 if bold else 5, linestyle="",
                tips=[f"{text}, {row.n_values} cells"],
            )  # fmt: skip
        panel.set_title(title)
        panel.set_xlabel(
            "end to target, features − control, rms per entry\n← nearer than the control     farther →"
        )
        panel.grid(axis="x")
    axes[0].set_ylim((len(numbers.subjects) - 0.5) * height, -height / 2)
    axes[0].set_yticks([i * height for i in range(len(numbers.subjects))], row_names(numbers.subjects))
    styles = [target_style(control) for control in numbers.controls]
    handles = [line_handle(color=s.colour, marker="o", linewidth=1.6, label=s.label) for s in styles]
    figure.legend(handles)
    return figure
