"""Batches: every sample once, budget kept, padding on the right."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.activations.batches import (
    GROUP_BATCHES,
    ProbedSequence,
    padded,
    probed_sequences,
    token_batches,
)
from superpos.errors import ArgumentError


def sequence(length, first_row, positions=(0,)):
    ids = np.arange(1, length + 1, dtype=np.int32)
    return ProbedSequence(ids, np.array(positions), np.ones(len(positions), np.int64), first_row)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 400))
def test_batches_hold_every_sequence_once_within_the_budget(lengths, budget):
    sequences = tuple(sequence(length, row) for row, length in enumerate(lengths))
    batches = list(token_batches(sequences, budget))
    assert sorted(part.first_row for batch in batches for part in batch) == list(range(len(lengths)))
    sizes = [[part.token_ids.size for part in batch] for batch in batches]
    assert all(len(size) == 1 or len(size) * max(size) <= budget for size in sizes)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 400))
def test_batches_are_sorted_within_groups_of_consecutive_sequences(lengths, budget):
    sequences = tuple(sequence(length, row) for row, length in enumerate(lengths))
    order = [part.first_row for batch in token_batches(sequences, budget) for part in batch]
    start = 0
    while start < len(order):
        total, stop = 0, start
        while stop < len(order) and (stop == start or total + lengths[stop] <= GROUP_BATCHES * budget):
            total += lengths[stop]
            stop += 1
        group = order[start:stop]
        assert sorted(group) == list(range(start, stop))
        assert [lengths[row] for row in group] == sorted(lengths[start:stop], reverse=True)
        start = stop


def test_padding_is_on_the_right():
    batch = (sequence(2, 0, (1,)), sequence(4, 1, (0, 3)))
    ids, mask, ends, lengths = padded(batch)
    assert ids.tolist() == [[1, 2, 0, 0], [1, 2, 3, 4]]
    assert mask.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert ends.tolist() == [1, 4, 7]
    assert lengths.tolist() == [1, 1, 1]


def test_sequences_are_cut_after_their_last_sample_and_know_their_rows(tokens):
    found = probed_sequences(tokens)
    assert len(found) == 23
    row = 0
    chosen = [number for number in range(24) if number != 2]
    for number, part in zip(chosen, found, strict=True):
        where = tokens.sample_positions[tokens.sample_sequences == number]
        start = tokens.sequence_starts[number]
        assert part.positions.tolist() == where.tolist()
        assert part.first_row == row
        assert part.token_ids.tolist() == tokens.token_ids[start : start + where[-1] + 1].tolist()
        row += where.size
    assert row == tokens.sample_positions.size


@pytest.mark.parametrize(
    ("sequences", "positions", "message"),
    [
        ([1, 0], [0, 0], "not ordered"),
        ([0, 0], [1, 1], "not ordered"),
        ([0, 24], [0, 0], "outside 0 to 23"),
        ([-1, 0], [0, 0], "outside 0 to 23"),
        ([0], [40], "outside its sequence"),
        ([0], [-1], "outside its sequence"),
        ([0], [0, 1], "differ in length"),
        ([], [], "no samples"),
    ],
)
def test_damaged_samples_are_refused(tokens, sequences, positions, message):
    broken = dataclasses.replace(
        tokens,
        sample_sequences=np.array(sequences, dtype=np.int64),
        sample_positions=np.array(positions, dtype=np.int64),
        sample_lengths=np.ones(len(positions), dtype=np.int64),
    )
    with pytest.raises(ArgumentError, match=message):
        probed_sequences(broken)
