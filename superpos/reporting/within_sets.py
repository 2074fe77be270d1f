"""What a figure over several feature sets shows of each: chosen within the set, and what is left out and why.

A set has settings of its own: rows of an embedding matrix have no pooling, no probe and no layer but -1. One
setting for all sets would leave out every set that was not run under it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from superpos.analysis.settings import (
    KERNEL_SETTING,
    OPTIMISER_SETTING,
    SIMILARITY_SETTING,
    balanced,
    headline_sigma,
    main_fits,
)
from superpos.reporting.selection import axis_in_words, main_optimiser

SUBJECT = ("dataset", "model", "revision", "hookpoint")
"""Columns that tell one set of directions from another; the first names it for people."""
SETTING = (*SIMILARITY_SETTING, *KERNEL_SETTING, *OPTIMISER_SETTING)
MANY = 6
"""Values of a column from which they are counted rather than named."""


class Step(NamedTuple):
    """One choice: what it keeps, and how to say what it leaves out."""

    choose: Callable[[pd.DataFrame], pd.DataFrame]
    reason: str
    columns: Sequence[str]
    """Columns whose values of the rows left out are named."""


class Shown(NamedTuple):
    """Rows that are shown, with a column `subject` that names their set, and what is not."""

    rows: pd.DataFrame
    left_out: tuple[str, ...]
    """One line for each set of which rows are left out."""


def by_powell(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of Powell's method; where it did not run, of another optimiser that holds the norms."""
    return frame[frame["optimiser"] == main_optimiser(frame)]


def at_headline_sigma(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows at the perturbation nearest to that of the thesis."""
    return frame[frame["sigma"] == headline_sigma(frame)]


POWELL = Step(by_powell, "by another optimiser", ("optimiser",))
MAIN_SETTING = Step(main_fits, "under another setting", SETTING)
MOST_LAYERS = Step(balanced, "that half of the layers or fewer have", ("target", "sigma"))
HEADLINE = Step(at_headline_sigma, "at another perturbation", ("sigma",))


def within_sets(frame: pd.DataFrame, steps: Sequence[Step]) -> Shown:
    """Return what some choices, made one after the other within each set, keep of the rows of a view.

    Parameters
    ----------
    frame
        Rows of `fit_results` or `best_matches` with the columns of `SUBJECT` and those the steps read.
    steps
        The choices in their order.
    """
    if frame.empty:
        return Shown(frame.assign(subject=""), ())
    labels = _labels(frame)
    kept: list[pd.DataFrame] = []
    lines: list[str] = []
    for name, part in frame.groupby(list(SUBJECT), sort=True):
        label, rows, reasons = labels[name], part, []
        for step in steps:
            chosen = step.choose(rows)
            if len(chosen) < len(rows):
                lost = rows.drop(chosen.index)
                reasons.append(f"{len(lost):,} {step.reason}{_values(lost, chosen, step.columns)}")
            rows = chosen
        kept.append(rows.assign(subject=label))
        if reasons:
            lines.append(
                f"{label}: {len(rows):,} of {len(part):,} rows shown; left out: {'; '.join(reasons)}"
            )
    return Shown(pd.concat(kept), tuple(lines))


def _labels(frame: pd.DataFrame) -> dict[tuple[object, ...], str]:
    """Return a name for each set: the data set's, and what else tells it from others of that name."""
    rows = frame[list(SUBJECT)].drop_duplicates()
    found: dict[tuple[object, ...], str] = {}
    for dataset, part in rows.groupby("dataset", sort=True):
        telling = [column for column in SUBJECT[1:] if part[column].nunique() > 1]
        for row in part.itertuples(index=False):
            others = [str(getattr(row, column)) for column in telling]
            found[tuple(row)] = " ".join([str(dataset), *filter(None, others)])
    return found


def _values(lost: pd.DataFrame, kept: pd.DataFrame, columns: Sequence[str]) -> str:
    """Return, in brackets, the values of the columns that rows left out have and rows kept have not."""
    parts = []
    for column in columns:
        values = sorted(set(lost[column]) - set(kept[column]))
        if len(values) >= MANY:
            parts.append(f"{len(values)} values of {axis_in_words(column)}")
        elif values:
            shown = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
            parts.append(f"{axis_in_words(column)} {shown}")
    return f" ({'; '.join(parts)})" if parts else ""
