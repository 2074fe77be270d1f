"""Shares of status and verdict: how the optimisations ended, for every setting that ran."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from superpos.analysis.settings import JOINT_SETTING
from superpos.kinds.energies import ENERGIES
from superpos.kinds.similarities import SIMILARITIES
from superpos.reporting.looks import in_order, split_kernel
from superpos.reporting.selection import EXACT, POWELL, axis_in_words, optimiser_label, optimisers_shown
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import records
from superpos.reporting.style import (
    JOINT_STATUSES,
    OUTCOME_COLOURS,
    STATUSES,
    VERDICTS,
    leave_room,
    new_figure,
)
from superpos.reporting.subjects import Subject
from superpos.reporting.svg import Figure, Panel, patch_handle

NAMED = (
    "similarity",
    "kernel",
    "s",
    "gauge",
    "self_energy",
    "softening",
    "importance_mode",
    "joint_polish",
)
OTHERS = tuple(axis for axis in JOINT_SETTING if axis not in (*NAMED, "backend"))
"""Settings of the joint step that a bar names where they vary."""
SETTING = [*NAMED, *OTHERS]
LEGEND_ROWS = 4
"""Bars that are as high as the legend of statuses beside them."""


class Shares(NamedTuple):
    """Counts of one kind of outcome, one bar a setting."""

    title: str
    outcomes: tuple[str, ...]
    """Names in the order of the bars' parts."""
    counts: dict[str, tuple[int, ...]]
    """Setting to the count of each outcome."""


class Outcomes(NamedTuple):
    """All panels, over every target, layer, dimension and sigma."""

    settings: tuple[str, ...]
    panels: tuple[Shares, ...]

    def table(self) -> pd.DataFrame:
        """Return one row a setting, panel and outcome."""
        rows = [
            (panel.title, setting, outcome, count, count / sum(counts))
            for panel in self.panels
            for setting, counts in panel.counts.items()
            for outcome, count in zip(panel.outcomes, counts, strict=True)
        ]
        return pd.DataFrame(rows, columns=["panel", "setting", "outcome", "count", "share"])


def outcomes(data: StudyData, subject: Subject) -> Outcomes | None:
    """Return the counts of the subject's joint fits and re-optimisations; None without joint fits."""
    joints, fits = data.of(subject, data.joints), data.of(subject, data.fits)
    if joints.empty:
        return None
    labels = _labels(joints)
    names = (POWELL, EXACT, *(name for name in optimisers_shown(fits) if name != POWELL))
    own = {name: fits[fits["optimiser"] == name] for name in names}
    verdicts = [(f"{optimiser_label(name)}: verdict", own[name], "verdict") for name in names]
    verdicts.insert(1, ("Powell, polished: verdict", own[POWELL], "verdict_polished"))
    # A joint fit that several targets share is counted once for each target, as in the views.
    panels = (
        _shares("joint step: status", joints, "status", JOINT_STATUSES, labels),
        *(_shares(f"{optimiser_label(n)}: status", own[n], "status", STATUSES, labels) for n in names),
        _shares("joint step: verdict", joints, "verdict_joint", VERDICTS, labels),
        *(_shares(title, rows, column, VERDICTS, labels) for title, rows, column in verdicts),
    )
    return Outcomes(tuple(labels.values()), panels)


def draw_outcomes(numbers: Outcomes) -> Figure:
    """Draw a row of statuses and a row of verdicts, panels of stacked bars, a bar a setting.

    The second row has a panel more, for Powell's polished ends; the legend of statuses stands above it.
    """
    n, width = len(numbers.settings), (len(numbers.panels) + 1) // 2
    figure = new_figure(2 * (0.27 * max(n, LEGEND_ROWS) + 0.75) + 0.7)
    axes = figure.subplots(2, width, sharey=True, sharex=True)
    axes[0, -1].set_axis_off()
    for panel, shares in zip([*axes[0, :-1], *axes[1]], numbers.panels, strict=True):
        _bars(panel, shares, numbers.settings)
        leave_room(panel, right=24.0)
    for row, (names, title) in enumerate(((JOINT_STATUSES, "status"), (VERDICTS, "verdict"))):
        axes[row, 0].set_yticks(range(n), numbers.settings)
        axes[row, 0].set_ylim(n - 0.4, -0.6)
        _legend(axes[row, -1], names, title, beside=row == 1)
        leave_room(axes[row, -1], right=132.0)
    for panel in axes[1]:
        panel.set_xlabel("share of cells")
    return figure


