"""The loop of all stages, on works that are numbers and tasks that are made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.failures import failed_keys, record_failures
from superpos.db.runs import start_run
from superpos.errors import ArgumentError, FileLostError, InputError, StageError
from superpos.records.work import CellFailure
from superpos.stages import pipeline
from superpos.stages.context import Context
from superpos.stages.executor import SerialExecutor, SilentReporter, TaskError
from superpos.stages.loop import Remake, Stage, run_stage


class Steps(SilentReporter):
    """Keeps what is shown, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []

    def start(self, stage: str, total: int) -> None:
        self.seen.append((f"start {stage}", total))

    def advance(self, stage: str, steps: int = 1) -> None:
        self.seen.append((f"advance {stage}", steps))

    def finish(self, stage: str) -> None:
        self.seen.append((f"finish {stage}", None))

    def note(self, text: str) -> None:
        self.seen.append(("note", text))


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def make(database: Database, steps: Steps, tmp_path: Path) -> Callable[..., tuple[Context, Stage[int]]]:
    """Return a function that makes a stage named `probes` whose units are numbers; the rest is given."""
    run_id = start_run(database, study="none", host="", git_commit="", versions={}, address="")

    def made(works: Sequence[int], task: Callable[[int], Any], **changes: Any) -> tuple[Context, Stage[int]]:
        executor = SerialExecutor({"task": task})
        context = Context(database, None, 0, run_id, tmp_path, executor, steps)
        given = {
            "name": "probes",
            "task": "task",
            "works": works,
            "total": len(works),
            "payload": lambda work: work,
            "insert": lambda _: None,
            "keys": lambda work: (f"key {work}",),
        }
        return context, Stage(**{**given, **changes})

    return made


def attempts(database: Database) -> dict[str, int]:
    with database.read() as connection:
        rows = connection.execute(sa.text("SELECT key, attempts FROM cell_failures"))
        return {row[0]: row[1] for row in rows}


def odd_fails(work: int) -> int:
    if work % 2:
        raise StageError(f"{work} is odd")
    return 10 * work


def test_values_are_stored_as_they_come_and_failures_recorded(make, database, steps) -> None:
    stored = []
    context, stage = make([0, 1, 2], odd_fails, insert=lambda done: stored.append(list(done)))
    assert run_stage(context, stage) == 1
    assert stored == [[(0, 0)], [(2, 20)]]
    assert attempts(database) == {"key 1": 1}
    assert steps.seen == [
        ("start probes", 3),
        ("advance probes", 1),
        ("note", "probes: 1 is odd"),
        ("advance probes", 1),
        ("advance probes", 1),
        ("finish probes", None),
    ]


def test_nothing_missing_shows_nothing_and_prepares_nothing(make, steps) -> None:
    context, stage = make([], odd_fails, prepare=lambda: pytest.fail("there is nothing to prepare for"))
    assert run_stage(context, stage) == 0
    assert steps.seen == []


def test_values_are_stored_in_batches_and_the_last_may_be_short(make) -> None:
    stored = []
    context, stage = make(range(5), lambda work: work, batch=2, insert=lambda done: stored.append(list(done)))
    run_stage(context, stage)
    assert [[work for work, _ in done] for done in stored] == [[0, 1], [2, 3], [4]]


def test_what_was_stored_stays_when_storing_the_next_is_stopped(make, database) -> None:
    stored = []

    def insert(done: Any) -> None:
        if done[0][0] == 2:
            raise KeyboardInterrupt
        stored.extend(done)

    context, stage = make([0, 2, 4], odd_fails, insert=insert)
    with pytest.raises(KeyboardInterrupt):
        run_stage(context, stage)
    assert stored == [(0, 0)]
    assert attempts(database) == {}


def test_a_failure_is_counted_again_and_forgotten_with_the_first_result(make, database) -> None:
    run_stage(*make([1], odd_fails))
    run_stage(*make([1], odd_fails))
    assert attempts(database) == {"key 1": 2}
    run_stage(*make([1], lambda work: work))
    assert attempts(database) == {}


def test_only_known_failures_are_forgotten_where_these_are_given(make, database) -> None:
    run_id = make([], odd_fails)[0].run_id
    record_failures(database, [CellFailure("probes", f"key {n}", "Some", "said") for n in (0, 2)], run_id)
    run_stage(*make([0, 2], odd_fails, failed_before={"key 0"}))
    assert attempts(database) == {"key 2": 1}


