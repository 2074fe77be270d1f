"""Batches under a token budget, of sequences of like length, so that little padding is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Int
from superpos.errors import ArgumentError
from superpos.records.data import LabelledTokens

GROUP_BATCHES = 64
"""Batches of like length are looked for among the tokens of so many batches; bits depend on it."""


@dataclass(frozen=True, slots=True, eq=False)
class ProbedSequence:
    """A sequence with probed positions, of a causal model cut after the last of them."""

    token_ids: NDArray[np.int32]
    """(length,)."""
    positions: Int
    """Probed positions, (m,); a span ends at each."""
    lengths: Int
    """Tokens of each span, (m,)."""
    first_row: int
    """Row of the first of them in the activation matrix; the others follow."""


def probed_sequences(tokens: LabelledTokens, *, cut: bool = True) -> tuple[ProbedSequence, ...]:
    """Return the sequences that have samples, in order, cut after their last sample if `cut`.

    Raises
    ------
    ArgumentError
        If samples are not ordered by (sequence, position), or a position lies outside its sequence.
    """
    sequences, positions = tokens.sample_sequences, tokens.sample_positions
    lengths = np.diff(tokens.sequence_starts)
    if positions.shape != sequences.shape:
        raise ArgumentError("tokens", "sample_sequences and sample_positions differ in length")
    if sequences.size == 0:
        raise ArgumentError("tokens", "there are no samples")
    step = np.diff(sequences)
    if np.any(step < 0) or np.any((step == 0) & (np.diff(positions) <= 0)):
        raise ArgumentError("tokens", "samples are not ordered by (sequence, position), each once")
    if sequences[0] < 0 or sequences[-1] >= lengths.size:
        raise ArgumentError("tokens", f"sample_sequences reaches outside 0 to {lengths.size - 1}")
    if np.any(positions < 0) or np.any(positions >= lengths[sequences]):
        raise ArgumentError("tokens", "sample_positions reaches outside its sequence")
    chosen, firsts, counts = np.unique(sequences, return_index=True, return_counts=True)
    found = []
    for sequence, first, count in zip(chosen.tolist(), firsts.tolist(), counts.tolist(), strict=True):
        start = int(tokens.sequence_starts[sequence])
        rows = slice(first, first + count)
        length = int(positions[rows][-1]) + 1 if cut else int(lengths[sequence])
        ids = tokens.token_ids[start : start + length]
        found.append(ProbedSequence(ids, positions[rows], tokens.sample_lengths[rows], first))
    return tuple(found)


def token_batches(
    sequences: tuple[ProbedSequence, ...], token_budget: int
) -> Iterator[tuple[ProbedSequence, ...]]:
    """Yield batches whose padded size is at most `token_budget` (one sequence at least).

    Sequences are taken in groups of at most `GROUP_BATCHES` times the budget, in order, and sorted within a
    group, longest first: rows of a shard are then finished one shard after the other, and a device that is
    too small says so at once.
    """
    for group in _groups(sequences, GROUP_BATCHES * token_budget):
        order = sorted(group, key=lambda index: (-sequences[index].token_ids.size, index))
        start = 0
        while start < len(order):
            longest = sequences[order[start]].token_ids.size
            size = max(1, token_budget // longest)
            yield tuple(sequences[index] for index in order[start : start + size])
            start += size


def _groups(sequences: tuple[ProbedSequence, ...], n_tokens: int) -> Iterator[range]:
    """Yield runs of consecutive sequences of at most `n_tokens` tokens (one sequence at least)."""
    first, total = 0, 0
    for index, sequence in enumerate(sequences):
        if index > first and total + sequence.token_ids.size > n_tokens:
            yield range(first, index)
            first, total = index, 0
        total += sequence.token_ids.size
    yield range(first, len(sequences))


def padded(batch: tuple[ProbedSequence, ...]) -> tuple[Int, Int, Int, Int]:
    """Return token ids and mask, both (n_sequences, longest), and ends and lengths of the spans, (m,) each.

    Ends count through the padded batch row by row. Padding is on the right with id 0, where a causal model
    cannot see it and positions stay what they are.
    """
    longest = max(sequence.token_ids.size for sequence in batch)
    ids = np.zeros((len(batch), longest), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, sequence in enumerate(batch):
        ids[row, : sequence.token_ids.size] = sequence.token_ids
        mask[row, : sequence.token_ids.size] = 1
    ends = [row * longest + sequence.positions for row, sequence in enumerate(batch)]
    return ids, mask, np.concatenate(ends), np.concatenate([sequence.lengths for sequence in batch])
