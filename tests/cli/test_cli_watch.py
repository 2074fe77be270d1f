"""Watching: rates are those of the stretch that was watched, and it ends when nothing is left."""

from __future__ import annotations

import json
from typing import Any

import pytest

from superpos.cli import watch as module
from superpos.cli.watch import Look, duration, lines, look, watch
from superpos.db.progress import StageProgress


def row(
    stage: str, planned: int, done: int, failed: int = 0, stopped: int = 0, refused: int = 0
) -> StageProgress:
    return StageProgress(stage, planned, done, failed, stopped, refused)


@pytest.fixture
def progress(monkeypatch: pytest.MonkeyPatch) -> list[tuple[StageProgress, ...]]:
    """What the database says, look after look."""
    said: list[tuple[StageProgress, ...]] = []
    monkeypatch.setattr(module, "study_progress", lambda *_: said.pop(0))
    monkeypatch.setattr(module, "failures_by_reason", lambda *_: {"fits: it broke": 3})
    return said


def test_rate_and_time_left_are_those_of_the_watched_stretch(progress: Any) -> None:
    progress += [(row("fits", 1000, 200),), (row("fits", 1000, 200),), (row("fits", 1000, 500),)]
    firsts: dict[str, Any] = {}
    database: Any = None
    first = look(database, "s", firsts, 100.0)
    assert (first.rates, first.left(first.stages[0])) == ({}, None)
    still = look(database, "s", firsts, 110.0)
    assert (still.rates, still.left(still.stages[0])) == ({"fits": 0.0}, None)
    later = look(database, "s", firsts, 120.0)
    assert later.rates == {"fits": 300 / 20}
    assert later.left(later.stages[0]) == pytest.approx(500 / 15)
    assert list(lines([later], {})) == ["s: fits 500 of 1,000, 15 a second, about 33 s left"]
    assert list(lines([first], {"a": 2})) == ["s: fits 200 of 1,000", "2 x a"]


def test_it_looks_until_nothing_is_left(progress: Any, capsys: pytest.CaptureFixture[str]) -> None:
    progress += [(row("fits", 10, done),) for done in (0, 5, 10)]
    times, pauses = iter((0.0, 5.0, 10.0)), []
    database: Any = None
    status = watch(
        database,
        ("s",),
        5.0,
        as_json=True,
        check=lambda: None,
        pause=pauses.append,
        clock=lambda: next(times),
    )
    assert (status, pauses) == (0, [5.0, 5.0])
    looks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (stage,) = looks[1]["studies"][0]["stages"]
    assert (stage["done"], stage["a_second"], stage["seconds_left"]) == (5, 1.0, 5.0)
    assert looks[1]["failures"] == {"fits: it broke": 3}


def test_quarantined_cells_are_left_and_end_it_with_one(
    progress: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    progress += [(row("fits", 10, 7, stopped=2, refused=1),)]
    database: Any = None
    assert watch(database, ("s",), 5.0, as_json=False, check=lambda: None) == 1
    said = capsys.readouterr().out.splitlines()
    assert said == ["s: nothing left to do", "s: fits 7 of 9, 2 failed", "3 x fits: it broke"]


def test_an_interruption_ends_it(progress: Any) -> None:
    progress += [(row("fits", 10, 0),)]

    def stop() -> None:
        raise KeyboardInterrupt

    database: Any = None
    with pytest.raises(KeyboardInterrupt):
        watch(database, ("s",), 5.0, as_json=True, check=stop)


@pytest.mark.parametrize(
    ("seconds", "said"), [(3.4, "3 s"), (119, "119 s"), (600, "10 min"), (10_000, "2.8 h")]
)
def test_times_are_for_people(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_study_of_nothing_is_finished() -> None:
    assert Look("s", (), {}).finished
