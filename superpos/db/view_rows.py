"""Rows of views as questions read them: numbers as numbers, words as categories, of one set at a time.

A view of 10^6 fits has twenty columns of words, most of which hold a handful. A category takes a byte or two
of a row. What fits have of their joint fit, thirty axes, comes from `joint_results`, once for each joint fit;
what matrices have of their target likewise from `psm_results`. So a row of a view is read with its own
columns, and the keys by which it finds the others.

Categories are in the order of their words, so that sorting and grouping do as with the words themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from superpos.arrays import Int
from superpos.catalogue import Level, Role, names
from superpos.db.engine import Database
from superpos.db.tables import studies

AT_ONCE = 20_000
"""Rows that are fetched together."""
SET = ("dataset", "hookpoint", "pooling", "method", "similarity")
"""Axes of a set of features under a similarity, in whatever network."""
_TARGET: tuple[Level, ...] = ("model", "dataset", "activations", "directions", "target")
_OWN: dict[str, tuple[str, tuple[str, ...], tuple[Level, ...]]] = {
    "fit_results": ("joint_results", ("target_key", "joint_key"), (*_TARGET, "kernel", "joint")),
    "joint_results": ("psm_results", ("target_key",), _TARGET),
    "geometry_results": ("psm_results", ("target_key",), _TARGET),
}
"""By view: the view that has a row for several of its rows, by which keys, and the axes of these levels."""
BEHIND_DOT = 34
"""Place, from 1, where the key of the fit axes begins in a `fit_key`."""
_SHOWN: tuple[Role, ...] = ("compared", "setting", "searched", "derived")


def sets_of(database: Database, study_id: int) -> list[dict[str, str]]:
    """Return the values of `SET` of every set of a study, in order."""
    rows = read_rows(database, study_id, "psm_results", SET).drop_duplicates()
    found = sorted(tuple(map(str, row)) for row in rows.itertuples(index=False))
    return [dict(zip(SET, row, strict=True)) for row in found]


def read_rows(
    database: Database,
    study_id: int,
    view: str,
    columns: Sequence[str],
    only: Mapping[str, str] | None = None,
    below: Mapping[str, int] | None = None,
    *,
    ranked: bool = False,
) -> pd.DataFrame:
    """Return columns of the rows of a view, of the study whose newest revision this is.

    Parameters
    ----------
    database
        Where.
    study_id
        The newest revision of the study.
    view, columns
        What is read.
    only
        Values of some columns; all rows by default.
    below
        Numbers that some columns of the view itself lie below; all rows by default.
    ranked
        Have numbers for `fit_key`, in the order of the keys: 10^6 keys as words take 0.3 GB.
    """
    shared, keys, levels = _OWN.get(view, ("", (), ()))
    common = {*names(*levels, roles=_SHOWN), "n_features", "d_hook", *keys} if shared else set()
    taken = [name for name in columns if name in common]
    if not shared or not set(taken) - set(keys):
        return pd.DataFrame(_read(database, study_id, view, columns, only or {}, below or {}, {}), copy=False)
    of_known = {name: value for name, value in (only or {}).items() if name in common}
    known = read_rows(database, study_id, shared, list(dict.fromkeys([*taken, *keys])), of_known)
    if known.empty:
        return pd.DataFrame({name: np.empty(0, dtype=object) for name in columns})
    words = {key: {word: code for code, word in enumerate(known[key].cat.categories)} for key in keys}
    own = [*(name for name in columns if name not in common), *keys]
    rows = _read(database, study_id, view, own, only or {}, below or {}, words, ranked=ranked)
    if not len(rows[own[0]]):  # matrices or joint fits, and nothing of theirs yet
        return pd.DataFrame({name: np.empty(0, dtype=object) for name in columns})
    if ranked and "fit_key" in own:  # begins with that of the joint fit, whose categories are in order
        last = rows["fit_key"]
        rows["fit_key"] = rows["joint_key"].astype(np.int64) * len(last.categories) + last.codes
    stored = [np.asarray(known[key].cat.codes, dtype=np.int64) for key in keys]
    place = _places(stored, [rows[key] for key in keys])
    there = place >= 0  # what another run stores meanwhile is of its own analysis
    place = place[there]
    found = {
        name: known[name].array.take(place) if name in common else rows.pop(name)[there] for name in columns
    }
    return pd.DataFrame(found, copy=False)


def plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with words where there are categories, and integers of the usual size."""
    words = [name for name in rows.columns if isinstance(rows[name].dtype, pd.CategoricalDtype)]
    whole = [name for name in rows.columns if rows[name].dtype == np.int32]
    return rows.astype({**dict.fromkeys(words, "str"), **dict.fromkeys(whole, "int64")})


