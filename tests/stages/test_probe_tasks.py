"""Which sets of probes are one task: those of a layer that differ in the permutation of the labels."""

from __future__ import annotations

from dataclasses import replace

from superpos.records.data import Shard
from superpos.records.work import DirectionWork
from superpos.specs.probes import ProbeSettings
from superpos.stages.probes import MOST_SETS, TASK_ENTRIES, by_layer


def work(number, layer=b"layer", n_rows=100, **settings):
    shards = (Shard("file", n_rows, 10, "float32", "0" * 64),)
    return DirectionWork(
        number, bytes([number]), layer, b"set", "digest", shards, ProbeSettings(**settings), number - 1
    )


def test_layers_and_settings_are_apart_and_nothing_is_lost():
    works = [
        work(0), work(1), work(2, b"other"), work(3, C=0.5), work(4), replace(work(5), activation_digest="x"),
    ]  # fmt: skip
    assert [[one.direction_id for one in task] for task in by_layer(works)] == [[0, 1, 4], [2], [3], [5]]


def test_tasks_are_of_a_size_that_workers_can_share():
    works = [work(number) for number in range(MOST_SETS + 3)]
    assert [len(task) for task in by_layer(works)] == [MOST_SETS, 3]
    large = [work(number, n_rows=int(TASK_ENTRIES / 10)) for number in range(3)]
    assert [len(task) for task in by_layer(large)] == [1, 1, 1]
    assert list(by_layer([])) == []
