"""Leases: what each run is working on, so that any number of runs on one database share the work.

A unit of work is claimed before it is computed. Its lease ends in the transaction that stores its result,
which checks the lease's fence first: a result that comes after its lease was lost is not written. The leases
of a run expire together, `lease_seconds()` after its last beat, on the database's clock. Whoever finds a run
expired ends its leases and writes that it was interrupted. On the machine of a run its death is seen at once.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa

from superpos.db.clock import seconds_now, time_now
from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.insert import insert_missing, parts
from superpos.db.lease_time import BEATS, lease_seconds
from superpos.db.tables import cell_failures, leases, runs
from superpos.errors import DatabaseError, LeaseLostError

_fences = itertools.count(1)  # with the number of the run they name a claim for good


@dataclass(frozen=True, slots=True)
class Lease:
    """Units of one stage that a run has claimed together, by their keys."""

    stage: str
    run_id: int
    fence: int
    keys: tuple[str, ...]

    def of(self, keys: Collection[str]) -> Lease:
        """Return the lease of some of these units alone."""
        return Lease(self.stage, self.run_id, self.fence, tuple(key for key in self.keys if key in keys))


def new_fence() -> int:
    """Return a number that this process has given to no claim."""
    return next(_fences)


def claim(database: Database, run_id: int, stage: str, keys: Sequence[str], fence: int) -> Lease:
    """Lease what of these units no run has; none of them may be computed without.

    With the fence of an earlier try it returns what that one has got.
    """
    rows = [{"stage": stage, "key": key, "run_id": run_id, "fence": fence} for key in sorted(set(keys))]
    c = leases.c
    with database.write(Commit.CLAIM) as connection:
        insert_missing(connection, leases, rows)
        query = sa.select(c.key).where(c.run_id == run_id, c.fence == fence)
        ours = set(connection.scalars(query))
    return Lease(stage, run_id, fence, tuple(key for key in dict.fromkeys(keys) if key in ours))


def check(connection: sa.Connection, held: Lease) -> None:
    """Refuse to go on without a lease; until the transaction ends nobody can take it.

    Raises
    ------
    LeaseLostError
        If another run may have what this one was working on.
    """
    _all_held(connection, held, lambda where: leases.update().where(where).values(fence=held.fence))


def settle(connection: sa.Connection, held: Lease) -> None:
    """End a lease in the transaction that stores what came of it; raises as `check`."""
    _all_held(connection, held, lambda where: leases.delete().where(where))


def _all_held(
    connection: sa.Connection, held: Lease, statement: Callable[[sa.ColumnElement[bool]], Any]
) -> None:
    found = sum(connection.execute(statement(where)).rowcount for where in _rows(held))
    if found != len(held.keys):
        lost = len(held.keys) - found
        raise LeaseLostError(f"{held.stage}: another run has {lost} of {len(held.keys)} units of this one")


def release(database: Database, held: Lease) -> None:
    """End a lease without a result."""
    if held.keys:
        with database.write(Commit.RELEASE) as connection:
            for where in _rows(held):
                connection.execute(leases.delete().where(where))


def release_all(database: Database, run_id: int) -> None:
    """End every lease of a run."""
    with database.write(Commit.RELEASE) as connection:
        connection.execute(leases.delete().where(leases.c.run_id == run_id))


def _rows(held: Lease) -> Iterator[sa.ColumnElement[bool]]:
    c = leases.c
    for keys in parts(held.keys):
        yield sa.and_(c.stage == held.stage, c.key.in_(keys), c.run_id == held.run_id, c.fence == held.fence)


def leased(database: Database, stage: str, keys: Iterable[str]) -> set[str]:
    """Return which of these units a run has."""
    c = leases.c
    with database.read() as connection:
        return {
            key
            for some in parts(keys)
            for key in connection.scalars(sa.select(c.key).where(c.stage == stage, c.key.in_(some)))
        }


def not_leased(stage: str, key: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that no run is working on the row with this key."""
    c = leases.c
    return ~sa.exists().where(c.stage == stage, c.key == key)