def _places(known: Sequence[Int], wanted: Sequence[Int]) -> Int:
    """Return where rows of codes stand among distinct rows of codes, -1 for one that is not there."""
    bases = [
        1 + max(int(a.max(initial=0)), int(b.max(initial=0))) for a, b in zip(known, wanted, strict=True)
    ]

    def numbers(columns: Sequence[Int]) -> Int:
        found = columns[0].astype(np.int64)
        for column, base in zip(columns[1:], bases[1:], strict=True):
            found = found * base + column
        return found

    own, asked = numbers(known), numbers(wanted)
    order = np.argsort(own)
    place = order[np.minimum(np.searchsorted(own, asked, sorter=order), len(own) - 1)]
    return np.where(own[place] == asked, place, -1)


def _read(
    database: Database,
    study_id: int,
    view: str,
    columns: Sequence[str],
    only: Mapping[str, str],
    below: Mapping[str, int],
    words: Mapping[str, dict[str, int]],
    *,
    ranked: bool = False,
) -> dict[str, Any]:
    """Return columns of a view; of those of `words` the codes of words, which the others do not have.

    Where they are `ranked`, of `fit_key` the part behind the dot.
    """
    name = sa.select(studies.c.name).where(studies.c.study_id == study_id).scalar_subquery()
    table = sa.table(view, sa.column("study"), *(sa.column(column) for column in {*columns, *only, *below}))
    selected: dict[str, sa.ColumnElement[Any]] = {column: table.c[column] for column in columns}
    if ranked and "fit_key" in selected:
        selected["fit_key"] = sa.func.substr(table.c.fit_key, BEHIND_DOT)
    query = sa.select(*selected.values()).where(
        table.c.study == name,
        *(table.c[column] == value for column, value in only.items()),
        *(table.c[column] < value for column, value in below.items()),
    )
    found = [_Column(words.get(column)) for column in columns]
    with database.read() as connection:
        rows = connection.execution_options(yield_per=AT_ONCE).execute(query)
        for part in rows.partitions(AT_ONCE):
            for column, values in zip(found, zip(*part, strict=True), strict=True):
                column.add(values)
    return {name: column.all() for name, column in zip(columns, found, strict=True)}


class _Column:
    """A column that is read piece by piece."""

    def __init__(self, words: dict[str, int] | None) -> None:
        self._coded = words is not None
        self._words: dict[str, int] = dict(words or {})
        self._pieces: list[np.ndarray[Any, Any]] = []

    def add(self, values: Sequence[Any]) -> None:
        kinds = set(map(type, values))
        if str in kinds:
            words = self._words
            codes = (-1 if word is None else words.setdefault(word, len(words)) for word in values)
            self._pieces.append(np.fromiter(codes, np.int32, len(values)))
        elif kinds == {int}:
            whole = np.array(values, dtype=np.int64)
            self._pieces.append(whole.astype(np.int32) if abs(whole).max() < 2**31 else whole)
        else:
            self._pieces.append(np.array(values, dtype=np.float64))  # NULL is NaN

    def all(self) -> Any:
        """Return codes, numbers, or words as categories in the order of words."""
        if not self._words:
            return np.concatenate(self._pieces) if self._pieces else np.empty(0, dtype=object)
        pieces = [
            np.full(len(piece), -1, np.int32) if piece.dtype.kind == "f" else piece for piece in self._pieces
        ]
        codes = np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int32)
        self._pieces.clear()
        if self._coded:
            return codes
        ordered = sorted(self._words)
        rank = np.empty(len(ordered) + 1, dtype=np.min_scalar_type(-max(len(ordered), 1)))
        rank[[self._words[word] for word in ordered]] = np.arange(len(ordered))
        rank[-1] = -1  # of NULL
        ranks: np.ndarray[Any, np.dtype[np.int32]] = rank[codes]  # of as few bytes as do
        return pd.Categorical.from_codes(ranks, categories=pd.Index(ordered))
