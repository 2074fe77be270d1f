"""The one loop of the stages: hand out what is missing, store what comes back, count what failed.

A stage says what is missing, which task does it, what that task is given and where its values go. The loop
is that of DataJoint's `populate` (Yatsenko et al. 2018): a unit of work has its result in the database, or a
failure there that says why, or is tried by the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from superpos.db.failures import clear_failures, record_failures
from superpos.errors import FileLostError
from superpos.records.work import CellFailure
from superpos.stages.context import Context
from superpos.stages.executor import Executor, TaskError

W = TypeVar("W")
Done = Sequence[tuple[W, Any]]
"""Units of work, each with the value of its task."""


def _never(*_: Any) -> bool:
    """Take no error as anything but a failure."""
    return False


@dataclass(frozen=True, slots=True)
class Remake(Generic[W]):
    """How files that a task has not found, or found damaged, are made again."""

    make: Callable[[Sequence[W]], None]
    """Makes the files of some units of work again, which are then tried once more."""
    lost_again: Callable[[W], str]
    """What is said of a unit whose files are lost again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Generic[W]):
    """What a stage has to do in this run."""

    name: str
    """What its work counts under."""
    task: str
    """Name of the task that its executor runs."""
    works: Iterable[W]
    """What is missing; drawn one by one if it is an iterator."""
    total: int
    """Steps of all of it."""
    payload: Callable[[W], Any]
    """What the task is given for a unit."""
    insert: Callable[[Done[W]], Iterable[CellFailure] | None]
    """Stores values; returns what failed within a unit, if anything did."""
    keys: Callable[[W], Sequence[str]]
    """Keys of a unit's failures."""
    steps: Callable[[W], int] = lambda _: 1
    batch: int = 1
    """Units whose values are stored together."""
    prepare: Callable[[], Any] = lambda: None
    """Called once before anything is handed out."""
    refuse: Callable[[W, TaskError], bool] = _never
    """Takes note of an error; whether it says something of the input, and is no failure."""
    notes: Callable[[Sequence[CellFailure]], Iterable[str]] | None = None
    """Lines on failures; one each by default."""
    failed_before: Collection[str] | None = None
    """Keys with failures, where work is too much to ask for each; None to forget failures unseen."""
    remake: Remake[W] | None = None
    executor: Executor | None = None
    """Where its task runs; None for that of the run."""


def run_stage(context: Context, stage: Stage[W]) -> int:
    """Do what is missing of a stage; return how many keys failed.

    Units are handed out in order, their values stored as they come. What was stored when the run is stopped
    stays.
    """
    if stage.total == 0:
        return 0
    context.reporter.start(stage.name, stage.total)
    stage.prepare()
    lost: list[W] = []
    n_failed = _round(context, stage, stage.works, lost)
    if lost and stage.remake is not None:
        stage.remake.make(lost)
        again: list[W] = []
        n_failed += _round(context, stage, lost, again)
        for work in again:
            error = TaskError("files_lost", stage.remake.lost_again(work))
            n_failed += _fail(context, stage, _failures(stage, work, error))
            context.reporter.advance(stage.name, stage.steps(work))
    context.reporter.finish(stage.name)
    return n_failed


def _round(context: Context, stage: Stage[W], works: Iterable[W], lost: list[W]) -> int:
    """Hand out work and store what comes back; units whose files are lost end in `lost`."""
    sent: dict[int, W] = {}
    done: list[tuple[W, Any]] = []
    n_failed = 0
    for answer in (stage.executor or context.executor).run(stage.task, _payloads(stage, works, sent)):
        work = sent.pop(answer.index)
        if answer.error is None:
            done.append((work, answer.value))
            if len(done) >= stage.batch:
                n_failed += _store(context, stage, done)
                done = []
        elif stage.remake is not None and answer.error.reason == FileLostError.__name__:
            lost.append(work)
            continue
        elif not stage.refuse(work, answer.error):
            n_failed += _fail(context, stage, _failures(stage, work, answer.error))
        context.reporter.advance(stage.name, stage.steps(work))
    return n_failed + (_store(context, stage, done) if done else 0)


def _payloads(stage: Stage[W], works: Iterable[W], sent: dict[int, W]) -> Iterator[Any]:
    """Yield what the task is given, and keep what is on its way."""
    for index, work in enumerate(works):
        sent[index] = work
        yield stage.payload(work)


def _store(context: Context, stage: Stage[W], done: Done[W]) -> int:
    """Store values, then forget the failures of what has a result now; return how many keys have none."""
    failures = tuple(stage.insert(done) or ())
    without = {failure.key for failure in failures}
    known = stage.failed_before
    keys = [key for work, _ in done for key in stage.keys(work) if key not in without]
    clear_failures(context.database, stage.name, keys if known is None else [k for k in keys if k in known])
    return _fail(context, stage, failures)


def _failures(stage: Stage[W], work: W, error: TaskError) -> tuple[CellFailure, ...]:
    return tuple(
        CellFailure(stage=stage.name, key=key, reason=error.reason, message=error.message)
        for key in stage.keys(work)
    )


def _fail(context: Context, stage: Stage[W], failures: Sequence[CellFailure]) -> int:
    """Record failures and say so; return how many they are."""
    if not failures:
        return 0
    record_failures(context.database, failures, context.run_id)
    said = stage.notes(failures) if stage.notes else (f"{one.stage}: {one.message}" for one in failures)
    for line in said:
        context.reporter.note(line)
    return len(failures)
