"""Kill drivers at random and compare what is left: `make soak`, or `python -m tools.soak --kills 200`.

Several drivers share one small study on one database. At random moments one of them is killed and started
again, or stopped for longer than its leases last; on SQLite another process locks the file for as long; on
PostgreSQL a backend is ended, or the server restarted. A round ends when the study is finished. Then its
views must be those of an undisturbed run, bit for bit. Printed is what was done, and what was lost (cells
without a result), double (cells computed by a run that had their lease, though their result was stored) and
different (views that differ). The exit status is 1 unless all three are 0 and no driver ended badly.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.lease_time import LEASE_VARIABLE
from superpos.db.leases import this_process
from superpos.db.migrate import ensure_current
from superpos.db.progress import study_progress
from superpos.errors import DatabaseError
from superpos.fits.compiled import warm_up
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages import fits
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS
from tools.own_server import Server
from tools.small_studies import COMPARED, MATRIX, NAME, OF_A_MATRIX, OF_A_MODEL, fork, undisturbed, views

CHUNK_SECONDS = 0.1
"""Seconds of work of a chunk here, so that many are in flight."""
LEASE = 2.0
"""Seconds that leases last here."""
STORED = """SELECT COUNT(*) AS stored, (SELECT COUNT(*) FROM leases l JOIN runs r ON r.run_id = l.run_id
  WHERE l.stage = 'fits' AND l.key = :lease AND r.owner = :owner AND r.outcome = 'running') AS leased
FROM fits f JOIN joint_fits j ON j.joint_id = f.joint_id
WHERE j.psm_id = :psm AND j.joint_axes_id = :joint AND f.fit_axes_id = :fit"""
"""Whether a cell has its result, and whether the run of a process has its lease: then it must have none."""


@dataclass
class Tally:
    """What has happened."""

    rounds: int = 0
    deeds: Counter[str] = field(default_factory=Counter)
    late: int = 0
    """Cells begun by a run that had lost their lease; whoever had it stored them."""
    lost: int = 0
    double: int = 0
    different: int = 0
    bad_ends: list[int] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Processes that were killed, of the database's or drivers."""
        return self.deeds["kill"] + self.deeds["backend"]

    @property
    def is_good(self) -> bool:
        """Whether nothing came of all this."""
        return not (self.lost or self.double or self.different or self.bad_ends)

    def __str__(self) -> str:
        done = ", ".join(f"{count} x {deed}" for deed, count in sorted(self.deeds.items()))
        return (
            f"{self.rounds} rounds, {done}: lost {self.lost}, double {self.double}, "
            f"different {self.different}; late {self.late}, ended badly {self.bad_ends}"
        )


def drive(url: str, plan: StudyPlan, data: Path, doubles: Path) -> None:
    """Run the study as one driver does; write down cells that are computed though they are stored."""
    with Database(url) as database:

        def compute(works: Any) -> Any:
            for work in works:
                lease = f"{work.psm_id}.{work.joint_axes_id}"
                for fit in work.fits:
                    cell = {"psm": work.psm_id, "joint": work.joint_axes_id, "fit": fit[0]}
                    asked = {**cell, "lease": lease, "owner": this_process()}
                    with suppress(DatabaseError), database.read() as connection:
                        found = connection.execute(sa.text(STORED), asked).one()
                        if found.stored:
                            with doubles.open("a", encoding="ascii") as stream:
                                stream.write(f"{'double' if found.leased else 'late'} {cell}\n")
            return TASKS["fits"](works)

        run_study(
            database, plan, SerialExecutor({**TASKS, "fits": compute}), SilentReporter(), data_folder=data
        )


