"""Samples and labels of each family of folders of the sparse-probing paper, exactly as the folder says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from superpos.arrays import Bool, Int
from superpos.datasets.sparse_probing.columns import SavedRows
from superpos.datasets.sparse_probing.families import CLASS_COLUMN, CLASSES, INDICES
from superpos.errors import InputError, allowed

COMPOUND_LABELS = {"bigram": 1, "missing_first": -1, "missing_second": -1, "1": 1, "-1": -1}
"""What the column `label` of compound words may hold, and what it means."""


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Samples in the order of (row, position), each once."""

    names: tuple[str, ...]
    """Features."""
    rows: Int
    """(n_samples,)."""
    positions: Int
    """Last token of each sample within its row, (n_samples,)."""
    lengths: Int
    """Tokens of each sample, (n_samples,)."""
    labels: Bool
    """(n_samples, n_features)."""
    members: Bool
    """(n_samples, n_features)."""
    n_repeated: int = 0
    """Positions that a row named again."""
    n_contradictory: int = 0
    """Positions that a row named with both labels, each time that it did; they are left out."""

    def kept(self, which: Bool) -> Marks:
        """Return the samples chosen by a mask, (n_samples,)."""
        return replace(
            self,
            rows=self.rows[which],
            positions=self.positions[which],
            lengths=self.lengths[which],
            labels=self.labels[which],
            members=self.members[which],
        )


def read_marks(saved: SavedRows, family: str, row_lengths: Int, asked: tuple[str, ...]) -> Marks:
    """Return the samples of a folder.

    Parameters
    ----------
    family
        As `folder_family` says.
    row_lengths
        Tokens of each row, (n_rows,).
    asked
        Features or classes to keep, in this order; empty = all. Rows of classes that are not kept are left
        out.

    Raises
    ------
    InputError
        For a feature that is not there, a position outside of its row, a label other than -1 and 1, and cells
        that are empty.
    """
    if family == "features":
        return _of_features(saved, row_lengths, asked)
    if family == "compound_words":
        return _of_compound_words(saved, row_lengths, asked)
    classes = saved.classes(CLASS_COLUMN[family])
    saved.refuse_blank(CLASS_COLUMN[family], classes)
    names = choose_names(saved, CLASS_COLUMN[family], classes.names, asked)
    column = np.array([names.index(name) if name in names else -1 for name in classes.names], dtype=np.int64)
    own = column[classes.codes] if len(column) else classes.codes
    if family == "wikidata":
        rows, positions, lengths, repeated = *_spans(saved, row_lengths), 0
    else:
        rows, positions, repeated = _positions(saved, row_lengths)
        lengths = np.ones_like(rows)
    labels = own[rows, None] == np.arange(len(names))
    marks = Marks(names, rows, positions, lengths, labels, np.ones_like(labels), repeated)
    return marks.kept(own[rows] >= 0)


def choose_names(
    saved: SavedRows, column: str, there: list[str], asked: tuple[str, ...], *, in_order: bool = False
) -> tuple[str, ...]:
    """Return the features asked for, else all that are there, sorted unless their order means something."""
    for name in asked:
        if name not in there:
            raise InputError(
                f"{saved.place}: column {column!r}: no {name!r} there; {allowed(name, sorted(there))}"
            )
    return asked or tuple(there if in_order else sorted(there))


