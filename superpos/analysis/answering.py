"""From the rows of a view to answers: each set of features against each control, alone.

    set         model, revision, data set, hookpoint, pooling, method, similarity, and optimiser where there
                is one: what a sentence is about. Sets are counted, never pooled
    control     a kind of target by its replicates, or a scheme of weights by its seeds
    cell        the same value of every other axis in features and control: of f and sigma above all
    column      layer and kernel; a draw is the same one in all of them
    family      the sets of one question, similarity and optimiser against one control

One setting is compared (`superpos.analysis.settings`), at one sigma where there are several.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from superpos.analysis.against_control import Comparison, compare, with_interval
from superpos.analysis.settings import (
    DIRECTION_SETTING,
    balanced,
    headline_sigma,
    keep_main,
    main_fits,
    main_joints,
    main_targets,
)
from superpos.arrays import Bool, Float, Int
from superpos.catalogue import names
from superpos.kinds.controls import CONTROLS, FEATURES
from superpos.kinds.questions import Question

SUBJECT = ("model", "revision", "dataset", "hookpoint", "pooling", "method")
"""Axes of a set of directions; similarity and optimiser are added to them where a view has them."""
WEIGHTS = ("model_weights", "model_seed")
TRAINED = "pretrained"
SHUFFLED = "shuffled_labels"
COLUMN = ("layer", "kernel")
MOST = 0.9
"""Share of draws that must have a cell."""
AXES = (*names(roles=("compared", "setting", "searched")), "kernel")
MATRIX = names("model", "dataset", "activations", "directions", "target", roles=("compared", "setting"))
"""Axes of a target similarity matrix."""
_MAIN: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "fit_results": main_fits,
    "joint_results": main_joints,
    "geometry_results": main_targets,
    "explained_results": main_targets,
    "psm_results": main_targets,
    "probe_results": lambda rows: keep_main(rows, DIRECTION_SETTING, ("hookpoint",)),
}


class Compared(NamedTuple):
    """A set of features against one control, as numbers."""

    subject: dict[str, str]
    """Values of `SUBJECT`, `similarity` and `optimiser`."""
    control: str
    found: Comparison | None
    """None where no cell can carry a claim."""
    columns: tuple[tuple[int, str], ...]
    """Layer and kernel of each column; the kernel is empty where there is none."""
    n_rows: int
    """Rows of the features."""
    n_unsound: int
    """Those of them that carry no claim."""
    note: str = ""
    """What the question says of them besides."""


class Networks(NamedTuple):
    """Which networks a study has, whatever rows of it are at hand."""

    trained: bool
    """Whether there are trained weights, or directions without a network; else every network is as good."""
    one: bool
    """Whether these are of one model."""


def networks(rows: pd.DataFrame) -> Networks:
    """Return the networks of rows with `model` and `model_weights`."""
    trained = rows["model_weights"].isin([TRAINED, ""])
    own = rows["model"][trained] if trained.any() else rows["model"]
    return Networks(bool(trained.any()), own.nunique() == 1)


def axes_of(question: Question) -> tuple[str, ...]:
    """Return the columns of its view that a question needs."""
    fixed = ["study", "corpus", "energy", "s"]
    wanted = {
        "geometry_results": MATRIX,
        "explained_results": MATRIX,
        "psm_results": MATRIX,
        "probe_results": names("model", "dataset", "activations", "directions"),
        "joint_results": names("model", "dataset", "activations", "directions", "target", "kernel", "joint"),
        "fit_results": names(),
    }[question.view]
    there = [name for name in AXES if name in wanted and name not in fixed]
    extra = {
        "probe_results": ["feature", "label_replicate"],
        "geometry_results": ["kernel", "softening", "n_dims"],
        "explained_results": ["kernel", "softening"],
        "psm_results": [],
    }
    more = extra.get(question.view, ["kernel", "config_key"])
    return tuple(dict.fromkeys([*there, *more, *question.columns]))


Drawn = Callable[[pd.DataFrame], Float | None]
"""From rows of features to their numbers under B bootstraps of the samples, (B, rows), if there are any."""


def compared(
    question: Question, frame: pd.DataFrame, of: Networks | None = None, drawn: Drawn | None = None
) -> Iterator[Compared]:
    """Yield every set of features of a view against each of its controls.

    Parameters
    ----------
    question
        What is asked.
    frame
        Rows of its view with the columns of `axes_of`, of one data set or of several.
    of
        The networks of the study; those of the rows by default.
    drawn
        What bootstraps of the samples say of rows; without it no estimate has an interval. Of a question that
        prepares its rows there is none: a choice would have to be made again.
    """
    rows = _uniform(question, frame)
    there = [name for name in (*SUBJECT, "similarity") if name in rows.columns]
    known = networks(rows) if of is None else of
    trained = is_trained(rows, known)
    networks_drawn = keep(rows, ~trained)
    for values, own in each(keep(rows, trained), there):
        subject = dict(zip(there, values, strict=True))
        chosen = _MAIN[question.view](own)
        others = _other_weights(networks_drawn, known, subject)
        for optimiser, part in by_optimiser(chosen):
            again = drawn if question.prepare is None else None
            yield from _against(question, {**subject, "optimiser": optimiser}, part, others, again)


def _uniform(question: Question, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are asked about, with `target`, `replicate` and the compared `value_`."""
    rows = frame if question.rows is None else keep(frame, question.rows(frame))
    rows = rows if question.prepare is None else question.prepare(rows)
    value = question.value(rows).astype("float64")
    if question.p_value:  # rows without the number have their reason against relabelled features
        rows, value = keep(rows, value.notna()), value[value.notna()]
    sound = pd.Series(True, index=rows.index) if question.sound is None else question.sound(rows)
    rows = rows.assign(value_=value.where(sound), unsound_=~sound)
    if "target" not in rows.columns:  # of probes: labels as they are, or permuted
        permuted = rows["label_replicate"] >= 0
        rows = rows.assign(
            target=np.where(permuted, SHUFFLED, FEATURES), replicate=rows["label_replicate"].clip(lower=0)
        )
    return rows


