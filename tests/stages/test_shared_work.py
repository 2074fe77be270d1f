"""Several runs on one database: each unit of work is done by one of them, and a late one loses."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tiny_study import Tiny, read_views

from superpos.db import leases as leasing
from superpos.db.engine import Database
from superpos.db.leases import (
    beat,
    claim,
    failed_meanwhile,
    is_gone,
    leased,
    new_fence,
    release,
    settle,
    sweep,
    this_process,
)
from superpos.db.runs import end_run, start_run
from superpos.errors import LeaseLostError, StageError
from superpos.stages.context import Context
from superpos.stages.executor import LOST, Answer, Careful, SerialExecutor, SilentReporter, TaskError
from superpos.stages.loop import Leasing, Stage, leasing_of, run_stage
from superpos.stages.shift import in_turn

LONG_AGO = 1.0


def begin(database: Database) -> int:
    return start_run(database, study="none", host="", git_commit="", versions={}, address="")


def outcome(database: Database, run_id: int) -> str:
    with database.read() as connection:
        return str(connection.scalar(sa.text(f"SELECT outcome FROM runs WHERE run_id = {run_id}")))  # noqa: S608


def expire(database: Database, run_id: int) -> None:
    """As if a run had not beaten for long, on a machine that nobody here can look at."""
    with database.write() as connection:
        text = f"UPDATE runs SET expires_at = {LONG_AGO}, owner = 'elsewhere' WHERE run_id = {run_id}"  # noqa: S608
        connection.exec_driver_sql(text)


def take(database: Database, run_id: int, *keys: str) -> Any:
    return claim(database, run_id, "fits", keys, new_fence())


def test_a_unit_has_one_lease(database: Database) -> None:
    first, second = begin(database), begin(database)
    mine = take(database, first, "a", "b")
    assert mine.keys == ("a", "b")
    assert take(database, second, "c", "b", "a").keys == ("c",)
    assert take(database, first, "a").keys == ()  # nor does its own run have it twice
    assert claim(database, first, "probes", ["a"], new_fence()).keys == ("a",)  # of another stage
    assert leased(database, "fits", "abcd") == {"a", "b", "c"}
    release(database, mine.of(["a"]))
    assert take(database, second, "a", "b").keys == ("a",)


def test_a_claim_whose_answer_was_lost_is_found_again(database: Database) -> None:
    run, fence = begin(database), new_fence()
    assert claim(database, run, "fits", ["a"], fence).keys == ("a",)
    assert claim(database, run, "fits", ["a"], fence).keys == ("a",)


def test_a_late_writer_loses(database: Database) -> None:
    slow, quick = begin(database), begin(database)
    late = take(database, slow, "a", "b")
    expire(database, slow)
    sweep(database, quick)
    assert outcome(database, slow) == "interrupted"
    held = take(database, quick, "a")
    assert held.keys == ("a",)

    def write() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE runs SET host = 'late'")
            settle(connection, late)

    with pytest.raises(LeaseLostError, match="2 of 2"):
        write()
    with database.write() as connection:
        settle(connection, held)
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM runs WHERE host = 'late'")) == 0
    assert leased(database, "fits", "ab") == set()


def test_a_beat_keeps_leases_and_brings_a_run_back_that_was_thought_dead(database: Database) -> None:
    run, other = begin(database), begin(database)
    take(database, run, "a")
    expire(database, run)
    beat(database, run)
    sweep(database, other)
    assert leased(database, "fits", "a") == {"a"}
    expire(database, run)
    sweep(database, other)
    beat(database, run)
    assert outcome(database, run) == "running"
    assert leased(database, "fits", "a") == set()
    end_run(database, run, {}, "done")
    beat(database, run)  # late
    assert outcome(database, run) == "done"


def test_the_end_of_a_run_ends_its_leases(database: Database) -> None:
    run = begin(database)
    take(database, run, "a")
    end_run(database, run, {}, "interrupted")
    assert take(database, begin(database), "a").keys == ("a",)


def test_a_run_that_was_killed_is_interrupted_when_the_next_begins(database: Database) -> None:
    killed = begin(database)
    expire(database, killed)
    other = begin(database)
    assert (outcome(database, killed), outcome(database, other)) == ("interrupted", "running")
    with database.read() as connection:
        assert connection.scalar(sa.text(f"SELECT ended_at FROM runs WHERE run_id = {killed}"))  # noqa: S608


def test_the_death_of_a_process_of_this_machine_is_seen_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def process(number: int, state: str, started: int) -> None:
        (tmp_path / str(number)).mkdir(exist_ok=True)
        fields = " ".join([state, *["0"] * 18, str(started)])
        (tmp_path / str(number) / "stat").write_text(f"{number} (a) name) {fields} 0 0")

    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("boot\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to("pid:[1]")
    monkeypatch.setattr(leasing, "PROC", tmp_path)
    monkeypatch.setattr(leasing.os, "getpid", lambda: 7)
    process(7, "S", 42)
    owner = this_process()
    assert owner == "boot pid:[1] 7 42"
    assert not is_gone(owner)
    process(7, "Z", 42)  # killed, and not waited for
    assert is_gone(owner)
    process(7, "R", 43)  # another process has its number
    assert is_gone(owner)
    assert not is_gone("other pid:[1] 7 42")  # another machine
    assert not is_gone("boot pid:[2] 7 42")  # another container
    assert not is_gone("")
    monkeypatch.setattr(leasing, "PROC", tmp_path / "none")
    assert this_process() == ""


class Said(SilentReporter):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps = 0

    def note(self, text: str) -> None:
        self.notes.append(text)

    def advance(self, stage: str, steps: int = 1) -> None:
        del stage
        self.steps += steps


@pytest.fixture
def handles(database: Database) -> Iterator[Callable[[], Database]]:
    """Return a function that opens the database once more."""
    opened: list[Database] = []

    def handle() -> Database:
        opened.append(Database(database.url.render_as_string(hide_password=False)))
        return opened[-1]

    yield handle
    for one in opened:
        one.dispose()


def at_once(*jobs: Callable[[], Any]) -> None:
    """Run jobs in threads; raise what they raised."""
    wrong: list[BaseException] = []

    def guarded(job: Callable[[], Any]) -> None:
        try:
            job()
        except BaseException as error:  # raised again in the test's own thread
            wrong.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=280)
    if wrong:
        raise wrong[0]


class Store:
    """What has a result, and how often each was computed, over all runs."""

    def __init__(self) -> None:
        self.done: dict[int, int] = {}
        self.computed: Counter[int] = Counter()

    def stage(self, works: Any, **changes: Any) -> Stage[int]:
        given = {
            "name": "probes",
            "task": "task",
            "works": works,
            "total": len(works),
            "payload": lambda work: work,
            "insert": self.done.update,
            "keys": lambda work: (str(work),),
            "leasing": leasing_of(str, lambda work: work not in self.done),
        }
        return Stage(**{**given, **changes})


def context_of(database: Database, task: Callable[[Any], Any]) -> tuple[Context, Said]:
    said = Said()
    executor = SerialExecutor({"task": task}, on_one_thread=True)
    return Context(database, None, 0, begin(database), Path(), executor, said), said  # type: ignore[arg-type]


def test_three_runs_share_the_work(database: Database, handles: Callable[[], Database]) -> None:
    del database
    store, meet = Store(), threading.Barrier(3)
    first: set[int] = set()

    def job() -> None:
        def task(work: int) -> int:
            if threading.get_ident() not in first:
                first.add(threading.get_ident())
                meet.wait(timeout=240)  # each has a unit of its own
            store.computed[work] += 1
            return 10 * work

        context, said = context_of(handles(), task)
        assert run_stage(context, store.stage(range(40))) == 0
        assert said.steps == 40
        assert len(store.done) == 40  # nobody goes on before all is there
        end_run(context.database, context.run_id, {}, "done")

    at_once(job, job, job)
    assert store.computed == Counter(range(40))
    assert store.done == {work: 10 * work for work in range(40)}


def test_what_a_dead_run_had_is_taken_over(database: Database, handles: Callable[[], Database]) -> None:
    store = Store()
    dead = begin(database)
    claim(database, dead, "probes", ["3", "4"], new_fence())
    context, said = context_of(handles(), lambda work: work)
    timer = threading.Timer(0.5, expire, (database, dead))
    timer.start()
    assert run_stage(context, store.stage(range(6))) == 0
    timer.join()
    assert sorted(store.done) == list(range(6))
    waiting = "probes: another run is working on what is left; waiting for it"
    assert set(said.notes) == {waiting}
    assert outcome(database, dead) == "interrupted"


def test_a_result_that_is_late_is_done_again_by_its_own_run(database: Database) -> None:
    """Its lease was lost while it was computed, and nobody else has taken the work."""
    store = Store()
    other = begin(database)

    def task(work: int) -> int:
        store.computed[work] += 1
        if store.computed[work] == 1 and work == 1:
            expire(database, context.run_id)
            sweep(database, other)
        return work

    context, said = context_of(database, task)
    assert run_stage(context, store.stage(range(3))) == 0
    assert store.computed == {0: 1, 1: 2, 2: 1}
    assert said.steps == 3


def test_what_failed_elsewhere_is_not_tried_again(
    database: Database, handles: Callable[[], Database]
) -> None:
    store = Store()

    def task(work: int) -> int:
        store.computed[work] += 1
        if work == 2:
            raise StageError("two")
        return work

    first, _ = context_of(database, task)
    second, said = context_of(handles(), task)
    assert run_stage(first, store.stage(range(4))) == 1
    assert failed_meanwhile(second.database, second.run_id, "probes") == {"2"}
    assert run_stage(second, store.stage(range(4))) == 0
    assert store.computed == Counter(range(4))
    assert said.steps == 4
    later, _ = context_of(handles(), task)
    assert run_stage(later, store.stage([2])) == 1


def test_work_within_this_process_is_done_by_one_run(database: Database, handles: Any) -> None:
    del database
    made: Counter[str] = Counter()
    inside: Counter[str] = Counter()

    def job() -> None:
        context, _ = context_of(handles(), lambda work: work)
        for key, _ in in_turn(context, "measures", ["a", "b", "c"]):
            inside[key] += 1
            assert inside[key] == 1
            time.sleep(0.01)
            made[key] += key not in made
            inside[key] -= 1
        end_run(context.database, context.run_id, {}, "done")

    at_once(job, job)
    assert made == {"a": 1, "b": 1, "c": 1}


class Fragile:
    """An executor whose workers die of a payload that holds 13, and raise at one that holds 17."""

    n_workers = 1

    def __init__(self) -> None:
        self.tries: list[tuple[list[int], bool, int | None]] = []

    def run(self, task: str, payloads: Any) -> Iterator[Answer]:
        del task
        for index, given in enumerate(payloads):
            assert isinstance(given, Careful)
            self.tries.append((given.payload, given.alone, given.tries))
            if 13 in given.payload:
                yield Answer(index, None, TaskError(LOST, "died"))
            elif 17 in given.payload:
                yield Answer(index, None, TaskError("AssertionError", "a bug"))
            else:
                yield Answer(index, [10 * one for one in given.payload])


def halves(work: list[int]) -> list[list[int]]:
    middle = len(work) // 2
    return [work[:middle], work[middle:]] if middle else []


def test_what_cannot_be_done_as_a_whole_is_cut_until_the_cell_at_fault_stands_alone(
    database: Database,
) -> None:
    done: dict[int, int] = {}
    executor = Fragile()
    context, _ = context_of(database, lambda work: work)
    stage: Stage[list[int]] = Stage(
        name="fits",
        task="task",
        works=[list(range(16)), list(range(16, 32))],
        total=32,
        payload=lambda work: work,
        insert=lambda found: [done.update(zip(work, value, strict=True)) for work, value in found] and None,
        keys=lambda work: [str(one) for one in work],
        # Two numbers share a lease, as the cells of a joint fit do: it ends with the last of them.
        leasing=Leasing(
            lambda work: [f"pair {pair}" for pair in dict.fromkeys(one // 2 for one in work)],
            lambda work, keys: [one for one in work if f"pair {one // 2}" in keys],
            lambda work, _: [one for one in work if one not in done] or None,
        ),
        split=halves,
        steps=len,
        executor=executor,
    )
    assert run_stage(context, stage) == 2
    assert done == {one: 10 * one for one in range(32) if one not in (13, 17)}
    assert leased(database, "fits", [f"pair {n}" for n in range(16)]) == set()
    with database.read() as connection:
        found = connection.execute(sa.text("SELECT key, reason, quarantined FROM cell_failures ORDER BY key"))
        assert list(map(tuple, found)) == [("13", LOST, 1), ("17", "AssertionError", 0)]
    tries = {tuple(work): (alone, count) for work, alone, count in executor.tries}
    assert tries[tuple(range(16))] == (False, 2)  # the worker may have died of something else
    assert tries[tuple(range(8, 16))] == (True, 1)
    assert tries[13,] == (True, None)
    assert tries[tuple(range(24, 32))] == (False, 2)  # of a mistake no worker dies


def test_drivers_compute_each_cell_once_and_the_same_bits(
    database: Database, tiny: Tiny, finished_views: dict[str, list[tuple[str, ...]]], tmp_path: Path
) -> None:
    """Three processes on SQLite, two on PostgreSQL, all stages, from nothing."""
    count, log = 3 if database.is_sqlite else 2, tmp_path / "log"
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, str(Path(__file__).with_name("drivers.py")), url, str(tiny.file())]
    command += [str(tmp_path / "data"), str(log), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    assert read_views(database) == finished_views
    lines = [line.split() for line in log.read_text(encoding="ascii").splitlines()]
    computed = Counter(tuple(line[:2]) for line in lines)
    assert {unit: times for unit, times in computed.items() if times > 1} == {}
    tasks = Counter(task for task, _ in computed)
    with database.read() as connection:
        stored = {
            task: connection.scalar(sa.text(f"SELECT COUNT(*) FROM {table}"))  # noqa: S608
            for task, table in (("fits", "fits"), ("bounds", "joint_fits"), ("probes", "direction_sets"))
        }
        outcomes = connection.execute(sa.text("SELECT outcome FROM runs")).scalars().all()
    assert {task: tasks[task] for task in stored} == stored
    assert outcomes == ["done"] * count
    assert leased(database, "fits", []) == set()
