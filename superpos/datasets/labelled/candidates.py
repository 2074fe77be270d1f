"""The texts of all files of a set with their features, and which of them a split keeps together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from superpos.arrays import Int
from superpos.datasets.labelled.features import Features, Truth, features_of
from superpos.datasets.labelled.options import LabelledTextOptions
from superpos.datasets.labelled.rows import COUNTED, FileRows, Label, read_rows
from superpos.datasets.spellings import spelled_alike
from superpos.errors import InputError, shown


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may be a sample."""

    text: str
    document: str
    truth: Truth
    groups: frozenset[str]
    """What `group_key` says of its rows."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """All of them, in the order of their texts, and what was counted."""

    names: tuple[str, ...]
    """Of the features."""
    texts: tuple[Candidate, ...]
    rows: dict[str, int]
    edges: dict[str, list[float]]
    """Where numbers were divided, of a set or of each file."""
    labels_alike: list[list[str]]


def read_candidates(options: LabelledTextOptions) -> Candidates:
    """Read the files of a set; raises as `read_rows` and `features_of`, or if a file has several classes."""
    if options.file:
        rows = read_rows(options, options.file)
        found = features_of(options, rows)
        return _gathered(found.names, [(rows, found)], {options.label_key: found.edges})
    files: list[tuple[FileRows, Features]] = []
    for number, one in enumerate(options.files):
        rows = read_rows(options, one.file)
        found = features_of(options, rows)
        if len(found.names) > 1:
            raise InputError(
                f"{rows.where}: files.{one.name}: has the classes "
                f"{', '.join(map(shown, found.names))}; of several files each is one feature: say which "
                "labels make it true (positive), or give the file alone (file)"
            )
        for row in rows.texts.values():  # files in several folders may have one name
            row.document = f"{one.name}/{row.document}"
        files.append((rows, _at_column(found, number, len(options.files))))
    names = tuple(one.name for one in options.files)
    edges = {name: found.edges for name, (_, found) in zip(names, files, strict=True)}
    return _gathered(names, files, edges)


def _at_column(found: Features, column: int, width: int) -> Features:
    """Return the one feature of a file as one of several: the texts are no samples of the others."""

    def truth(label: Label) -> Truth | None:
        own = found.truth(label)
        return None if own is None else (*(None,) * column, *own, *(None,) * (width - column - 1))

    return replace(found, truth=truth)


def _gathered(
    names: tuple[str, ...],
    files: Sequence[tuple[FileRows, Features]],
    edges: Mapping[str, tuple[float, ...]],
) -> Candidates:
    counts = {name: sum(rows.counts[name] for rows, _ in files) for name in COUNTED}
    counts |= {"other_labels": 0, "in_several_files": 0}
    found: dict[str, Candidate] = {}
    labels: set[str] = set()
    for rows, features in files:
        for text, row in rows.texts.items():
            truth = features.truth(row.label)
            labels |= {row.label} if isinstance(row.label, str) else {one for one in row.label if one}
            if truth is None:
                counts["other_labels"] += row.n_rows
                continue
            groups = frozenset(row.groups)
            if before := found.get(text):
                counts["in_several_files"] += 1
                truth = tuple(b if a is None else a for a, b in zip(before.truth, truth, strict=True))
                found[text] = replace(before, truth=truth, groups=before.groups | groups)
            else:
                found[text] = Candidate(text, row.document, truth, groups)
    ordered = tuple(found[text] for text in sorted(found))
    divided = {name: list(values) for name, values in edges.items() if values}
    return Candidates(names, ordered, {**counts, "texts": len(ordered)}, divided, spelled_alike(labels))


def text_groups(texts: Sequence[Candidate]) -> Int:
    """Return the group of every text, (n,).

    Texts that differ in capitals or white space alone are one group, and so are those with one value of
    `group_key`; what is connected through several of these is one group as well.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nodes: dict[tuple[str, str], int] = {}
    edges: list[tuple[int, int]] = []
    for index, item in enumerate(texts):
        folded = " ".join(item.text.casefold().split())
        keys = [("text", folded), *(("group", group) for group in item.groups)]
        edges += [(index, len(texts) + nodes.setdefault(key, len(nodes))) for key in keys]
    rows, columns = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    size = len(texts) + len(nodes)
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    _, groups = np.unique(component[: len(texts)], return_inverse=True)
    return np.asarray(groups, dtype=np.int64)
