"""How far re-optimisation moves, by the dimension of the optimal features and by kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis.settings import balanced
from superpos.records.fits import USABLE
from superpos.reporting.looks import kernel_styles
from superpos.reporting.selection import POWELL, kernels, similarities
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import quartiles, records
from superpos.reporting.style import INK, from_zero, new_figure, sigma_label
from superpos.reporting.subjects import Subject
from superpos.reporting.svg import Figure, line_handle

MAX_SIGMAS = 3


class Spread(NamedTuple):
    """Distance moved of one kernel at one dimension, over layers (and replicates of controls)."""

    similarity: str
    sigma: float
    n_dims: int
    kernel: str
    group: str
    """`features` or `controls`."""
    median: float
    low: float
    high: float
    n_values: int


class Sensitivity(NamedTuple):
    """Every spread."""

    n_features: int
    similarities: tuple[str, ...]
    sigmas: tuple[float, ...]
    n_dims: tuple[int, ...]
    kernels: tuple[str, ...]
    spreads: tuple[Spread, ...]

    def table(self) -> pd.DataFrame:
        """Return one row a spread."""
        return pd.DataFrame(self.spreads, columns=list(Spread._fields))


def sensitivity(data: StudyData, subject: Subject, optimiser: str = POWELL) -> Sensitivity | None:
    """Return an optimiser's distances moved over all usable cells; None where there are none."""
    rows = data.main_fits(subject)
    usable = [str(status) for status in USABLE]
    rows = rows[
        (rows["optimiser"] == optimiser) & rows["status"].isin(usable) & rows["status_joint"].isin(usable)
    ]
    rows = balanced(rows.dropna(subset=["distance_moved"]))
    if rows.empty:
        return None
    sigmas = _pick(_widest(rows))
    rows = rows[rows["sigma"].isin(sigmas)]
    groups = rows.assign(group=np.where(rows["target"] == "features", "features", "controls"))
    axes = ["similarity", "sigma", "n_dims", "kernel", "group"]
    table = quartiles(groups.groupby(axes, sort=True)["distance_moved"])
    spreads = [Spread(*row) for row in records(table, *axes, "median", "low", "high", "n_values")]
    return Sensitivity(
        int(rows["n_features"].iloc[0]),
        similarities(rows),
        tuple(sigmas),
        tuple(sorted(int(f) for f in rows["n_dims"].unique())),
        kernels(rows),
        tuple(spreads),
    )


def draw_sensitivity(numbers: Sensitivity) -> Figure:
    """Draw a row of panels a similarity, a column a sigma; points are medians, bars quartiles."""
    styles = kernel_styles(numbers.kernels)
    n_rows, n_columns = len(numbers.similarities), len(numbers.sigmas)
    figure = new_figure(2.4 * n_rows + 0.7)
    axes = figure.subplots(n_rows, n_columns, sharey="row", sharex=True)
    slots = [(kernel, group) for kernel in numbers.kernels for group in ("features", "controls")]
    for row, similarity in enumerate(numbers.similarities):
        for column, sigma in enumerate(numbers.sigmas):
            panel = axes[row, column]
            for one in numbers.spreads:
                if (one.similarity, one.sigma) != (similarity, sigma):
                    continue
                slot = slots.index((one.kernel, one.group))
                x = numbers.n_dims.index(one.n_dims) + (slot - (len(slots) - 1) / 2) * 0.75 / len(slots)
                colour, marker = styles[one.kernel]
                filled = one.group == "features"
                panel.plot([x, x], [one.low, one.high], color=colour, linewidth=2.0 if filled else 1.2)
                panel.plot(
                    x, one.median, marker=marker, color=colour, markersize=6, linestyle="",
                    markerfacecolor=colour if filled else "#ffffff",
                )  # fmt: skip
            panel.set_xticks(
                range(len(numbers.n_dims)), [_dims(f, numbers.n_features) for f in numbers.n_dims]
            )
            panel.set_xlim(-0.55, len(numbers.n_dims) - 0.45)
            panel.grid(axis="y")
            if row == 0:
                panel.set_title(f"σ = {sigma_label(sigma)}")
            if column == 0:
                panel.set_ylabel(f"{similarity}\ndistance moved", bold=True)
            if row == n_rows - 1:
                panel.set_xlabel("dimension f of the optimal features")
        from_zero(axes[row, 0])
    _legend(figure, styles)
    return figure


def _dims(f: int, n_features: int) -> str:
    relation = "<" if f < n_features - 1 else ("=" if f == n_features - 1 else ">")
    return f"{f}\n{relation} n − 1"


def _widest(rows: pd.DataFrame) -> list[float]:
    """Return the sigmas that were run at the most dimensions: others cannot show what dimension does."""
    counts = rows.groupby("sigma")["n_dims"].nunique()
    return [float(sigma) for sigma in counts.index[counts == counts.max()]]


def _pick(sigmas: list[float]) -> list[float]:
    if len(sigmas) <= MAX_SIGMAS:
        return sigmas
    return [sigmas[0], sigmas[len(sigmas) // 2], sigmas[-1]]


def _legend(figure: Figure, styles: dict[str, tuple[str, str]]) -> None:

    handles = [
        line_handle(color=colour, marker=marker, label=kernel) for kernel, (colour, marker) in styles.items()
    ]
    handles.append(line_handle(color=INK, marker="o", linestyle="", label="features (filled)"))
    handles.append(
        line_handle(color=INK, marker="o", linestyle="", markerfacecolor="#ffffff", label="controls (open)")
    )
    figure.legend(handles)
