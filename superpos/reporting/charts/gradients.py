"""Relative gradients at the ends of each optimiser, over all sets: which ends are minima at all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.arrays import Float
from superpos.kinds.optimisers import OPTIMISERS
from superpos.reporting.charts.optimisers import CRITICAL, FLOOR, STALLED, spread
from superpos.reporting.looks import in_order
from superpos.reporting.selection import POWELL, optimiser_label
from superpos.reporting.study_data import StudyData
from superpos.reporting.style import INK, new_figure
from superpos.reporting.svg import Figure

MAX_POINTS = 1500
"""Ends of an optimiser that are drawn, evenly among all by rising gradient."""


class Gradients(NamedTuple):
    """Ends of the features targets of every set."""

    optimisers: tuple[str, ...]
    values: tuple[Float, ...]
    """Relative gradients of each optimiser, rising."""

    def table(self) -> pd.DataFrame:
        """Return one row an optimiser."""
        rows = [
            (name, own.size, *np.percentile(own, (0, 50, 100)).tolist(), int(np.sum(own <= CRITICAL)))
            for name, own in zip(self.optimisers, self.values, strict=True)
        ]
        return pd.DataFrame(rows, columns=["optimiser", "n", "least", "median", "largest", "n_critical"])


def gradients(data: StudyData) -> Gradients | None:
    """Return the gradients of the ends of features targets; None where nothing was re-optimised."""
    rows = data.fits
    if rows.empty:
        return None
    rows = rows[(rows["target"] == "features") & rows["relative_gradient"].notna()]
    names = in_order(OPTIMISERS, rows["optimiser"].unique())
    own = rows.groupby("optimiser")["relative_gradient"]
    values = tuple(np.sort(own.get_group(name).to_numpy(np.float64)) for name in names)
    return Gradients(names, values) if names else None


def draw_gradients(numbers: Gradients) -> Figure:
    """Draw a strip an optimiser on a log axis, with the bounds of a critical point and of a stall."""
    figure = new_figure(0.55 * len(numbers.optimisers) + 0.95)
    axes = figure.subplot()
    axes.set_xscale("log")
    for place, (name, values) in enumerate(zip(numbers.optimisers, numbers.values, strict=True)):
        chosen = np.unique(np.linspace(0, values.size - 1, min(values.size, MAX_POINTS)).astype(int))
        shown = np.maximum(values[chosen], FLOOR)
        critical = int(np.sum(values <= CRITICAL))
        axes.scatter(
            shown, place + 2.0 * spread(shown.size), s=9, alpha=0.4,
            color="#CC6677" if name == POWELL else "#44AA99",
            tips=[f"{optimiser_label(name)}: {critical:,} of {values.size:,} ends are critical points"],
        )  # fmt: skip
    for level, text in ((CRITICAL, "critical"), (STALLED, "stalled")):
        axes.axvline(level, color=INK, linewidth=0.8, linestyle=(0, (3, 2)))
        axes.text(level, -0.62, f" {text}", ha="left", va="bottom", fontsize=8, color=INK)
    axes.set_yticks(range(len(numbers.optimisers)), [optimiser_label(name) for name in numbers.optimisers])
    axes.set_ylim(len(numbers.optimisers) - 0.4, -0.75)
    axes.set_xlabel("relative gradient at the end")
    axes.grid(axis="x")
    return figure
