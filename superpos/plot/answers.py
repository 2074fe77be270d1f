"""Answers as a forest: a line a set and control, estimate and interval, filled where it is shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from superpos.errors import ArgumentError
from superpos.plot.frames import axes_of, require_columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLOURS = {"shown": "#117733", "suggested": "#DDCC77", "shown absent": "#332288"}
"""By strength; what is neither is grey."""
FAINT = "#9aa5b1"


def answers(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw answers to one question: how far the features lie from each control, by set.

    Parameters
    ----------
    frame
        Rows of the view `answers`; those without an estimate are left out. One question, for estimates of two
        have no common axis.
    ax
        Axes to draw on; new ones by default.

    Returns
    -------
    Axes
        A line a row, the largest estimate on top. A mark is filled where the answer is shown; an interval is
        drawn where there is one.

    Raises
    ------
    ArgumentError
        If columns are missing, the rows are of several questions or units, or none has an estimate.
    """
    require_columns(frame, "question", "dataset", "control", "estimate", "low", "high", "unit", "strength")
    rows = frame[frame["estimate"].notna()]
    if rows.empty:
        raise ArgumentError("frame", "has no answer with an estimate")
    for column in ("question", "unit"):
        values = sorted(set(rows[column]))
        if len(values) > 1:
            raise ArgumentError("frame", f"has rows of several {column}s ({', '.join(values)}); keep one")
    rows = rows.sort_values("estimate", ascending=False, kind="stable")
    axes = axes_of(ax, 1.0 + 0.28 * len(rows))
    columns = ["estimate", "low", "high", "strength"]
    for place, (estimate, low, high, strength) in enumerate(rows[columns].itertuples(index=False)):
        colour = COLOURS.get(strength, FAINT)
        if low is not None and high is not None and not (math.isnan(low) or math.isnan(high)):
            axes.plot([low, high], [place, place], color=colour, linewidth=1.6)
        face = colour if strength == "shown" else "white"
        axes.plot(estimate, place, marker="o", color=colour, markerfacecolor=face, linestyle="")
    axes.axvline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    labels = []
    for _, row in rows.iterrows():
        where = [str(row[name]) for name in ("hookpoint", "similarity", "optimiser") if row.get(name)]
        place_ = f" ({', '.join(where)})" if where else ""
        labels.append(f"{row['dataset'] or 'all sets'}{place_} / {str(row['control']).replace('_', ' ')}")
    axes.set_yticks(range(len(rows)), labels, parse_math=False, fontsize="small")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(f"features minus control ({rows['unit'].iloc[0]})", parse_math=False)
    axes.set_title(str(rows["question"].iloc[0]).replace("_", " "), parse_math=False)
    return axes