def test_parts_of_a_unit_may_fail(make, database, steps) -> None:
    """A unit has several keys; what `insert` returns has no result, the others have."""
    record_failures(database, [CellFailure("probes", "0 a", "Some", "before")], make([], odd_fails)[0].run_id)
    failures = [CellFailure("probes", f"0 {part}", "Some", "no minimum") for part in "bc"]
    context, stage = make(
        [0],
        odd_fails,
        total=3,
        keys=lambda work: [f"{work} {part}" for part in "abc"],
        steps=lambda _: 3,
        insert=lambda _: failures,
        notes=lambda failures: [f"{len(failures)} failed"],
    )
    assert run_stage(context, stage) == 2
    assert attempts(database) == {"0 b": 1, "0 c": 1}
    assert steps.seen[1:-1] == [("note", "2 failed"), ("advance probes", 3)]


def test_every_key_of_a_unit_fails_with_it(make, database, steps) -> None:
    context, stage = make([1], odd_fails, keys=lambda work: [f"{work} a", f"{work} b"])
    assert run_stage(context, stage) == 2
    assert attempts(database) == {"1 a": 1, "1 b": 1}
    assert steps.seen[1:3] == [("note", "probes: 1 is odd")] * 2


def test_what_says_something_of_the_input_is_no_failure(make, database, steps) -> None:
    refused: list[str] = []

    def task(work: int) -> int:
        if work == 0:
            raise ArgumentError("text", "is too small")
        return odd_fails(work)

    def refuse(work: int, error: TaskError) -> bool:
        if error.exit_status == InputError.exit_status:
            refused.append(f"{work}: {error.message}")
            return True
        return False

    assert run_stage(*make([0, 1], task, refuse=refuse)) == 1
    assert refused == ["0: text: is too small"]
    assert attempts(database) == {"key 1": 1}
    assert steps.seen.count(("advance probes", 1)) == 2


def test_lost_files_are_made_again_once(make, database, steps) -> None:
    """Unit 1 is lost once, unit 2 twice: each counts one step, and only the second is a failure."""
    tries = dict.fromkeys(range(3), 0)
    made_again: list[list[int]] = []
    stored: list[int] = []

    def task(work: int) -> int:
        tries[work] += 1
        if tries[work] <= work:
            raise FileLostError(f"file {work}: is gone")
        return work

    remake = Remake(lambda lost: made_again.append(list(lost)), lambda work: f"{work} is lost again")
    context, stage = make(
        range(3), task, remake=remake, insert=lambda done: stored.extend(work for work, _ in done)
    )
    assert run_stage(context, stage) == 1
    assert stored == [0, 1]
    assert made_again == [[1, 2]]
    assert tries == {0: 1, 1: 2, 2: 2}
    assert failed_keys(database, "probes") == {"key 2": False}
    assert steps.seen.count(("advance probes", 1)) == 3
    assert ("note", "probes: 2 is lost again") in steps.seen


def test_a_lost_file_is_a_failure_where_nothing_makes_it_again(make, database) -> None:
    def task(work: int) -> int:
        raise FileLostError(f"file {work}: is gone")

    assert run_stage(*make([4], task)) == 1
    assert attempts(database) == {"key 4": 1}


def test_a_stage_may_have_an_executor_of_its_own(make) -> None:
    stored: list[Any] = []
    own = SerialExecutor({"task": lambda work: -work}, on_one_thread=True)
    context, stage = make([3], odd_fails, executor=own, insert=stored.extend)
    assert run_stage(context, stage) == 0
    assert stored == [(3, -3)]


def test_a_run_registers_its_study_once(tiny, new_database, monkeypatch) -> None:
    """Whoever has registered it says so; whoever has not gets it registered."""
    from superpos.db.studies import register_study

    database, plan = new_database("once"), tiny.plan(more="")
    calls: list[str] = []

    def counted(*arguments: Any) -> int:
        calls.append("registered")
        return register_study(*arguments)

    monkeypatch.setattr(pipeline, "register_study", counted)

    def run(**known: Any) -> None:
        pipeline.run_study(
            database,
            plan,
            SerialExecutor({}),
            SilentReporter(),
            data_folder=database.default_data_folder,
            stages=(),
            **known,
        )

    run(study_id=register_study(database, plan))
    assert calls == []
    run()
    assert calls == ["registered"]


def test_a_run_records_the_packages_that_add_kinds(tmp_path: Path, monkeypatch) -> None:
    info = tmp_path / "more_controls-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: more-controls\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text("[superpos.controls]\nturned = more_controls:KIND\n")
    assert "more-controls" not in pipeline.versions()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert pipeline.versions()["more-controls"] == "2.1"
