"""Parts of the training samples: whole groups, every feature's positives and negatives spread evenly.

Groups are dealt out one by one, the largest first and equals in a drawn order, each to the part for which

    sum_j (share of column j that the part then has)^2

grows least; columns are the positives and negatives of every feature and the samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Float, Int


def deal_groups(labels: Bool, groups: NDArray[Any], n_parts: int, draw: np.random.Generator) -> Int:
    """Return the part of every sample, (n,), in 0 ... n_parts - 1.

    Parameters
    ----------
    labels
        (n, k).
    groups
        Group of every sample, (n,); a group is never divided, so parts stay empty if there are few.
    n_parts
        Number of parts.
    draw
        Generator of the order among groups of one size.
    """
    names, indices = np.unique(groups, return_inverse=True)
    columns = np.concatenate([labels, ~labels, np.ones((len(labels), 1), dtype=np.bool_)], axis=1)
    counts: Float = np.stack(
        [np.bincount(indices, weights=column, minlength=len(names)) for column in columns.T], axis=1
    )
    shares = counts / np.maximum(counts.sum(axis=0), 1.0)
    order = draw.permutation(len(names))
    order = order[np.argsort(-counts[order, -1], kind="stable")]
    loads = np.zeros((n_parts, shares.shape[1]))
    parts = np.empty(len(names), dtype=np.int64)
    for group in order:
        part = int(np.argmin(loads @ shares[group]))  # the square grows by this, and by what is equal for all
        loads[part] += shares[group]
        parts[group] = part
    return np.asarray(parts[indices])