def _labels(frame: pd.DataFrame) -> dict[tuple[object, ...], str]:
    """Return a name for every setting; what all settings share is left out of the names."""
    rows = frame.groupby(SETTING).size().reset_index(name="cells")
    kinds = in_order(SIMILARITIES, rows["similarity"])
    energies = in_order(ENERGIES, (split_kernel(kernel)[0] for kernel in rows["kernel"]))
    rows = rows.assign(
        first=[kinds.index(similarity) for similarity in rows["similarity"]],
        second=[energies.index(split_kernel(v)[0]) for v in rows["kernel"]],
        # The gauge of the most cells, that of the other figures as a rule, comes first.
        rarer=-rows.groupby(["similarity", "gauge", "importance_mode", "joint_polish"])["cells"].transform(
            "sum"
        ),
    )
    order = [
        "first",
        "similarity",
        "rarer",
        "gauge",
        "importance_mode",
        "joint_polish",
        "second",
        "s",
        "self_energy",
        "softening",
        *OTHERS,
    ]
    rows = rows.sort_values(order)
    labels: dict[tuple[object, ...], str] = {}
    uniform, unpolished = "uniform" in set(rows["importance_mode"]), "off" in set(rows["joint_polish"])
    varied = {axis for axis in OTHERS if rows[axis].nunique() > 1}
    for setting in records(rows, *SETTING):
        similarity, kernel, _, gauge, self_energy, softening, mode, polish, *others = setting
        own = f"{kernel} {self_energy}" + (f" ε{softening:g}" if softening else "")
        parts = [similarity, own, f"gauge {gauge}", *([mode] if uniform else [])]
        parts += [f"polish {polish}"] if unpolished else []
        parts += [
            f"{axis_in_words(axis)} {value}"
            for axis, value in zip(OTHERS, others, strict=True)
            if axis in varied
        ]
        labels[setting] = " · ".join(parts)
    return labels


def _shares(
    title: str,
    frame: pd.DataFrame,
    column: str,
    names: tuple[str, ...],
    labels: dict[tuple[object, ...], str],
) -> Shares:
    counts = {}
    if not frame.empty:
        table = frame.groupby([*SETTING, column]).size().reset_index(name="cells")
        found = {tuple(index): int(cells) for *index, cells in records(table, *SETTING, column, "cells")}
        for setting, label in labels.items():
            row = tuple(found.get((*setting, name), 0) for name in names)
            if sum(row):
                counts[label] = row
    return Shares(title, names, counts)


def _bars(axes: Panel, shares: Shares, settings: tuple[str, ...]) -> None:
    axes.set_title(shares.title.replace(": ", "\n"))  # what, and below it status or verdict
    axes.set_xlim(0.0, 1.0)
    axes.grid(axis="x")
    if not shares.counts:
        axes.text(0.5, 0.5, "not run in this study", ha="center", va="center", within="xy")
        return
    for setting, counts in shares.counts.items():
        position, total, left = settings.index(setting), sum(counts), 0.0
        for name, count in zip(shares.outcomes, counts, strict=True):
            if count:
                width = count / total
                axes.barh(position, width, left=left, height=0.72, color=OUTCOME_COLOURS[name])
                left += width
        axes.text(
            1.01,
            position,
            str(total),
            va="center",
            ha="left",
            fontsize=8,
            within="x",
        )
    axes.tick_params(axis="y", length=0)


def _legend(axes: Panel, names: tuple[str, ...], title: str, *, beside: bool) -> None:
    """Draw the legend beside a panel, or in the place of one."""
    handles = [patch_handle(color=OUTCOME_COLOURS[name], label=name.replace("_", " ")) for name in names]
    axes.legend(handles, title, 1.45 if beside else 0.0)  # behind the numbers of cells
