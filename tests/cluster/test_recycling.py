"""When an actor is due to be replaced: no cluster needed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from superpos.cluster.recycling import Age, Recycling, resident_bytes

RULES = Recycling(calls=3, seconds=10.0, growth=100)


def test_many_calls_count_once_it_has_lived_for_a_while() -> None:
    now = [0.0]
    age = Age(RULES, lambda: now[0])
    for _ in range(5):
        age.note("fits", 1_000)
    assert not age.is_due
    now[0] = 10.0
    age.note("fits", 1_000)
    assert age.is_due


@pytest.mark.parametrize(("more", "due"), [(100, False), (101, True), (-500, False)])
def test_growth_counts_from_the_first_call_of_a_task(more: int, due: bool) -> None:
    age = Age(RULES)
    age.note("fits", 1_000)
    age.note("extract", 9_000)  # a model
    assert not age.is_due
    age.note("extract", 9_000 + more)
    assert age.is_due is due
    age.note("extract", 9_000)
    assert age.is_due is due  # what has been due is


def test_memory_that_is_unknown_says_nothing() -> None:
    age = Age(RULES)
    for resident in (0, 10_000, 0):
        age.note("fits", resident)
    assert not age.is_due


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_a_process_holds_itself_is_counted(tmp_path: Path) -> None:
    before = resident_bytes()
    held = bytes(range(256)) * 2**18
    assert resident_bytes() - before > 0.9 * len(held)
    assert resident_bytes(tmp_path / "none") >= resident_bytes()  # with files, where there is no more to know
