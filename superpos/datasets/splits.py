"""Split samples into training and test parts by whole groups, all features balanced jointly.

With A_gj the share of column j (positives and negatives of every feature, samples) that group g holds, a set
S of test groups has shares a_j = sum_{g in S} A_gj. The split minimises

    sum_j v_j (a_j - test_fraction)^2 + number of columns that one side lacks, times a large constant,

over S by moves: from a random S of about the right size, the best of all single moves and exchanges is made
until none improves. v_j = 1, and for the number of samples the number of features. Groups stay whole, as in
group-wise iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011), which orders instead of searches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Float, Int, as_number
from superpos.errors import ArgumentError, ShapeError
from superpos.records.data import LabelledTokens
from superpos.seeding import generator

MIN_DOCUMENTS = 10
"""With fewer documents than this, sequences are the groups of a split."""
_LACK = 1e3
_MAX_MOVES = 2000


def split_groups(data: LabelledTokens) -> Int:
    """Return the group of every sample, (n_samples,): its document, or its sequence if documents are few."""
    documents = data.sequence_documents[data.sample_sequences]
    return documents if len(np.unique(documents)) >= MIN_DOCUMENTS else data.sample_sequences


def split_by_group(labels: Bool, groups: Int, test_fraction: float = 0.3, seed: int = 0) -> Bool:
    """Return which samples are trained on, (n_samples,).

    Parameters
    ----------
    labels
        (n_samples, n_features).
    groups
        Group of every sample, (n_samples,); a group is never divided.
    test_fraction
        Share of the samples, and of every feature's positives and negatives, that the test part should get.
    seed
        Of the draw `split`.

    Raises
    ------
    ShapeError
        If `groups` does not fit `labels`.
    ArgumentError
        If the fraction is not between 0 and 1, or there are fewer than two groups.
    """
    labels, groups = np.asarray(labels, dtype=np.bool_), np.asarray(groups)
    if labels.ndim != 2 or groups.shape != (len(labels),):
        raise ShapeError("groups", f"shape {groups.shape} does not fit labels of shape {labels.shape}")
    fraction = as_number("test_fraction", test_fraction, minimum=0.0, exclusive=True)
    if fraction >= 1.0:
        raise ArgumentError("test_fraction", f"{fraction:g} must be below 1")
    names, members = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ArgumentError("groups", f"{len(names)} group cannot be split; at least two are needed")
    columns = np.concatenate([labels, ~labels, np.ones((len(labels), 1), dtype=np.bool_)], axis=1)
    counts = np.zeros((len(names), columns.shape[1]), dtype=np.int64)
    np.add.at(counts, members, columns)
    in_test = _search(counts, fraction, _start(counts[:, -1], fraction, seed))
    return ~in_test[members]


def _start(sizes: Int, fraction: float, seed: int) -> Bool:
    """Put random groups into the test part until it has its share, at least one and not all."""
    order = generator("split", seed=seed, groups=len(sizes)).permutation(len(sizes))
    before = np.cumsum(sizes[order]) - sizes[order]
    number = int(np.sum(before < fraction * sizes.sum() - 0.5 * sizes[order]))
    in_test = np.zeros(len(sizes), dtype=np.bool_)
    in_test[order[: min(max(number, 1), len(sizes) - 1)]] = True
    return in_test


def _search(counts: Int, fraction: float, in_test: Bool) -> Bool:
    """Make the best move or exchange until none improves."""
    totals = counts.sum(axis=0)
    kept = totals > 0
    counts, totals = counts[:, kept], totals[kept]
    weights = np.ones(len(totals))
    weights[-1] = max(1, len(totals) // 2)
    in_test = in_test.copy()
    inside = counts[in_test].sum(axis=0)
    value = float(_objective(inside[None], totals, weights, fraction)[0])
    for _ in range(_MAX_MOVES):
        signs = np.where(in_test, -1, 1)[:, None]
        moved = inside + signs * counts
        single = _objective(moved, totals, weights, fraction)
        here, there = np.flatnonzero(in_test), np.flatnonzero(~in_test)
        exchanged = (inside - counts[here])[:, None, :] + counts[there][None, :, :]
        double = _objective(exchanged.reshape(-1, len(totals)), totals, weights, fraction)
        best_single, best_double = int(np.argmin(single)), int(np.argmin(double)) if double.size else -1
        single_value = float(single[best_single])
        double_value = float(double[best_double]) if double.size else np.inf
        if min(single_value, double_value) >= value - 1e-12:
            break
        if single_value <= double_value:
            flipped = [best_single]
        else:
            flipped = [int(here[best_double // len(there)]), int(there[best_double % len(there)])]
        in_test[flipped] = ~in_test[flipped]
        inside, value = counts[in_test].sum(axis=0), min(single_value, double_value)
    return in_test


def _objective(inside: NDArray[np.int64], totals: Int, weights: Float, fraction: float) -> Float:
    """Return the objective of candidate test parts given by their counts, (n, columns) to (n,)."""
    lacking = ((inside == 0) | (inside == totals)) & (totals > 1)
    balance = ((inside / totals - fraction) ** 2) @ weights
    return np.asarray(balance + _LACK * lacking.sum(axis=1), dtype=np.float64)
