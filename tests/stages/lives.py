"""Lives of drivers within one process: each may die at any commit, or be thought dead and go on.

A life that dies writes nothing from then on, as a process does that is killed; its connection rolls back what
it had open. Others see its death at once, as on one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any
from unittest import mock

import sqlalchemy as sa

from superpos.db import commits, leases, runs
from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.records.plan import StudyPlan
from superpos.stages import fits, pipeline
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.tasks import TASKS

STORED = """
SELECT (SELECT COUNT(*) FROM joint_fits j WHERE j.psm_id = :psm AND j.joint_axes_id = :joint) AS joints,
  (SELECT COUNT(*) FROM fits f JOIN joint_fits j ON j.joint_id = f.joint_id
   WHERE j.psm_id = :psm AND j.joint_axes_id = :joint AND f.fit_axes_id = :fit) AS fits,
  (SELECT COUNT(*) FROM leases l JOIN runs r ON r.run_id = l.run_id
   WHERE l.stage = 'fits' AND l.key = :lease AND r.owner = :owner) AS leased
"""
"""What is stored of a cell, and whether a life has its lease."""


HELD = """SELECT l.key FROM leases l JOIN runs r ON r.run_id = l.run_id
WHERE l.stage = 'fits' AND r.owner = :owner"""
WRITTEN = """
SELECT CAST(j.psm_id AS TEXT) || '.' || CAST(j.joint_axes_id AS TEXT) AS lease, f.fit_axes_id, 'fit' AS what
FROM fits f JOIN joint_fits j ON j.joint_id = f.joint_id JOIN runs r ON r.run_id = f.run_id
WHERE r.owner = :owner
UNION ALL SELECT CAST(p.psm_id AS TEXT) || '.' || CAST(a.joint_axes_id AS TEXT), cf.attempts, 'failure'
FROM cell_failures cf JOIN runs r ON r.run_id = cf.run_id
  JOIN psms p ON p.key = SUBSTR(cf.key, 1, 32) JOIN joint_axes a ON a.key = SUBSTR(cf.key, 34, 32)