def _of_features(saved: SavedRows, row_lengths: Int, asked: tuple[str, ...]) -> Marks:
    """Return the positions that each feature has in columns of its own."""
    there = [name.removesuffix(INDICES) for name in saved.table.column_names if name.endswith(INDICES)]
    names = choose_names(saved, f"<feature>{INDICES}", there, asked, in_order=True)
    stride = int(row_lengths.max(initial=0)) + 1
    found: list[tuple[Int, Bool]] = []
    repeated = contradictory = 0
    for name in names:
        keys, labels, again, torn = _of_one_feature(saved, row_lengths, name, stride)
        found.append((keys, labels))
        repeated += again
        contradictory += torn
    keys = np.unique(np.concatenate([item[0] for item in found]))
    labels = np.zeros((len(keys), len(names)), dtype=np.bool_)
    members = np.zeros_like(labels)
    for place, (own, positive) in enumerate(found):
        where = np.searchsorted(keys, own)
        labels[where, place] = positive
        members[where, place] = True
    places = (keys // stride, keys % stride, np.ones_like(keys))
    return Marks(names, *places, labels, members, repeated, contradictory)


def _of_one_feature(saved: SavedRows, row_lengths: Int, name: str, stride: int) -> tuple[Int, Bool, int, int]:
    """Return row * stride + position of the samples, ascending, and their labels.

    Then how many repeat an earlier one, and how many are left out since their position has both labels.
    """
    indices, classes = saved.ragged(name + INDICES), saved.ragged(name + CLASSES)
    unequal = np.flatnonzero(indices.lengths != classes.lengths)
    if len(unequal):
        row = int(unequal[0])
        says = f"{classes.lengths[row]} labels for {indices.lengths[row]} positions"
        raise saved.refuse(row, name + CLASSES, says)
    rows = indices.rows
    strange = np.flatnonzero(np.abs(classes.values) != 1)
    if len(strange):
        first = int(strange[0])
        raise saved.refuse(int(rows[first]), name + CLASSES, f"label {classes.values[first]}; allowed: -1, 1")
    _check_positions(saved, name + INDICES, rows, indices.values, row_lengths)
    keys = rows * stride + indices.values
    order = np.argsort(keys, kind="stable")
    keys, positive = keys[order], classes.values[order] > 0
    again = keys[1:] == keys[:-1]
    torn = np.isin(keys, keys[1:][again & (positive[1:] != positive[:-1])])
    keys, positive = keys[~torn], positive[~torn]
    repeated = int(np.count_nonzero(keys[1:] == keys[:-1]))
    return keys, positive, repeated, int(np.count_nonzero(torn))


def _of_compound_words(saved: SavedRows, row_lengths: Int, asked: tuple[str, ...]) -> Marks:
    """Return the last token of each row, which belongs to the feature that the row names."""
    features, said = saved.classes("feature_name"), saved.classes("label")
    saved.refuse_blank("feature_name", features)
    for code, label in enumerate(said.names):
        if label not in COMPOUND_LABELS:
            row = int(np.argmax(said.codes == code))
            raise saved.refuse(row, "label", f"{label!r}; {allowed(label, COMPOUND_LABELS)}")
    names = choose_names(saved, "feature_name", features.names, asked)
    column = np.array([names.index(name) if name in names else -1 for name in features.names], dtype=np.int64)
    positive = np.array([COMPOUND_LABELS[label] > 0 for label in said.names], dtype=np.bool_)
    rows = np.arange(len(row_lengths))
    own = column[features.codes] if len(column) else features.codes
    members = own[:, None] == np.arange(len(names))
    labels = members & (positive[said.codes][:, None] if len(positive) else members)
    marks = Marks(names, rows, row_lengths - 1, np.ones_like(rows), labels, members)
    return marks.kept((own >= 0) & (row_lengths > 0))


def _positions(saved: SavedRows, row_lengths: Int) -> tuple[Int, Int, int]:
    """Return rows and positions that all classes share, each once, and how many were repeated."""
    indices = saved.ragged("probe_indices")
    rows = indices.rows
    _check_positions(saved, "probe_indices", rows, indices.values, row_lengths)
    stride = int(row_lengths.max(initial=0)) + 1
    keys = np.unique(rows * stride + indices.values)
    return keys // stride, keys % stride, len(rows) - len(keys)


def _spans(saved: SavedRows, row_lengths: Int) -> tuple[Int, Int, Int]:
    """Return rows, last positions and lengths of the surnames."""
    rows = np.arange(len(row_lengths))
    first, last = saved.integers("surname_index_start"), saved.integers("surname_index_end")
    _check_positions(saved, "surname_index_end", rows, last, row_lengths)
    wrong = np.flatnonzero((first < 0) | (first > last))
    if len(wrong):
        row = int(wrong[0])
        raise saved.refuse(
            row, "surname_index_start", f"{first[row]} is not between 0 and the end, {last[row]}"
        )
    return rows, last, last - first + 1


def _check_positions(saved: SavedRows, column: str, rows: Int, positions: Int, row_lengths: Int) -> None:
    outside = np.flatnonzero((positions < 0) | (positions >= row_lengths[rows]))
    if len(outside):
        row, place = int(rows[outside[0]]), int(positions[outside[0]])
        raise saved.refuse(row, column, f"position {place} in a row of {row_lengths[row]} tokens")
