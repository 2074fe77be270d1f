"""Best match of a target: one fit for each group of cells that differ in search axes only.

Source: `docs/science.md`, "Best match".

    usable        both statuses among converged, polished, max_iter, stalled; finite `fun_joint` and
                  `distance_final`
    group         every axis but n_dims, lambda_d, restart, trial
    in a group    1. restart of the lowest `fun_joint`, for each n_dims and lambda_d
                  2. trial of the lower median of `distance_final`: the ((m + 1) // 2)-th smallest of m
                  3. the smallest `distance_final`
    ties          smallest `fit_key` (which begins with the joint key)

The whole table is sorted a few times; nothing loops over groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from superpos.arrays import Bool, Int
from superpos.catalogue import names
from superpos.errors import ArgumentError
from superpos.records.fits import USABLE

if TYPE_CHECKING:
    import pandas as pd

SEARCH_AXES = names(roles=("searched",))
"""Axes that are searched over (n_dims, lambda_d, restart, trial); lambda_x is not one (see above)."""
VALUE_COLUMNS = ("fun_joint", "distance_final", "status_joint", "status", "fit_key")


class BestMatches(NamedTuple):
    """Best matches and the groups they were chosen from."""

    rows: pd.DataFrame
    """The chosen rows with all columns of the input, and `n_cells`, `n_usable`; ordered by the group axes."""
    groups: pd.DataFrame
    """Every group: its axes, `n_cells`, `n_usable`; a group with `n_usable` 0 has no row above."""


def best_matches(frame: pd.DataFrame, axes: Sequence[str]) -> BestMatches:
    """Return the best match of every group; the order of the input's rows does not matter.

    Parameters
    ----------
    frame : DataFrame
        One row a fit: the axes, `n_dims, lambda_d, restart, trial`, and `fun_joint, distance_final,
        status_joint, status, fit_key`; further columns are handed through.
    axes : sequence of str
        All axes; the four search axes may be among them.

    Raises
    ------
    ArgumentError
        If a column is missing, an axis or key has missing values, or a key occurs twice.
    """
    group_axes = [axis for axis in dict.fromkeys(axes) if axis not in SEARCH_AXES]
    if not group_axes:
        raise ArgumentError("axes", "names no axis beside those that are searched over")
    _check_columns(frame, group_axes)
    group, groups = _number_groups(frame, group_axes)
    usable = _usable(frame)
    n_groups = len(groups)
    key = _order(frame, "fit_key")
    if np.unique(_combine([group, key])).size < len(frame):
        raise ArgumentError("frame", "a fit_key occurs twice in a group")
    groups["n_cells"] = np.bincount(group, minlength=n_groups)
    groups["n_usable"] = np.bincount(group[usable], minlength=n_groups)

    rows = np.flatnonzero(usable)
    fun = frame["fun_joint"].to_numpy(dtype=np.float64, na_value=np.nan)
    distance = frame["distance_final"].to_numpy(dtype=np.float64, na_value=np.nan)
    restart = _order(frame, "restart")
    cell = _combine([group, _order(frame, "n_dims"), _order(frame, "lambda_d")])

    # 1. Rows of a cell side by side, lowest joint value first: its first row names the restart to keep.
    rows = rows[np.lexsort((key[rows], fun[rows], cell[rows]))]
    first, run = _runs(cell[rows])
    rows = rows[restart[rows] == restart[rows[first]][run]]
    # 2. Its trials by distance: the lower median.
    rows = rows[np.lexsort((key[rows], distance[rows], cell[rows]))]
    first, _ = _runs(cell[rows])
    lengths = np.diff(np.append(first, rows.size))
    rows = rows[first + (lengths - 1) // 2]
    # 3. The nearest cell of the group.
    rows = rows[np.lexsort((key[rows], distance[rows], group[rows]))]
    first, _ = _runs(group[rows])
    rows = rows[first]

    chosen = frame.iloc[rows].reset_index(drop=True)
    counts = groups.iloc[group[rows]]
    chosen["n_cells"] = counts["n_cells"].to_numpy()
    chosen["n_usable"] = counts["n_usable"].to_numpy()
    return BestMatches(chosen, groups)


def _check_columns(frame: pd.DataFrame, group_axes: list[str]) -> None:
    wanted = [*group_axes, *SEARCH_AXES, *VALUE_COLUMNS]
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise ArgumentError("frame", f"lacks the columns {', '.join(missing)}")
    for column in (*group_axes, *SEARCH_AXES, "fit_key"):
        if frame[column].isna().any():
            raise ArgumentError("frame", f"column {column} has missing values; no axis or key may")


def _number_groups(frame: pd.DataFrame, group_axes: list[str]) -> tuple[Int, pd.DataFrame]:
    """Return the group of each row, numbered in the order of the axes, and the table of groups."""
    combined = _combine([_order(frame, axis) for axis in group_axes])
    _, first, numbers = np.unique(combined, return_index=True, return_inverse=True)
    return numbers, frame.iloc[first][group_axes].reset_index(drop=True)


def _usable(frame: pd.DataFrame) -> Bool:
    names = [str(status) for status in USABLE]
    usable = frame["status"].isin(names) & frame["status_joint"].isin(names)
    for column in ("fun_joint", "distance_final"):
        usable &= np.isfinite(frame[column].to_numpy(dtype=np.float64, na_value=np.nan))
    return usable.to_numpy(dtype=np.bool_)


def _order(frame: pd.DataFrame, column: str) -> Int:
    """Return the position of each row's value among the sorted distinct values of a column."""
    import pandas as pd  # lazily: importing this module stays cheap

    codes, _ = pd.factorize(frame[column], sort=True)
    return np.asarray(codes, dtype=np.int64)


def _combine(codes: Sequence[Int]) -> Int:
    """Return one number for each combination of codes from 0, in lexicographic order (with gaps)."""
    combined, largest = codes[0], int(codes[0].max(initial=0))
    for code in codes[1:]:
        base = int(code.max(initial=0)) + 1
        if (largest + 1) * base > np.iinfo(np.int64).max:
            _, combined = np.unique(combined, return_inverse=True)
            largest = int(combined.max(initial=0))
        combined, largest = combined * base + code, largest * base + base - 1
    return np.asarray(combined, dtype=np.int64)


def _runs(values: Int) -> tuple[Int, Int]:
    """Return the start of each run of equal values, and the run that each value belongs to."""
    if values.size == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    starts = np.append(True, values[1:] != values[:-1])
    return np.flatnonzero(starts), np.cumsum(starts) - 1
