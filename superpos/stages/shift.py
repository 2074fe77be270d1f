"""One run's part in the work of a stage: units are leased, handed out, stored, split, waited for."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from superpos.db.commits import Commit
from superpos.db.failures import clear_failures, record_failures
from superpos.db.leases import (
    Lease,
    check,
    claim,
    failed_meanwhile,
    leased,
    new_fence,
    release,
    settle,
    sweep,
)
from superpos.db.patience import AWAY_SECONDS, patiently
from superpos.errors import DataFolderAwayError, DataFolderError, FileLostError, LeaseLostError
from superpos.records.work import CellFailure
from superpos.stages.context import Context
from superpos.stages.executor import FULL, LATE, LOST, Careful, TaskError, of_store
from superpos.stages.stage import Stage

W = TypeVar("W")
R = TypeVar("R")
SHORTEST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds between two looks at what other runs are working on."""


@dataclass(slots=True, eq=False)
class _Unit(Generic[W]):
    """A unit of work on its way."""

    work: W
    lease: Lease | None
    suspect: bool = False
    """Whether it is a piece of something that ended its worker."""


class Shift(Generic[W]):
    """What a run does of a stage."""

    def __init__(self, context: Context, stage: Stage[W]) -> None:
        self.n_failed = 0
        self._context = context
        self._stage = stage
        self._held: list[W] = []
        """What other runs are working on."""
        self._ready: deque[_Unit[W]] = deque()
        """Leased and not handed out yet."""
        self._pieces: deque[_Unit[W]] = deque()
        """Of units that could not be done as a whole."""
        self._shared: Counter[tuple[int, str]] = Counter()
        """By fence and key of a lease: how many more pieces of a unit need it than one."""
        self._away_since: float | None = None
        """When workers began to find the object store of the data folder away, if they do."""

    def work(self, works: Iterable[W]) -> list[W]:
        """Hand out work and store what comes back; return the units whose files are lost."""
        lost: list[W] = []
        source: Iterator[W] = iter(works)
        while True:
            self._round(source, lost)
            if self._pieces:  # of what came back last
                source = iter(())
            elif self._held:
                source = iter(self._wait())
            else:
                return lost

    def fail(self, work: W, error: TaskError) -> None:
        """Record that a unit has no result."""
        self._fail(_Unit(work, None), error)

    def _round(self, source: Iterator[W], lost: list[W]) -> None:
        stage = self._stage
        sent: dict[int, _Unit[W]] = {}
        done: list[tuple[_Unit[W], Any]] = []
        executor = stage.executor or self._context.executor
        for answer in executor.run(stage.task, self._payloads(source, sent)):
            unit = sent.pop(answer.index)
            if answer.error is None:
                self._away_since = None
                done.append((unit, answer.value))
                if len(done) >= stage.batch:
                    self._store(done)
                    done = []
            elif (error := of_store(answer.error)) is not None:
                self._put_back(unit, error)
            elif stage.remake is not None and answer.error.reason == FileLostError.__name__:
                self._release([unit])
                lost.append(unit.work)
            elif pieces := stage.split(unit.work) if stage.split else ():
                self._split(unit, pieces, answer.error)
            elif stage.refuse(unit.work, answer.error):
                self._release([unit])
                self._advance(unit.work)
            else:
                self._fail(unit, answer.error)
        if done:
            self._store(done)

    def _payloads(self, source: Iterator[W], sent: dict[int, _Unit[W]]) -> Iterator[Any]:
        """Yield what the task is given, and keep what is on its way."""
        index = 0
        while (unit := self._next(source)) is not None:
            sent[index] = unit
            index += 1
            yield self._given(unit)

    def _next(self, source: Iterator[W]) -> _Unit[W] | None:
        """Return what is handed out next, None where nothing is left that no other run has."""
        if self._pieces:
            return self._pieces.popleft()
        while not self._ready:
            works = list(islice(source, self._stage.batch))
            if not works:
                return None
            self._ready.extend(self._lease(works))
        return self._ready.popleft()

    def _given(self, unit: _Unit[W]) -> Any:
        """Return the payload of a unit; what may be cut is not tried as often as what stands alone."""
        stage = self._stage
        payload = stage.payload(unit.work)
        if stage.split is None:
            return payload
        alone = not stage.split(unit.work)
        tries = None if alone else 1 if unit.suspect else 2
        return Careful(payload, alone=unit.suspect, tries=tries, limits=stage.limits)

    def _lease(self, works: Sequence[W]) -> list[_Unit[W]]:
        """Lease units; return those that are ours and still have no result, put those of others aside."""
        stage, context = self._stage, self._context
        leasing = stage.leasing
        if leasing is None:
            return [_Unit(work, None) for work in works]
        fence = new_fence()  # one for all tries: a claim may be there though its answer was lost

        def read() -> tuple[list[_Unit[W]], list[W], list[W], Lease]:
            keys = [key for work in works for key in leasing.keys(work)]
            lease = claim(context.database, context.run_id, stage.name, keys, fence)
            failed = failed_meanwhile(context.database, context.run_id, stage.name)
            units: list[_Unit[W]] = []
            held: list[W] = []
            ours: list[W] = []
            for work in works:
                mine = lease.of(leasing.keys(work))
                others = [key for key in leasing.keys(work) if key not in mine.keys]
                if others:
                    held.append(leasing.part(work, others))
                if mine.keys:
                    part = leasing.part(work, mine.keys) if others else work
                    ours.append(part)
                    left = leasing.missing(part, failed)
                    if left is not None:
                        units.append(_Unit(left, lease.of(leasing.keys(left))))
            return units, held, ours, lease

        units, held, ours, lease = self._patiently(read)
        self._held += held
        wanted = {key for unit in units if unit.lease for key in unit.lease.keys}
        self._end(lease.of([key for key in lease.keys if key not in wanted]))
        gone = sum(map(stage.steps, ours)) - sum(stage.steps(unit.work) for unit in units)
        if gone:  # another run has done it, or has found that it fails
            context.reporter.advance(stage.name, gone)
        return units

    def _split(self, unit: _Unit[W], pieces: Sequence[W], error: TaskError) -> None:
        """Hand out the pieces of a unit before anything else; they share its lease."""
        leasing = self._stage.leasing
        suspect = error.reason in (LOST, LATE)
        for piece in pieces:
            lease = unit.lease.of(leasing.keys(piece)) if unit.lease and leasing else None
            self._pieces.append(_Unit(piece, lease, suspect))
            self._shared.update(_names(lease))
        self._shared.subtract(_names(unit.lease))

    def _put_back(self, unit: _Unit[W], error: DataFolderError) -> None:
        """Hand out a unit again, for the object store may be back then; raise what will not pass."""
        if not isinstance(error, DataFolderAwayError):
            raise error
        now, reporter = time.monotonic(), self._context.reporter
        if self._away_since is None:
            self._away_since = now
            reporter.note(f"{error}; waiting for it, up to {AWAY_SECONDS:.0f} s")
        if now - self._away_since > AWAY_SECONDS:
            waited = f"waited {now - self._away_since:.0f} s"
            raise DataFolderError(f"{error}; {waited}; finished work is kept")
        reporter.advance(self._stage.name, 0)  # raises what a signal has left
        time.sleep(LONGEST_WAIT)
        self._pieces.append(unit)

    def _store(self, done: Sequence[tuple[_Unit[W], Any]]) -> None:
        """Store values with the end of their leases, forget the failures of what has a result now."""
        stage, database = self._stage, self._context.database

        def write() -> tuple[CellFailure, ...]:
            failures = tuple(stage.insert([(unit.work, value) for unit, value in done]) or ())
            without = {failure.key for failure in failures}
            known = stage.failed_before
            keys = [key for unit, _ in done for key in stage.keys(unit.work) if key not in without]
            clear_failures(database, stage.name, keys if known is None else [k for k in keys if k in known])
            return failures

        self._settle([unit for unit, _ in done], write)

    def _fail(self, unit: _Unit[W], error: TaskError) -> None:
        stage = self._stage
        # What stands alone has ended all the workers that it may, or has taken all the time or memory.
        final = stage.split is not None and error.reason in (LOST, LATE, FULL)
        failures = [
            CellFailure(stage.name, key, error.reason, error.message, final) for key in stage.keys(unit.work)
        ]
        self._settle([unit], lambda: failures)

    def _settle(self, units: Sequence[_Unit[W]], write: Callable[[], Sequence[CellFailure]]) -> None:
        """Write what came of units, record what failed, end their leases: all of it or nothing."""
        context = self._context
        leases = [unit.lease for unit in units if unit.lease]
        here = Counter(name for lease in leases for name in _names(lease))
        ending = {name for name, count in here.items() if count > self._shared[name]}

        def transaction() -> Sequence[CellFailure]:
            with context.database.write(Commit.STORE) as connection:
                for lease in leases:
                    last = lease.of([key for key in lease.keys if (lease.fence, key) in ending])
                    check(connection, lease.of([key for key in lease.keys if key not in last.keys]))
                    settle(connection, last)
                failures = write()
                if failures:
                    record_failures(context.database, failures, context.run_id)
            return failures

        try:
            failures = self._patiently(transaction)
        except LeaseLostError:  # or it is stored, and the answer was lost
            self._release(units)
            self._held += [unit.work for unit in units]
            return
        for name, count in here.items():
            if name in ending:
                self._shared.pop(name, None)
            else:
                self._shared[name] -= count
        self.n_failed += len(failures)
        self._say(failures)
        for unit in units:
            self._advance(unit.work)

    def _say(self, failures: Sequence[CellFailure]) -> None:
        if not failures:
            return
        notes = self._stage.notes
        for line in notes(failures) if notes else (f"{one.stage}: {one.message}" for one in failures):
            self._context.reporter.note(line)

    def _advance(self, work: W) -> None:
        self._context.reporter.advance(self._stage.name, self._stage.steps(work))

    def _wait(self) -> list[W]:
        """Wait for other runs; return the units of which they have left something free."""
        stage, context, leasing = self._stage, self._context, self._stage.leasing
        works, self._held = self._held, []
        if leasing is None:
            return works
        for _ in waits(context, stage.name):
            keys = {key for work in works for key in leasing.keys(work)}
            taken = self._patiently(partial(leased, context.database, stage.name, keys))
            free = [work for work in works if not taken.issuperset(leasing.keys(work))]
            if free:
                self._held = [work for work in works if taken.issuperset(leasing.keys(work))]
                return free
        return []

    def _release(self, units: Sequence[_Unit[W]]) -> None:
        for unit in units:
            if unit.lease:
                self._end(unit.lease)

    def _end(self, lease: Lease) -> None:
        if lease.keys:
            self._patiently(lambda: release(self._context.database, lease))

    def _patiently(self, work: Callable[[], R]) -> R:
        reporter = self._context.reporter
        return patiently(work, reporter.note, lambda: reporter.advance(self._stage.name, 0))


def _names(lease: Lease | None) -> Iterator[tuple[int, str]]:
    """Yield what names each key of a lease among all that this run has."""
    if lease:
        yield from ((lease.fence, key) for key in lease.keys)


def waits(context: Context, stage: str) -> Iterator[None]:
    """Yield now and then while another run is at work, for ever; dead runs lose their leases."""
    pause = SHORTEST_WAIT
    while True:
        patiently(lambda: sweep(context.database, context.run_id), context.reporter.note)
        yield
        context.reporter.note(f"{stage}: another run is working on what is left; waiting for it")
        context.reporter.advance(stage, 0)  # raises what a signal has left
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_WAIT)


def in_turn(context: Context, stage: str, keys: Iterable[str]) -> Iterator[tuple[str, Lease]]:
    """Yield each unit once this run has it alone: for what is made and written within this process."""
    left = list(keys)
    for _ in waits(context, stage):
        for key in tuple(left):
            ask = partial(claim, context.database, context.run_id, stage, [key], new_fence())
            held = patiently(ask, context.reporter.note)
            if held.keys:
                left.remove(key)
                yield key, held
                patiently(partial(release, context.database, held), context.reporter.note)
        if not left:
            return