def disturb(drivers: list[int], tally: Tally, draw: random.Random, server: Any, url: str) -> None:
    """Do something to one of the drivers, or to the database."""
    victim = draw.choice(drivers)
    deed = draw.choice(["kill", "kill", "kill", "stop", *(["restart", "backend"] if server else ["lock"])])
    if deed == "kill":
        os.kill(victim, signal.SIGKILL)
    elif deed == "stop":
        os.kill(victim, signal.SIGSTOP)
        time.sleep(1.5 * LEASE)
        os.kill(victim, signal.SIGCONT)
    elif deed == "lock":
        with closing(sqlite3.connect(str(sa.make_url(url).database), timeout=60.0)) as other:
            other.isolation_level = None
            other.execute("BEGIN IMMEDIATE")
            time.sleep(1.5 * LEASE)
            other.execute("ROLLBACK")
    elif deed == "backend":
        server.end_a_backend(draw)
    else:
        server.restart()
    tally.deeds[deed] += 1


def one_round(url: str, plan: StudyPlan, folder: Path, options: Any, tally: Tally, server: Any) -> None:
    """Let drivers work and be disturbed until the study is finished."""
    draw = random.Random(options.seed + tally.rounds)  # noqa: S311 (moments, not secrets)
    data, doubles = folder / "data", folder / "doubles"

    def driver() -> int:
        return fork(lambda: drive(url, plan, data, doubles))

    drivers = [driver() for _ in range(options.drivers)]
    try:
        while drivers:
            time.sleep(draw.expovariate(1.0 / options.every))
            with suppress(ProcessLookupError):
                disturb(drivers, tally, draw, server, url)
            for number in list(drivers):
                ended, status = os.waitpid(number, os.WNOHANG)
                if not ended:
                    continue
                drivers.remove(number)
                if status:
                    drivers.append(driver())
                if os.WIFEXITED(status) and status:
                    tally.bad_ends.append(os.WEXITSTATUS(status))
    finally:
        for number in drivers:
            os.kill(number, signal.SIGKILL)
    tally.rounds += 1
    with Database(url) as database:
        tally.lost += sum(row.undone for row in study_progress(database, NAME))
        with database.read() as connection:
            tally.lost += int(connection.scalar(sa.text("SELECT COUNT(*) FROM cell_failures")) or 0)
    if doubles.exists():
        words = Counter(line.split()[0] for line in doubles.read_text(encoding="ascii").splitlines())
        tally.double += words["double"]
        tally.late += words["late"]


def main(arguments: list[str] | None = None) -> int:
    """Kill until there were kills enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--drivers", type=int, default=3)
    parser.add_argument("--every", type=float, default=1.5, help="mean seconds between two disturbances")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--matrix", action="store_true", help="a study of one matrix, without a model")
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL of our own")
    options = parser.parse_args(arguments)
    os.environ[LEASE_VARIABLE] = str(LEASE)
    import torch  # noqa: F401 - once, not in each driver

    warm_up()
    fits.CHUNK_SECONDS = CHUNK_SECONDS
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="soak-") as name, ExitStack() as stack:
        folder = Path(name)
        file = folder / "soak.toml"
        file.write_text(OF_A_MATRIX if options.matrix else OF_A_MODEL, encoding="utf-8")
        (folder / "given.csv").write_text(MATRIX, encoding="utf-8")
        plan = plan_study(load_study(file))
        server = Server(folder / "server") if options.postgresql else None
        if server:
            stack.callback(server.stop)
        wanted = undisturbed(plan, folder)
        while tally.kills < options.kills:
            place = folder / f"round{tally.rounds}"
            place.mkdir()
            url = server.database(place.name) if server else f"sqlite:///{place / 'soak.db'}"
            with Database(url) as database:
                ensure_current(database)
            one_round(url, plan, place, options, tally, server)
            found = views(url)
            differ = [view for view in COMPARED if found[view] != wanted[view]]
            tally.different += len(differ)
            sys.stdout.writelines(f"{place.name}: {view} differs\n" for view in differ)
            sys.stdout.write(f"{tally}\n")
            sys.stdout.flush()
    return int(not tally.is_good)


if __name__ == "__main__":
    sys.exit(main())
