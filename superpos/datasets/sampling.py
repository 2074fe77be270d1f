"""Which sequences and which positions are probed: random, with rare features topped up, spread widely.

A feature is short of positives (or negatives) while fewer than the number asked for are there, counting at
most a tenth of that number from one sequence, so that no feature hangs on one stretch of text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Int
from superpos.errors import ArgumentError


def both_sides(labels: Bool) -> Bool:
    """Return positives and negatives side by side, (n, 2 k)."""
    return np.concatenate([labels, ~labels], axis=1)


def capped_counts(labels: Bool, wanted: int) -> Int:
    """Return positives and negatives of one sequence, each at most a tenth of `wanted`, (2 k,)."""
    cap = max(1, wanted // 10)
    counts: Int = both_sides(labels).sum(axis=0, dtype=np.int64)
    return np.minimum(counts, cap)


def choose_positions(labels: Bool, sequences: Int, count: int, wanted: int, draw: np.random.Generator) -> Int:
    """Choose `count` of the eligible positions, (count,), ascending.

    Features are topped up in the order of their rarity, positives and negatives alike, up to `wanted` each
    (at most `count` over the number of features); within one, every sequence gives its first random position
    before any gives its second. What is left is filled at random.

    Parameters
    ----------
    labels
        Features of the eligible positions, (n, k).
    sequences
        Sequence of each, (n,).
    count, wanted
        Positions to choose; positives and negatives asked for a feature.
    draw
        Generator of the draw `sample`.

    Raises
    ------
    ArgumentError
        If there are fewer eligible positions than `count`.
    """
    if len(labels) < count:
        raise ArgumentError("n_samples", f"{count} is more than the {len(labels)} positions of the sequences")
    order = draw.permutation(len(labels))
    # Few samples of many features: a fair share each, or the first features would take them all.
    wanted = min(wanted, count // max(1, labels.shape[1]))
    # One row a side: there are millions of positions and few sides, each of which is gone through alone.
    sides = np.ascontiguousarray(both_sides(labels).T)
    chosen = np.zeros(len(labels), dtype=np.bool_)
    for side in sides[np.argsort(sides.sum(axis=1), kind="stable")]:
        have = np.flatnonzero(side & chosen)
        missing = min(wanted - len(have), count - int(np.count_nonzero(chosen)))
        if missing > 0:
            candidates = order[(side & ~chosen)[order]]
            taken = sequences[have]
            chosen[_spread(candidates, sequences, taken)[:missing]] = True
    rest = order[~chosen[order]]
    chosen[rest[: count - int(chosen.sum())]] = True
    return np.flatnonzero(chosen)


def _spread(candidates: Int, sequences: Int, taken: Int) -> NDArray[np.int64]:
    """Order candidates so that each sequence's first comes before any sequence's second.

    `taken` lists the sequences of positions that were chosen already; they count.
    """
    owners = sequences[candidates]
    by_owner = np.argsort(owners, kind="stable")
    sorted_owners = owners[by_owner]
    rank = np.empty(len(candidates), dtype=np.int64)
    rank[by_owner] = np.arange(len(candidates)) - np.searchsorted(sorted_owners, sorted_owners, side="left")
    taken = np.sort(taken)
    rank += np.searchsorted(taken, owners, side="right") - np.searchsorted(taken, owners, side="left")
    return np.asarray(candidates[np.argsort(rank, kind="stable")], dtype=np.int64)