def keep(rows: pd.DataFrame, kept: pd.Series) -> pd.DataFrame:
    """Return the rows that are kept, without a copy where all are."""
    return rows if kept.all() else rows[kept]


def each(rows: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Yield the rows of every combination of words of some columns, in order; no copy where there is one."""
    number = rows.groupby(list(columns), sort=True, observed=True).ngroup()
    for group in np.unique(number):
        part = keep(rows, number == group)
        yield tuple(str(part[name].iloc[0]) for name in columns), part


def is_trained(rows: pd.DataFrame, of: Networks | None = None) -> pd.Series:
    """Return which rows are of trained weights or of none; all, where there are none of these."""
    trained = rows["model_weights"].isin([TRAINED, ""])
    there = trained.any() if of is None else of.trained
    return trained if there else pd.Series(True, index=rows.index)


def trained_rows(rows: pd.DataFrame, of: Networks | None = None) -> pd.DataFrame:
    """Return the rows that `is_trained` names."""
    return keep(rows, is_trained(rows, of))


def _other_weights(drawn: pd.DataFrame, of: Networks, subject: dict[str, str]) -> pd.DataFrame:
    """Return the features' rows of the network with other weights: of its name, or the only one there is.

    A study may give them a name of their own, so that where it has one trained model every other is its
    counterpart.
    """
    same = [name for name in ("dataset", "hookpoint", "pooling", "method", "similarity") if name in subject]
    rows = keep(drawn, drawn["target"] == FEATURES)
    for name in same:
        rows = keep(rows, rows[name] == subject[name])
    named = keep(rows, rows["model"] == subject["model"])
    rows = rows if named.empty and of.one else named
    weights = rows["model_weights"].astype("str") + " weights"
    return rows.assign(target=weights, replicate=rows["model_seed"])


def by_optimiser(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the rows of each optimiser at its headline sigma; all rows under an empty name without any."""
    if "optimiser" not in rows.columns:
        yield "", rows
        return
    for (optimiser,), part in each(rows, ["optimiser"]):
        whole = balanced(part)
        yield optimiser, keep(whole, whole["sigma"] == headline_sigma(whole))


def _against(
    question: Question,
    subject: dict[str, str],
    own: pd.DataFrame,
    others: pd.DataFrame,
    again: Drawn | None = None,
) -> Iterator[Compared]:
    is_features = own["target"] == FEATURES
    if not is_features.any():
        return
    resampled = None if again is None else again(own[is_features])
    skip = {*SUBJECT, *WEIGHTS, "similarity", "optimiser", "target", "replicate", "corpus"}
    cell = [name for name in (*AXES, "feature") if name in own.columns and name not in skip]
    if question.note is None:  # nothing else is read
        needed = [*cell, "target", "replicate", "value_", "unsound_"]
        own, others = own[needed], others[needed]
    features, drawn = own[is_features], keep(own, ~is_features)
    drawn = drawn if others.empty else pd.concat([drawn, others])
    # Groups of twenty columns are slow, and most of them hold one value.
    cell = [name for name in cell if name in COLUMN or _varies(features[name], drawn[name])]
    for (control,), draws in each(drawn, ["target"]):
        columns_ = [*cell, "replicate", "value_"]
        both = pd.concat([features[columns_].assign(replicate=-1), draws[columns_]])
        table, columns, cell_of = _table(both, cell)
        found, used = _complete(table, columns)
        if found is not None and resampled is not None and not is_of_matrix(control):
            values = _by_cell(resampled, cell_of[: len(features)], len(columns))
            found = with_interval(found, values[:, used], columns[used], floor_of(question))
        keys = _column_names(both)
        n_unsound = int(features["unsound_"].sum())
        note = "" if question.note is None or found is None else question.note(features, draws)
        yield Compared(subject, control, found, keys, len(features), n_unsound, note)


def floor_of(question: Question) -> float:
    """Return what the numbers of a question never fall below: 0, the bound, where they are scaled by it."""
    return 0.0 if "value_scaled" in question.columns and "value" not in question.columns else math.nan


def is_of_matrix(control: str) -> bool:
    """Return whether the draws of a control are made of the features' matrix itself.

    They move with it when samples are drawn again, so that they cannot be held: the energy of permuted
    entries is that of the features, whatever the samples.
    """
    return control in CONTROLS.names() and CONTROLS.get(control).draws_from == "matrix"


def _varies(first: pd.Series, second: pd.Series) -> bool:
    return len(set(first.unique()) | set(second.unique())) > 1


def _by_cell(values: Float, cell_of: Int, n_cells: int) -> Float:
    """Return the means (B, cells) of values (B, rows) over the rows of each cell; NaN where there is none."""
    sums = np.stack([np.bincount(cell_of, weights=row, minlength=n_cells) for row in values])
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.bincount(cell_of, minlength=n_cells), dtype=np.float64)


