"""What training does over checkpoints: own energy and probe quality by revision.

    own energy of (set, revision)  = median over layers, scaled: 0 the global bound, 1 orthogonal directions
    probe quality of (set, revision) = mean ROC AUC over features and layers

Both under the first similarity and kernel. Revisions are in the order of the numbers in their names:
`step512` comes before `step1000`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import pandas as pd

from superpos.analysis.settings import DIRECTION_SETTING, keep_main, main_targets
from superpos.kinds.similarities import SIMILARITIES
from superpos.reporting.looks import in_order, kernel_order
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import FAINT, new_figure
from superpos.reporting.subjects import PRETRAINED
from superpos.reporting.svg import Figure, line_handle

SET = ["model", "dataset", "hookpoint"]
QUANTITIES = {"own_energy": "own energy (0 = least, 1 = orthogonal)", "roc_auc": "ROC AUC, held-out samples"}
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C6D31", "#5E4FA2")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


class Revisions(NamedTuple):
    """Numbers of every set at every revision."""

    revisions: tuple[str, ...]
    sets: tuple[str, ...]
    values: pd.DataFrame
    """Columns set, revision, quantity, value, n_layers."""


def revisions(data: StudyData) -> Revisions | None:
    """Return the numbers of sets that have several revisions; None where none has."""
    found = [part for part in (_energies(data), _quality(data)) if not part.empty]
    if not found:
        return None
    rows = pd.concat(found, ignore_index=True)
    rows["set"] = [" · ".join(filter(None, parts)) for parts in rows[SET].itertuples(index=False)]
    several = rows.groupby("set")["revision"].transform("nunique") > 1
    rows = rows[several]
    if rows.empty:
        return None
    order = tuple(sorted(rows["revision"].unique(), key=revision_order))
    values = rows[["set", "revision", "quantity", "value", "n_layers"]]
    return Revisions(order, tuple(sorted(values["set"].unique())), values.reset_index(drop=True))


def revision_order(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Return a sort key by which numbers in a name count as numbers."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts if part], name


def _energies(data: StudyData) -> pd.DataFrame:
    rows = data.own_energies
    rows = rows[
        (rows["target"] == "features") & (rows["model_weights"] == PRETRAINED) & rows["value_scaled"].notna()
    ]
    if rows.empty:
        return rows
    rows = rows[rows["similarity"] == in_order(SIMILARITIES, rows["similarity"])[0]]
    rows = rows[rows["kernel"] == min(rows["kernel"].unique(), key=kernel_order)]
    rows = main_targets(rows[rows["softening"] == rows["softening"].min()])
    table = rows.groupby([*SET, "revision"], sort=True).agg(
        value=("value_scaled", "median"), n_layers=("layer", "nunique")
    )
    return table.reset_index().assign(quantity="own_energy")


def _quality(data: StudyData) -> pd.DataFrame:
    rows = data.probes
    rows = rows[
        (rows["label_replicate"] == -1) & (rows["model_weights"] == PRETRAINED) & rows["roc_auc"].notna()
    ]
    if rows.empty:
        return rows
    rows = keep_main(rows, DIRECTION_SETTING, ("dataset",))
    table = rows.groupby([*SET, "revision"], sort=True).agg(
        value=("roc_auc", "mean"), n_layers=("layer", "nunique")
    )
    return table.reset_index().assign(quantity="roc_auc")


def draw_revisions(numbers: Revisions) -> Figure:
    """Draw a panel a quantity, a line a set, revisions in their order."""
    there = [name for name in QUANTITIES if (numbers.values["quantity"] == name).any()]
    figure = new_figure(3.4)
    axes = figure.subplots(1, len(there))[0]
    for panel, quantity in zip(axes, there, strict=True):
        for index, name in enumerate(numbers.sets):
            own = numbers.values[(numbers.values["set"] == name) & (numbers.values["quantity"] == quantity)]
            points = dict(zip(own["revision"], own["value"], strict=True))
            places = [place for place, revision in enumerate(numbers.revisions) if revision in points]
            colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index // len(COLOURS) % len(MARKERS)]
            panel.plot(
                places, [points[numbers.revisions[place]] for place in places], color=colour, marker=marker
            )
        panel.axhline(
            1.0 if quantity == "own_energy" else 0.5, color=FAINT, linewidth=0.8, linestyle=(0, (3, 2))
        )
        step = max(1, -(-len(numbers.revisions) // 8))
        panel.set_xticks(range(0, len(numbers.revisions), step), numbers.revisions[::step])
        panel.set_ylabel(QUANTITIES[quantity])
        panel.set_xlabel("revision")
        panel.grid(axis="y")
    figure.legend(
        [
            line_handle(
                label=name,
                color=COLOURS[index % len(COLOURS)],
                marker=MARKERS[index // len(COLOURS) % len(MARKERS)],
            )
            for index, name in enumerate(numbers.sets)
        ]
    )
    return figure