WHERE cf.stage = 'fits' AND r.owner = :owner
"""
"""What a life has leased, and what it has written under which lease."""


class Death(BaseException):
    """The process has ended; nothing in it catches this."""


class Waiting(SilentReporter):
    """Ends a run that would wait for another one; where no other is alive it must not wait for long."""

    def __init__(self, others: int) -> None:
        self._others = others
        self._said = 0

    def note(self, text: str) -> None:
        if text.endswith("waiting for it"):
            self._said += 1
            if self._others:
                raise KeyboardInterrupt
            assert self._said < 5, text


@dataclass
class Life:
    """One driver."""

    owner: str
    dies_at: int | None = None
    """Number of the moment at which it dies."""
    pauses_at: int | None = None
    """Number of the claim after which others act."""
    stops_at: int | None = None
    """Number of the task in the middle of which others act."""
    meanwhile: Callable[[], None] = lambda: None
    fails: Callable[[str], bool] = lambda _: False
    """Which cells fail in it, by the key of their fit axes."""
    interrupted_at: int | None = None
    """Number of the task before which Ctrl-C comes."""
    database: Database | None = None
    held: set[str] = field(default_factory=set)
    """Leases that it had when its transaction began."""
    written: set[Any] = field(default_factory=set)
    """What was there of it then."""
    backend: int = 0
    """Process of the server that its transaction talks to."""
    cuts: set[tuple[Commit | None, str]] | None = None
    """Moments at which its connection was ended; None where none is."""
    is_dead: bool = False
    has_failed: bool = False
    n_moments: int = 0
    n_claims: int = 0
    n_tasks: int = 0


@dataclass
class World:
    """A database, and who has ever worked on it."""

    url: str
    data: Path
    lives: list[Life] = field(default_factory=list)
    now: list[Life] = field(default_factory=list)
    """Those whose code runs, the innermost last."""
    twice: list[str] = field(default_factory=list)
    """Cells that were computed under a lease though they were stored."""
    unleased: list[str] = field(default_factory=list)
    """What was written without a lease."""

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """Listen to commits, name processes by lives, hand out small chunks."""
        with (
            mock.patch.object(commits, "listener", self._listen),
            mock.patch.object(runs, "this_process", self._this_process),
            mock.patch.object(leases, "is_gone", self._is_gone),
            mock.patch.object(fits, "FIRST_CHUNK", 3),
            mock.patch.object(fits, "LARGEST_CHUNK", 3),
            mock.patch.object(pipeline, "versions", return_value={}),  # takes longer than the rest
            mock.patch.object(pipeline, "git_commit", return_value=""),
        ):
            yield

    def _this_process(self) -> str:
        return self.now[-1].owner

    def _is_gone(self, owner: str) -> bool:
        return any(life.owner == owner and life.is_dead for life in self.lives)

    def _listen(self, commit: Commit | None, moment: str) -> None:
        if not self.now or current_thread() is not main_thread():
            return
        life = self.now[-1]
        life.n_moments += 1
        if life.is_dead or life.n_moments == life.dies_at:
            life.is_dead = True
            raise Death(f"{commit} {moment}")
        if life.cuts is not None:
            self._cut(life, commit, moment)
        if commit is Commit.STORE:
            self._see_leases(life, moment)
        if (commit, moment) == (Commit.CLAIM, "after"):
            life.n_claims += 1
            if life.n_claims == life.pauses_at:
                life.meanwhile()

    def _cut(self, life: Life, commit: Commit | None, moment: str) -> None:
        """Have the server end the connection of a transaction, once for each moment."""
        assert life.database is not None
        assert life.cuts is not None
        if moment == "opened":
            with life.database.read() as connection:
                life.backend = int(connection.scalar(sa.text("SELECT pg_backend_pid()")) or 0)
        if (commit, moment) in life.cuts:
            return
        life.cuts.add((commit, moment))
        with Database(self.url) as other, other.read() as connection:
            connection.execute(
                sa.text("SELECT pg_terminate_backend(:number, 10000)"), {"number": life.backend}
            )

    def _see_leases(self, life: Life, moment: str) -> None:
        """Note what is written without a lease."""
        assert life.database is not None
        if moment == "after":
            return
        with life.database.read() as connection:  # within the transaction
            written = set(map(tuple, connection.execute(sa.text(WRITTEN), {"owner": life.owner})))
            if moment == "opened":
                life.written = written
                life.held = set(connection.scalars(sa.text(HELD), {"owner": life.owner}))
        new = written - life.written
        self.unleased += [f"{life.owner}: {row}" for row in new if row[0] not in life.held]

    def live(self, plan: StudyPlan, **given: Any) -> Life:
        """Run a study as one driver does, for as long as it lives."""
        life = Life(f"life {len(self.lives)}", **given)
        self.lives.append(life)
        self.now.append(life)
        try:
            with self._entered(), Database(self.url) as database:
                tasks = {name: self._task(life, database, name, task) for name, task in TASKS.items()}
                life.database = database
                ensure_current(database)
                executor = SerialExecutor(tasks, on_one_thread=True)
                pipeline.run_study(
                    database, plan, executor, Waiting(len(self.now) - 1), data_folder=self.data
                )
        except (Death, KeyboardInterrupt):
            pass
        finally:
            life.is_dead = True
            self.now.pop()
        return life

    def _task(
        self, life: Life, database: Database, name: str, task: Callable[[Any], Any]
    ) -> Callable[[Any], Any]:
        def run(payload: Any) -> Any:
            life.n_tasks += 1
            if life.n_tasks == life.interrupted_at:
                raise KeyboardInterrupt
            if name == "fits":
                self._see(life, database, payload)
            if life.n_tasks == life.stops_at:
                life.meanwhile()
            if name == "fits" and any(life.fails(fit[1].hex()) for work in payload for fit in work.fits):
                life.has_failed = True
                raise ValueError("made to fail")
            return task(payload)

        return run

    def _see(self, life: Life, database: Database, works: Iterable[Any]) -> None:
        for work in works:
            for fit in work.fits:
                cell = {"psm": work.psm_id, "joint": work.joint_axes_id, "fit": fit[0]}
                asked = {**cell, "lease": f"{work.psm_id}.{work.joint_axes_id}", "owner": life.owner}
                with database.read() as connection:
                    found = connection.execute(sa.text(STORED), asked).one()
                # Pieces of a chunk that was cut make the joint fit that they share once each.
                joint_again = found.joints and work.done is None and not life.has_failed
                if found.leased and (found.fits or joint_again):
                    self.twice.append(f"{life.owner}: {cell}")

    def expire(self) -> None:
        """As if no life but the innermost one had beaten for long."""
        with Database(self.url) as database, database.read() as connection:
            connection.exec_driver_sql("UPDATE runs SET expires_at = 1.0 WHERE outcome = 'running'")
            connection.commit()