def failed_meanwhile(database: Database, run_id: int, stage: str) -> set[str]:
    """Return the keys of a stage that another run has found to fail since this one began.

    This run need not find out the same; the next one tries them again.
    """
    c = cell_failures.c
    began = sa.select(runs.c.started_at).where(runs.c.run_id == run_id).scalar_subquery()
    query = sa.select(c.key).where(
        c.stage == stage, c.run_id != run_id, sa.or_(c.run_id > run_id, c.failed_at > began)
    )
    with database.read() as connection:
        return set(connection.scalars(query))


def beat(database: Database, run_id: int) -> None:
    """Have the leases of a run that has not ended last for their full time from now on."""
    with database.write(Commit.BEAT) as connection:
        connection.execute(
            runs.update()
            .where(runs.c.run_id == run_id, runs.c.expires_at > 0.0)
            .values(expires_at=expiry(connection), outcome="running", ended_at=None)
        )


def sweep(database: Database, run_id: int | None = None) -> None:
    """End the leases of runs that are dead, and write that these were interrupted; `run_id` is alive."""
    r = runs.c
    with database.read() as connection:
        query = sa.select(
            r.run_id, r.expires_at, r.owner, (r.expires_at < seconds_now(connection)).label("expired")
        )
        rows = connection.execute(query.where(r.outcome == "running")).all()
    dead = [row for row in rows if row.run_id != run_id and (row.expired or is_gone(row.owner))]
    if not dead:
        return
    with database.write(Commit.SWEEP) as connection:
        for row in sorted(dead, key=lambda row: row.run_id):
            # A beat in between has another moment of expiry, and the run is left alone.
            ended = connection.execute(
                runs.update()
                .where(r.run_id == row.run_id, r.outcome == "running", r.expires_at == row.expires_at)
                .values(outcome="interrupted", ended_at=time_now(connection))
            )
            if ended.rowcount:
                connection.execute(leases.delete().where(leases.c.run_id == row.run_id))


def expiry(connection: sa.Connection) -> sa.ColumnElement[float]:
    """Return when leases of a run that beats now will expire."""
    return seconds_now(connection) + lease_seconds()


class Heart:
    """Beats for a run while it is entered, from a thread of its own.

    A beat that the database does not take is left out: the next one counts as well.
    """

    def __init__(self, database: Database, run_id: int) -> None:
        self._database = database
        self._run_id = run_id
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="superpos-heart", daemon=True)

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5.0)

    def _beat(self) -> None:
        while not self._stop.wait(lease_seconds() / BEATS):
            with suppress(DatabaseError):
                beat(self._database, self._run_id)


@contextmanager
def under(database: Database, held: Lease) -> Iterator[sa.Connection]:
    """Yield a connection whose work is committed only if this lease still holds; raises as `check`."""
    with database.write(Commit.STORE) as connection:
        check(connection, held)
        yield connection


PROC = Path("/proc")


def this_process() -> str:
    """Return what names this process among all that run, or ran, anywhere; empty where that is not known."""
    place, started = _place(), _started(os.getpid())
    return f"{place} {os.getpid()} {started}" if place and started else ""


def is_gone(owner: str) -> bool:
    """Whether a process that `this_process` named is known to have ended; False for one of elsewhere."""
    place, _, process = owner.rpartition(" ")[0].rpartition(" ")
    started = owner.rpartition(" ")[2]
    return bool(place) and place == _place() and _started(int(process)) != started


def _place() -> str:
    """Return the boot of this machine and the namespace in which processes have their numbers."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(PROC / 'self/ns/pid').readlink().name}"
    except OSError:  # no Linux
        return ""


def _started(process: int) -> str:
    """Return when a process began, in ticks of the kernel; empty if it has ended."""
    try:
        fields = (PROC / str(process) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
