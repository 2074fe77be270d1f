"""Split samples into training and test parts by whole groups, all features balanced jointly.

With A_gj the share of column j (positives and negatives of every feature, samples) that group g holds, a set
S of test groups has shares a_j = sum_{g in S} A_gj. The split minimises

    sum_j v_j (a_j - test_fraction)^2 + number of columns that one side lacks, times a large constant,

over S by moves: from a random S of about the right size, the best of all single moves and exchanges is made
until none improves. v_j = 1, and for the number of samples the number of features. Groups stay whole, as in
group-wise iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011), which orders instead of searches.

All exchanges are as many as the square of the groups. Above `EXACT_GROUPS` groups each move is therefore the
best of `CANDIDATES` single moves and as many exchanges, drawn anew each time from the same seed; all single
moves are looked at only as long as one gives a side a column that it lacks. Memory grows with the groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Float, Int, as_number
from superpos.errors import ArgumentError, ShapeError
from superpos.records.data import LabelledTokens
from superpos.seeding import generator

EXACT_GROUPS = 500
"""Groups up to which every exchange is looked at."""
CANDIDATES = 1024
"""Single moves, and exchanges, among which a move is chosen for more groups than that."""
_LACK = 1e3
_MAX_MOVES = 2000
_PATIENCE = 20
"""Draws of candidates without an improvement after which the search ends."""


def split_groups(data: LabelledTokens) -> Int:
    """Return the group of every sample, (n_samples,): that of its sequence."""
    groups: Int = data.sequence_groups[data.sample_sequences]
    return groups


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
    labels, groups, fraction = _checked(labels, groups, test_fraction)
    names, indices = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ArgumentError("groups", f"{len(names)} group cannot be split; at least two are needed")
    counts = _counts(labels, indices, len(names))
    draw = generator("split", seed=seed, groups=len(names))
    in_test = _start(counts[:, -1], fraction, draw)
    if len(names) <= EXACT_GROUPS:
        return ~_search(counts, fraction, in_test)[indices]
    return ~_search_sampled(counts, fraction, in_test, draw)[indices]


def split_members(
    labels: Bool, members: Bool, groups: Int, test_fraction: float = 0.3, seed: int = 0
) -> Bool:
    """Return which samples each feature is trained on where features have samples of their own.

    Parameters
    ----------
    labels, groups, test_fraction, seed
        As in `split_by_group`.
    members
        Which samples belong to a feature, (n_samples, n_features).

    Returns
    -------
    ndarray, (n_samples, n_features)
        Each feature's own split; False also for samples that are not its own, and everywhere for a feature
        whose samples lie in fewer than two groups, for which there is no split.

    Raises
    ------
    ShapeError, ArgumentError
        As `split_by_group`, and if `members` has not the shape of `labels`.
    """
    labels, groups, fraction = _checked(labels, groups, test_fraction)
    members = np.asarray(members, dtype=np.bool_)
    if members.shape != labels.shape:
        raise ShapeError("members", f"shape {members.shape} is not that of labels, {labels.shape}")
    train = np.zeros_like(labels)
    for column in range(labels.shape[1]):
        own = np.flatnonzero(members[:, column])
        if len(own) and np.any(groups[own] != groups[own[0]]):
            train[own, column] = split_by_group(labels[own, column : column + 1], groups[own], fraction, seed)
    return train


def _checked(labels: Bool, groups: Int, test_fraction: float) -> tuple[Bool, Int, float]:
    labels, groups = np.asarray(labels, dtype=np.bool_), np.asarray(groups)
    if labels.ndim != 2 or groups.shape != (len(labels),):
        raise ShapeError("groups", f"shape {groups.shape} does not fit labels of shape {labels.shape}")
    fraction = as_number("test_fraction", test_fraction, minimum=0.0, exclusive=True)
    if fraction >= 1.0:
        raise ArgumentError("test_fraction", f"{fraction:g} must be below 1")
    return labels, groups, fraction


def _counts(labels: Bool, indices: Int, n_groups: int) -> Int:
    """Return positives and negatives of every feature and samples of every group, (n_groups, 2 k + 1)."""
    k = labels.shape[1]
    counts = np.empty((n_groups, 2 * k + 1), dtype=np.int64)
    counts[:, -1] = np.bincount(indices, minlength=n_groups)
    for column in range(k):
        counts[:, column] = np.bincount(indices[labels[:, column]], minlength=n_groups)
    counts[:, k : 2 * k] = counts[:, -1:] - counts[:, :k]
    return counts


def _start(sizes: Int, fraction: float, draw: np.random.Generator) -> Bool:
    """Put random groups into the test part until it has its share, at least one and not all."""
    order = draw.permutation(len(sizes))
    before = np.cumsum(sizes[order]) - sizes[order]
    number = int(np.sum(before < fraction * sizes.sum() - 0.5 * sizes[order]))
    in_test = np.zeros(len(sizes), dtype=np.bool_)
    in_test[order[: min(max(number, 1), len(sizes) - 1)]] = True
    return in_test


def _search(counts: Int, fraction: float, in_test: Bool) -> Bool:
    """Make the best move or exchange until none improves."""
    counts, totals, weights = _columns(counts)
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


def _search_sampled(counts: Int, fraction: float, in_test: Bool, draw: np.random.Generator) -> Bool:
    """Make the best of a few drawn moves and exchanges until many draws in a row improve nothing."""
    counts, totals, weights = _columns(counts)
    signs = np.where(in_test, -1, 1)
    inside = counts[in_test].sum(axis=0)
    value = float(_objective(inside[None], totals, weights, fraction)[0])
    without, thorough = 0, True
    for _ in range(_MAX_MOVES):
        # A rare column may sit in few groups, which no draw would meet.
        thorough = thorough and value >= _LACK
        first = np.arange(len(signs)) if thorough else draw.integers(len(signs), size=CANDIDATES)
        one, other = draw.integers(len(signs), size=(2, CANDIDATES))
        apart = signs[one] != signs[other]
        one, other = one[apart], other[apart]
        single = inside + signs[first, None] * counts[first]
        double = inside + signs[one, None] * counts[one] + signs[other, None] * counts[other]
        values = _objective(np.concatenate([single, double]), totals, weights, fraction)
        best = int(np.argmin(values))
        thorough = thorough and float(values[best]) < value - 0.5 * _LACK
        if float(values[best]) >= value - 1e-12:
            without += 1
            if without == _PATIENCE:
                break
            continue
        value, without = float(values[best]), 0
        pair = best - len(first)
        moved = [int(first[best])] if pair < 0 else [int(one[pair]), int(other[pair])]
        inside = inside + signs[moved] @ counts[moved]
        signs[moved] = -signs[moved]
    return np.asarray(signs < 0)


def _columns(counts: Int) -> tuple[Int, Int, Float]:
    """Return the columns that are not empty, their totals, and their weights in the objective."""
    totals = counts.sum(axis=0)
    kept = totals > 0
    counts, totals = counts[:, kept], totals[kept]
    weights = np.ones(len(totals))
    weights[-1] = max(1, len(totals) // 2)
    return counts, totals, weights


def _objective(inside: NDArray[np.int64], totals: Int, weights: Float, fraction: float) -> Float:
    """Return the objective of candidate test parts given by their counts, (n, columns) to (n,)."""
    lacking = ((inside == 0) | (inside == totals)) & (totals > 1)
    balance = ((inside / totals - fraction) ** 2) @ weights
    return np.asarray(balance + _LACK * lacking.sum(axis=1), dtype=np.float64)
