"""Target against optimal similarity matrices: the joint optimum and what re-optimisation made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from superpos.arrays import Float
from superpos.reporting.looks import similarity_scale
from superpos.reporting.selection import POWELL, kernels
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import WIDTH, heat_map, leave_room, name_ticks, new_figure, sigma_label
from superpos.reporting.subjects import Subject, place
from superpos.reporting.svg import Figure, Span
from superpos.reporting.svg.panel import NOTE
from superpos.reporting.svg.text import text_size

POINTS = 72.0
"""Of an inch."""
SHOWN_SIGMAS = (0.01, 0.1)
"""The perturbations of the thesis."""


class OptimalPanel(NamedTuple):
    """One optimal matrix."""

    row: str
    kernel: str
    matrix: Float | None
    """(n, n); None where the study did not keep it."""
    distance: float
    """Minkowski distance of order 2 to the target."""
    n_dims: int
    rms: float = float("nan")
    """The same as root mean square over the entries i != j."""


class OptimalPsms(NamedTuple):
    """Target and optimal matrices of one layer under one similarity."""

    similarity: str
    layer: int
    place: str
    """The layer, or what there is instead, for people."""
    features: tuple[str, ...]
    target: Float
    rows: tuple[str, ...]
    kernels: tuple[str, ...]
    panels: tuple[OptimalPanel, ...]


def optimal_psms(
    data: StudyData, subject: Subject, similarity: str, layer: int, optimiser: str = POWELL
) -> OptimalPsms | None:
    """Return the best matches of the features target at one layer; None where there are none."""
    rows = data.main_matches(subject)
    rows = rows[
        (rows["similarity"] == similarity)
        & (rows["target"] == "features")
        & (rows["layer"] == layer)
        & (rows["optimiser"] == optimiser)
    ]
    if rows.empty:
        return None
    panels = []
    sigmas = shown_sigmas(rows)
    for kernel in kernels(rows):
        own = rows[rows["kernel"] == kernel]
        for index, sigma in enumerate(reversed(sigmas)):
            row = own[own["sigma"] == sigma].sort_values("fit_key").head(1)
            if row.empty:
                continue
            one = row.iloc[0]
            if index == 0:
                joint = data.joint_psm(str(one["joint_key"]))
                panels.append(OptimalPanel("joint optimum", kernel, joint, *_measured(one, "joint")))
            final = data.final_psm(str(one["fit_key"]))
            panels.append(OptimalPanel(_row(sigma), kernel, final, *_measured(one, "final")))
    first = rows.sort_values("fit_key").iloc[0]
    return OptimalPsms(
        similarity,
        layer,
        place(subject, layer),
        data.feature_names(str(first["target_key"])),
        data.psm(str(first["psm_key"])),
        ("joint optimum", *(_row(sigma) for sigma in sigmas)),
        kernels(rows),
        tuple(panels),
    )


def shown_sigmas(frame: pd.DataFrame) -> tuple[float, ...]:
    """Return the thesis' sigmas where the study has them, else its smallest and largest one, else 0."""
    found = sorted(float(sigma) for sigma in frame["sigma"].unique())
    thesis = tuple(sigma for sigma in SHOWN_SIGMAS if sigma in found)
    positive = [sigma for sigma in found if sigma > 0.0]
    return thesis or ((*dict.fromkeys((positive[0], positive[-1])),) if positive else (0.0,))


def draw_optimal_psms(numbers: OptimalPsms) -> Figure:
    """Draw the target large with names, and the optimal matrices beside it in the same order."""
    label = 0.065 * max(len(name[:32]) for name in numbers.features)
    n_rows, n_columns = len(numbers.rows), len(numbers.kernels)
    big = 3.0
    panel = min((WIDTH - label - big - 1.3) / n_columns, 1.9)
    notes = _notes(numbers.panels, panel)
    lines = max((note.count("\n") for note in notes), default=0)
    height = max(n_rows * (panel + 0.35 + 0.15 * lines), big + label + 0.5) + 0.5
    figure = new_figure(height, width=min(WIDTH, label + big + n_columns * (panel + 0.5) + 1.6))
    widths = [big, *([panel] * n_columns)]
    figure.grid([1.0] * n_rows, widths)
    target_axes = figure.add(Span(0, n_rows - 1, 0, 0))
    scale = similarity_scale(numbers.similarity)
    heat_map(target_axes, numbers.target, scale, numbers.features)
    target_axes.set_title(f"target, {numbers.place}")
    name_ticks(target_axes, numbers.features, big, rows=True, columns=True)
    leave_room(target_axes, bottom=-math.inf)  # it ends far above the last row, and its labels with it
    for panel_numbers, note in zip(numbers.panels, notes, strict=True):
        row = numbers.rows.index(panel_numbers.row)
        column = numbers.kernels.index(panel_numbers.kernel) + 1
        axes = figure.add(Span(row, row, column, column))
        if panel_numbers.matrix is None:
            axes.text(0.5, 0.5, "not stored", ha="center", va="center", within="xy")
            axes.set_xticks([])
            axes.set_yticks([])
        else:
            heat_map(axes, panel_numbers.matrix, scale, numbers.features)
        if row == 0:
            axes.set_title(panel_numbers.kernel)
        axes.note = note
        if column == 1:
            axes.set_ylabel(panel_numbers.row, bold=True)
    figure.colour_bar(scale.on(), f"{numbers.similarity} similarity", 0.7)
    target_axes.anchor = "N"
    return figure


def _notes(panels: Sequence[OptimalPanel], width: float) -> list[str]:
    """Return what stands above each panel of some inches, all in as few lines as leave neighbours alone."""
    parts = [
        [
            f"d = {one.distance:.2g}",
            f"f = {one.n_dims}",
            *([f"rms {one.rms:.2g}"] if math.isfinite(one.rms) else []),
        ]
        for one in panels
    ]
    for heads in (3, 2, 1):  # parts of the first line; the others have one each
        notes = ["\n".join([", ".join(one[:heads]), *one[heads:]]) for one in parts]
        if max((text_size(note, NOTE)[0] for note in notes), default=0.0) <= POINTS * width:
            break
    return notes


def _measured(row: pd.Series, end: str) -> tuple[float, int, float]:
    """Return distance, dimension and root mean square of an end."""
    n = float(row["n_features"])
    distance = float(row[f"distance_{end}"])
    return distance, int(row["n_dims"]), distance / math.sqrt(n * (n - 1.0))


def _row(sigma: float) -> str:
    return f"re-optimised\nσ = {sigma_label(sigma)}"
