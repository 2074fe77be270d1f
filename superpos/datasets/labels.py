"""Counts and correlations of labels, and which features can be probed.

phi_ij = (n11 n00 - n10 n01) / sqrt(n1. n0. n.1 n.0): the Pearson correlation of two binary features over the
samples that belong to both. Where a feature is constant there, or no sample belongs to both, phi is
undefined; such entries are 0 off the diagonal and the mask says which they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Float, Int
from superpos.records.data import FeatureStatus, LabelledTokens, TokenExample

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
    duplicate_of: str = ""
    """The feature that is kept in its place; empty unless it is left out as a copy."""

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


def count_labels(
    names: Sequence[str], labels: Bool, members: Bool | None = None, minimum: int = MIN_CLASS
) -> tuple[FeatureCounts, ...]:
    """Return counts and status of every column of `labels`, (n_samples, n_features), among its samples."""
    inside = np.ones_like(labels) if members is None else members
    result = []
    for column, name in enumerate(names):
        positive = int(np.count_nonzero(labels[:, column] & inside[:, column]))
        negative = int(np.count_nonzero(inside[:, column])) - positive
        result.append(FeatureCounts(name, positive, negative, feature_status(positive, negative, minimum)))
    return tuple(result)


def feature_counts(tokens: LabelledTokens) -> tuple[FeatureCounts, ...]:
    """Return counts and status of every feature of a set, copies that are left out among them."""
    copies = {copy.feature: copy for copy in tokens.copies}
    return tuple(
        replace(count, status=copy.status, duplicate_of=copy.of)
        if (copy := copies.get(count.feature))
        else count
        for count in count_labels(tokens.feature_names, tokens.labels, tokens.members)
    )


def phi_matrix(labels: Bool, members: Bool | None = None) -> Float:
    """Return the phi coefficients of all pairs of columns, (k, k), symmetric, 1 on the diagonal, never NaN.

    Undefined pairs are 0; `phi_defined` says which are meant.
    """
    # Integers throughout, so that identical and opposite columns give exactly 1 and -1.
    n, first, second, both = _pair_counts(labels, members)
    covariance = (n * both - first * second).astype(np.float64)
    scale = np.sqrt((first * (n - first)).astype(np.float64)) * np.sqrt(
        (second * (n - second)).astype(np.float64)
    )
    ratio = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0)
    phi: Float = np.clip(ratio, -1.0, 1.0)
    np.fill_diagonal(phi, 1.0)
    return phi


def phi_defined(labels: Bool, members: Bool | None = None) -> Bool:
    """Return which entries of `phi_matrix` are defined: both columns vary where both have samples, (k, k)."""
    n, first, second, _ = _pair_counts(labels, members)
    return (first > 0) & (first < n) & (second > 0) & (second < n)


def _pair_counts(labels: Bool, members: Bool | None) -> tuple[Int, Int, Int, Int]:
    """Return, for all pairs, common samples, positives of the first, of the second, of both, (k, k) each."""
    inside = (np.ones_like(labels) if members is None else members).astype(np.int64)
    x = labels.astype(np.int64) * inside
    n, first = inside.T @ inside, x.T @ inside
    return n, first, first.T, x.T @ x


def identical_features(labels: Bool, members: Bool | None = None) -> tuple[tuple[int, int, bool], ...]:
    """Return pairs i < j of varying columns that agree (True) or disagree (False) on every common sample.

    Their directions are parallel or antipodal by construction, which is no geometry.
    """
    n, first, second, both = _pair_counts(labels, members)
    defined = phi_defined(labels, members)
    same = (first == both) & (second == both)
    opposite = (both == 0) & (first + second == n)
    pairs = np.argwhere(np.triu(defined & (same | opposite), 1))
    return tuple((int(i), int(j), bool(same[i, j])) for i, j in pairs)


def examples_of(
    token_bytes: Sequence[bytes],
    special: Bool,
    token_ids: NDArray[np.int32],
    starts: Int,
    documents: Sequence[str],
    sequence_documents: Int,
    sample_sequences: Int,
    sample_positions: Int,
    sample_lengths: Int,
    labels: Bool,
) -> tuple[TokenExample | None, ...]:
    """Return one positive example a feature: the positive in the middle of the samples' order.

    Bytes that are no whole character where the text is cut are shown as the replacement character.
    """
    found: list[TokenExample | None] = []
    for column in range(labels.shape[1]):
        positives = np.flatnonzero(labels[:, column])
        if len(positives) == 0:
            found.append(None)
            continue
        sample = positives[len(positives) // 2]
        sequence = int(sample_sequences[sample])
        found.append(
            _example(
                token_bytes,
                special,
                token_ids[int(starts[sequence]) : int(starts[sequence + 1])],
                int(sample_positions[sample]),
                int(sample_lengths[sample]),
                documents[int(sequence_documents[sequence])],
            )
        )
    return tuple(found)


def several_examples(
    tokens: LabelledTokens, token_bytes: Sequence[bytes], special: Bool, count: int
) -> tuple[tuple[TokenExample, ...], ...]:
    """Return at most `count` positive examples of each feature, spread evenly over its positive samples.

    A single one is that of `examples_of`; `token_bytes` and `special` are the vocabulary's.
    """
    found = []
    for column in range(len(tokens.feature_names)):
        positives = np.flatnonzero(tokens.labels[:, column])
        n = min(count, len(positives))
        chosen = [int(positives[(2 * index + 1) * len(positives) // (2 * n)]) for index in range(n)]
        found.append(tuple(_sample_example(tokens, token_bytes, special, sample) for sample in chosen))
    return tuple(found)


def _sample_example(
    tokens: LabelledTokens, token_bytes: Sequence[bytes], special: Bool, sample: int
) -> TokenExample:
    sequence = int(tokens.sample_sequences[sample])
    start, end = tokens.sequence_starts[sequence : sequence + 2]
    return _example(
        token_bytes,
        special,
        tokens.token_ids[int(start) : int(end)],
        int(tokens.sample_positions[sample]),
        int(tokens.sample_lengths[sample]),
        tokens.documents[int(tokens.sequence_documents[sequence])],
    )


def _example(
    token_bytes: Sequence[bytes],
    special: Bool,
    ids: NDArray[np.int32],
    position: int,
    length: int,
    document: str,
) -> TokenExample:
    """Return the span of `length` tokens that ends at `position` of a sequence, with the text around it.

    Special tokens are not shown unless the span is one. The middle of a long span is left out.
    """

    def spelled(part: NDArray[np.int32], names: bool = False) -> str:
        shown = (token_bytes[index] for index in part if names or not special[index])
        return b"".join(shown).decode("utf-8", "replace")

    first, after = position + 1 - length, position + 1
    span = ids[first:after]
    edges = [span] if length <= 2 * CONTEXT_TOKENS else [span[:CONTEXT_TOKENS], span[-CONTEXT_TOKENS:]]
    return TokenExample(
        before=spelled(ids[max(0, first - CONTEXT_TOKENS) : first]),
        token=" … ".join(spelled(part, names=bool(special[span].all())) for part in edges),
        after=spelled(ids[after : after + CONTEXT_TOKENS]),
        document=document,
    )