def _table(both: pd.DataFrame, cell: Sequence[str]) -> tuple[pd.DataFrame, Int, Int]:
    """Return values by draw (rows, -1 the features) and cell (columns).

    Then the column of each cell, and the cell of each row of `both`.
    """
    column = [name for name in COLUMN if name in both.columns]
    place = both.groupby(column, sort=True, observed=True).ngroup()
    number = both.groupby(list(cell), sort=True, observed=True, dropna=False).ngroup()
    rows = pd.DataFrame({"draw": both["replicate"], "cell": number, "value": both["value_"]})
    table = rows.pivot_table(index="draw", columns="cell", values="value", aggfunc="mean", dropna=False)
    column_of = pd.Series(place.to_numpy(), index=number.to_numpy())
    first = column_of[~column_of.index.duplicated()]
    column_of_cell: Int = np.asarray(first.reindex(table.columns), dtype=np.int64)
    return table, column_of_cell, np.asarray(number, dtype=np.int64)


def _column_names(both: pd.DataFrame) -> tuple[tuple[int, str], ...]:
    column = [name for name in COLUMN if name in both.columns]
    there = both[column].drop_duplicates().sort_values(column)
    kernel = there["kernel"].astype(str).tolist() if "kernel" in column else [""] * len(there)
    return tuple(zip(map(int, there["layer"]), kernel, strict=True))


def _complete(table: pd.DataFrame, columns: Int) -> tuple[Comparison | None, Bool]:
    """Compare the features with the draws in the cells that they share; return these, too.

    Of the features' cells those count that `MOST` of the draws have, and of the draws those that have all of
    these: of a draw that was run on fewer layers none counts, and of a cell where many draws end at no
    minimum likewise.
    """
    if -1 not in table.index or len(table) < 2:
        return None, np.zeros(len(columns), dtype=np.bool_)
    values: Float = table.loc[-1].to_numpy(np.float64)
    draws: Float = table.drop(index=-1).to_numpy(np.float64)
    there = np.isfinite(draws) & np.isfinite(values)
    most = there.sum(axis=1) >= MOST * there.sum(axis=1).max()
    cells = there.any(axis=0) & (there[most].mean(axis=0) >= MOST)
    whole = there[:, cells].all(axis=1)
    if not cells.any() or not whole.any():
        return None, cells
    return compare(values[cells], draws[np.ix_(whole, cells)], columns[cells]), cells
