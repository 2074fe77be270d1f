"""Kill drivers at random and compare what is left: `make soak`, or `python -m tools.soak --kills 200`.

Several drivers share one small study on one database. At random moments one of them is killed and started
again, or stopped for longer than its leases last; on SQLite another process locks the file for as long; on
PostgreSQL a backend is ended, or the server restarted. A round ends when the study is finished. Then its
views must be those of an undisturbed run, bit for bit. Printed is what was done, and what was lost (cells
without a result), double (cells computed by a run that had their lease, though their result was stored) and
different (views that differ). The exit status is 1 unless all three are 0 and no driver ended badly. Ctrl-C
prints what there is so far.
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
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.lease_time import LEASE_VARIABLE
from superpos.db.migrate import ensure_current
from superpos.fits.compiled import warm_up
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages import fits
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS
from tools.doubles import CHUNK_SECONDS, DOUBLES, note_doubles
from tools.own_server import Server
from tools.small_studies import MATRIX, OF_A_MATRIX, OF_A_MODEL, fork, undisturbed
from tools.soak_tally import Tally

LEASE = 2.0
"""Seconds that leases last here."""


def drive(url: str, plan: StudyPlan, data: Path, doubles: Path) -> None:
    """Run the study as one driver does; write down cells that are computed though they are stored."""
    with Database(url) as database:

        def compute(works: Any) -> Any:
            note_doubles(database, works, doubles)
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
    data, doubles = folder / "data", folder / DOUBLES

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


def main(arguments: list[str] | None = None) -> int:
    """Kill until there were kills enough."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what it puts aside
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
        try:
            while tally.kills < options.kills:
                place = folder / f"round{tally.rounds}"
                place.mkdir()
                url = server.database(place.name) if server else f"sqlite:///{place / 'soak.db'}"
                with Database(url) as database:
                    ensure_current(database)
                one_round(url, plan, place, options, tally, server)
                tally.judge(place.name, url, place / DOUBLES, wanted)
        except KeyboardInterrupt:
            tally.say()
            return 130
    return int(not tally.is_good)


if __name__ == "__main__":
    sys.exit(main())
