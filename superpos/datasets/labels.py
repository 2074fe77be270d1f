"""Counts and correlations of labels, and which features can be probed.

phi_ij = (n11 n00 - n10 n01) / sqrt(n1. n0. n.1 n.0): the Pearson correlation of two binary features. Where a
feature is constant phi is undefined; such entries are 0 off the diagonal and the mask says which they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Float, Int
from superpos.records.data import FeatureStatus, TokenExample

MIN_CLASS = 10
"""Fewer positives or negatives than this are too few for a probe."""
CONTEXT_TOKENS = 12
"""Tokens shown before and after an example."""


@dataclass(frozen=True, slots=True)
class FeatureCounts:
    """Class balance of one feature."""

    feature: str
    n_positive: int
    n_negative: int
    status: FeatureStatus

    @property
    def balance(self) -> float:
        """Share of positives."""
        return self.n_positive / (self.n_positive + self.n_negative)


def feature_status(n_positive: int, n_negative: int, minimum: int = MIN_CLASS) -> FeatureStatus:
    """Say whether a feature with these counts can be probed."""
    if n_positive == 0:
        return FeatureStatus.NO_POSITIVES
    if n_negative == 0:
        return FeatureStatus.NO_NEGATIVES
    return FeatureStatus.TOO_FEW if min(n_positive, n_negative) < minimum else FeatureStatus.OK


def count_labels(names: Sequence[str], labels: Bool, minimum: int = MIN_CLASS) -> tuple[FeatureCounts, ...]:
    """Return the counts and status of every column of `labels`, (n_samples, n_features)."""
    result = []
    for name, positives in zip(names, labels.sum(axis=0), strict=True):
        positive, negative = int(positives), len(labels) - int(positives)
        result.append(FeatureCounts(name, positive, negative, feature_status(positive, negative, minimum)))
    return tuple(result)


def phi_matrix(labels: Bool) -> Float:
    """Return the phi coefficients of all pairs of columns, (k, k), symmetric, 1 on the diagonal, never NaN.

    Pairs with a constant column are 0; `phi_defined` says which are meant.
    """
    x = labels.astype(np.int64)
    n, ones = len(x), x.sum(axis=0)
    # Integers throughout, so that identical and opposite columns give exactly 1 and -1.
    covariance = (n * (x.T @ x) - np.outer(ones, ones)).astype(np.float64)
    spread = np.sqrt((ones * (n - ones)).astype(np.float64))
    scale = np.outer(spread, spread)
    phi = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0)
    phi = np.clip(phi, -1.0, 1.0)
    np.fill_diagonal(phi, 1.0)
    return phi


def phi_defined(labels: Bool) -> Bool:
    """Return which entries of `phi_matrix` are defined: both columns vary, (k, k)."""
    varies = labels.any(axis=0) & ~labels.all(axis=0)
    return np.outer(varies, varies)


def identical_features(labels: Bool) -> tuple[tuple[int, int, bool], ...]:
    """Return pairs i < j of varying columns that agree (True) or disagree (False) on every sample.

    Their directions are parallel or antipodal by construction, which is no geometry.
    """
    varies = labels.any(axis=0) & ~labels.all(axis=0)
    columns = np.flatnonzero(varies)
    pairs = []
    for place, i in enumerate(columns):
        for j in columns[place + 1 :]:
            same = labels[:, i] == labels[:, j]
            if same.all() or not same.any():
                pairs.append((int(i), int(j), bool(same.all())))
    return tuple(pairs)


def examples_of(
    token_bytes: Sequence[bytes],
    special: Bool,
    token_ids: NDArray[np.int32],
    starts: Int,
    documents: Sequence[str],
    sequence_documents: Int,
    sample_sequences: Int,
    sample_positions: Int,
    labels: Bool,
) -> tuple[TokenExample | None, ...]:
    """Return one positive example a feature: the positive in the middle of the sample's order.

    Bytes that are no whole character where the text is cut are shown as the replacement character.
    """

    def spelled(ids: NDArray[np.int32]) -> str:
        return b"".join(token_bytes[index] for index in ids if not special[index]).decode("utf-8", "replace")

    found: list[TokenExample | None] = []
    for column in range(labels.shape[1]):
        positives = np.flatnonzero(labels[:, column])
        if len(positives) == 0:
            found.append(None)
            continue
        sample = positives[len(positives) // 2]
        sequence = int(sample_sequences[sample])
        start, end = int(starts[sequence]), int(starts[sequence + 1])
        place = start + int(sample_positions[sample])
        found.append(
            TokenExample(
                before=spelled(token_ids[max(start, place - CONTEXT_TOKENS) : place]),
                token=spelled(token_ids[place : place + 1]),
                after=spelled(token_ids[place + 1 : min(end, place + 1 + CONTEXT_TOKENS)]),
                document=documents[int(sequence_documents[sequence])],
            )
        )
    return tuple(found)
