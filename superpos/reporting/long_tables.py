"""Tables of a row a draw: where they are long they hold the first draws, and say how to get the others.

Figures show every draw. A file of half a million rows, though, is one that no spreadsheet opens.
"""

from __future__ import annotations

import shlex
from typing import NamedTuple

import pandas as pd

from superpos.db import first_draws as draws

AT_MOST_ROWS = draws.AT_MOST_ROWS
"""A longer table holds the first draws of each control only."""
FIRST_DRAWS = draws.FIRST_DRAWS
"""Draws of a long table."""
DRAW_COLUMNS = ("replicate", "label_replicate")
"""Columns that number draws; what is no draw is 0 or below."""


class Table(NamedTuple):
    """A table as it is written."""

    name: str
    """Of its file, without suffix; that of the view it is of."""
    frame: pd.DataFrame
    left_out: str = ""
    """What it lacks and where that is, in words; empty where it lacks nothing."""


def first_draws(view: str, frame: pd.DataFrame, study: str, n_rows: int | None = None) -> Table:
    """Return the table of a view: whole, or the first draws where it is long.

    Parameters
    ----------
    view
        Its name.
    frame
        Its rows, or those of the first draws.
    study
        Named in the words on how to get the others.
    n_rows
        Rows of the view in the database; those of `frame` by default.
    """
    total = len(frame) if n_rows is None else n_rows
    numbered = [column for column in DRAW_COLUMNS if column in frame.columns]
    if total <= AT_MOST_ROWS or not numbered:
        return Table(view, frame)
    kept = frame[(frame[numbered] < FIRST_DRAWS).all(axis=1)]
    if len(kept) == total:
        return Table(view, frame)
    return Table(
        view,
        kept,
        f"{view}.csv has the first {FIRST_DRAWS} draws of each control, {len(kept):,} of {total:,} rows; "
        f"the view {view} of the database has all of them, and superpos export --study {shlex.quote(study)} "
        "--out FOLDER writes them",
    )
