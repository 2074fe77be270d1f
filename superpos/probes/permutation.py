"""The control `shuffled_labels`: which label rows may change places, and a draw of the exchange.

Samples of a group (a document, a person) are alike, so the group is what can be exchanged under the
hypothesis that labels have nothing to do with activations. Rows of labels stay together, so that the
correlations of the labels are kept.

    groups   every feature is constant within every group: the groups exchange their label rows, whatever
             their sizes; each class keeps its number of groups, its number of samples changes with them
    rows     a feature varies within a group: groups of equal size exchange their blocks of label rows, then
             the rows of every group change places; each class keeps its number of samples

Groups of different sizes cannot exchange blocks, so that under `rows` a group whose size is its own keeps the
composition of its labels. Where every group is one sample both are the permutation of rows.

Sources: A. M. Winkler et al., Multi-level block permutation, NeuroImage 123 (2015): whole blocks, samples
within blocks, and both; M. J. Anderson, C. J. F. ter Braak, Permutation tests for multi-factorial analysis of
variance (2003): units are those of the factor that is tested. An exchange that changes no label is drawn
again, since the labels as they are count once in a p-value: B. Phipson, G. K. Smyth (2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Int
from superpos.errors import NotPermutableError
from superpos.seeding import generator

PermutationUnit = Literal["groups", "rows"]
MAX_DRAWS = 100
"""Draws until one changes a label; where any does, at least every second one does."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelPermutation:
    """Label rows that have changed places."""

    unit: PermutationUnit
    """What was exchanged."""
    labels: Bool
    """(n, k)."""
    n_groups: int
    share_changed: float
    """Share of the samples with another label of any feature than before."""


def permute_labels(
    labels: Bool, feature_names: Sequence[str], groups: NDArray[Any], replicate: int
) -> LabelPermutation:
    """Return labels (n, k) whose rows have changed places by the draw `label_permutation`.

    Parameters
    ----------
    labels
        Labels of the training samples, (n, k).
    feature_names
        Names of the k features.
    groups
        Group of every sample, (n,).
    replicate
        Number of the draw. With `groups` it depends on the number of groups alone, so that the order of the
        samples and their number in each group change nothing.

    Raises
    ------
    NotPermutableError
        If a feature has the same label in everything that may change places with a sample: it would be
        probed on the labels as they are.
    """
    names, first, group = np.unique(groups, return_index=True, return_inverse=True)
    constant = bool(np.array_equal(labels, labels[first][group]))
    blocks = [first[:, None]] if constant else _blocks(group)
    for name, column in zip(feature_names, labels.T, strict=True):
        if not _varies(column, blocks):
            raise NotPermutableError(f"labels of {name}", _why_not(constant, len(names)))
    unit: PermutationUnit = "groups" if constant else "rows"
    draw = generator(
        "label_permutation", replicate=replicate, unit=unit, units=len(names) if constant else len(labels)
    )
    for _ in range(MAX_DRAWS):
        source = first[draw.permutation(len(names))][group] if constant else _exchanged(blocks, draw)
        shuffled: Bool = labels[source]
        changed = np.any(shuffled != labels, axis=1)
        if changed.any():
            return LabelPermutation(unit, shuffled, len(names), float(changed.mean()))
    raise NotPermutableError("labels", f"cannot be permuted: none of {MAX_DRAWS} draws changed one")


def describe(permutations: Sequence[tuple[Sequence[str], LabelPermutation | None]]) -> tuple[str, str]:
    """Return what was exchanged and a line on why and how much, from the permutations of some features.

    `groups` or `rows`; `mixed` where features with samples of their own differ in it; empty without any.
    """
    found = [(names, permutation) for names, permutation in permutations if permutation is not None]
    units = sorted({permutation.unit for _, permutation in found})
    if not units:
        return "", ""
    counts = _range([permutation.n_groups for _, permutation in found])
    changed = _range([round(100 * permutation.share_changed) for _, permutation in found])
    how = [
        f"{_WHY[unit]} ({', '.join(name for names, one in found if one.unit == unit for name in names)})"
        if len(units) > 1
        else _WHY[unit]
        for unit in units
    ]
    note = f"{'; '.join(how)}; {counts} groups, {changed} % of the training samples have other labels"
    return units[0] if len(units) == 1 else "mixed", note


_WHY = {
    "groups": "labels are constant within groups, which change places",
    "rows": "labels vary within groups: samples change places within a group, groups of equal size as wholes",
}


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _blocks(group: Int) -> list[Int]:
    """Return the rows of the groups of every size, (groups of the size, size) each."""
    order, sizes = np.argsort(group, kind="stable"), np.bincount(group)
    starts = np.cumsum(sizes) - sizes
    return [order[starts[sizes == size, None] + np.arange(size)] for size in np.unique(sizes)]


def _varies(column: Bool, blocks: list[Int]) -> bool:
    """Whether a label differs between samples that may change places."""
    return any(0 < np.count_nonzero(column[rows]) < rows.size for rows in blocks)


def _exchanged(blocks: list[Int], draw: np.random.Generator) -> Int:
    """Return which row every row gets its labels from, (n,)."""
    source = np.empty(sum(rows.size for rows in blocks), dtype=np.int64)
    for rows in blocks:
        source[rows] = draw.permuted(rows[draw.permutation(len(rows))], axis=1)
    return source


def _why_not(constant: bool, n_groups: int) -> str:
    if constant:
        where = "the one group" if n_groups == 1 else f"all {n_groups} groups"
        return f"cannot be permuted: they are alike in {where} of training samples"
    return "cannot be permuted: they are alike within every group and in all groups of one size"
