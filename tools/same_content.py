"""Run one small study in every way and compare the content: `python -m tools.same_content`.

SQLite and PostgreSQL; 1, 2 and 8 workers; one driver and three, each on a Ray of its own; then, on the engine
that came last, one driver and three on a cluster of three nodes. Drivers are `superpos run`, held at the data
set until all of them are there. Every view must be that of one process without Ray, to the last bit. Printed
is a row for each way: fits that each driver has stored, and the number of views that differ. The exit status
is 1 unless that is 0 everywhere.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.leases import Heart, claim, new_fence, release
from superpos.db.migrate import ensure_current
from superpos.db.runs import end_run, start_run
from superpos.fits.compiled import warm_up
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.datasets import STAGE
from superpos.stages.plan import plan_study
from tools.own_server import Server
from tools.ray_nodes import Nodes
from tools.ray_runs import short_folder, start_driver
from tools.small_studies import COMPARED, NAME, OF_A_MODEL, Views, undisturbed, views

TRIALS = 8
"""Draws of each perturbation, so that there is work for all drivers."""
STUDY = OF_A_MODEL.replace("sigmas = [0.1, 0.2]", f"sigmas = [0.1, 0.2]\ntrials = {TRIALS}")
LOOK_SECONDS = 0.5
HERE = "SELECT COUNT(*) FROM runs WHERE study = :name AND outcome = 'running'"
STORED = """SELECT r.run_id, r.outcome, (SELECT COUNT(*) FROM fits f WHERE f.run_id = r.run_id) AS fits
FROM runs r WHERE r.study = :name ORDER BY r.run_id"""
HEAD = ("database", "nodes", "workers", "drivers", "fits of each driver", "views that differ", "seconds")


@contextmanager
def barrier(database: Database, plan: StudyPlan, drivers: list[Any]) -> Iterator[None]:
    """Hold the data sets as a run that works on them would, until every driver is there or has ended."""
    run_id = start_run(
        database, study="", host="", git_commit="", versions={}, address=""
    )  # of no study: it is not counted
    keys = [dataset.key.hex() for dataset in plan.datasets]
    with Heart(database, run_id):
        held = claim(database, run_id, STAGE, keys, new_fence())
        yield
        while all(driver.poll() is None for driver in drivers):
            with database.read() as connection:
                if connection.scalar(sa.text(HERE), {"name": NAME}) == len(drivers):
                    break
            time.sleep(LOOK_SECONDS)
        release(database, held)
    end_run(database, run_id, {}, "done")


@dataclass(frozen=True)
class Way:
    """Where a study is run, and by whom."""

    engine: str
    workers: int
    """Of each driver."""
    n_drivers: int
    n_nodes: int = 0
    """Of one cluster; 0 where each driver has a Ray of its own."""


def ways_of(options: argparse.Namespace) -> list[Way]:
    """Return the ways that are asked for."""
    ways = [Way(*one) for one in itertools.product(options.engines, options.workers, options.drivers)]
    if options.nodes:  # of one CPU each
        last, count = options.engines[-1], options.nodes
        ways += [Way(last, max(count // drivers, 1), drivers, count) for drivers in options.drivers]
    return ways


def one_way(
    folder: Path, url: str, plan: StudyPlan, file: Path, way: Way, nodes: Nodes | None
) -> tuple[str, Views]:
    """Run the study in one way; return the fits of each driver, and the views."""
    workers, n_drivers = way.workers, way.n_drivers
    drivers: list[Any] = []
    log = folder / "log"
    with Database(url) as database:
        ensure_current(database)
        try:
            with barrier(database, plan, drivers):
                drivers += [
                    start_driver(file, url, folder / "data", log, workers, nodes) for _ in range(n_drivers)
                ]
            ended = [driver.wait() for driver in drivers]
        finally:
            for driver in drivers:
                driver.kill()
        if any(ended):
            raise SystemExit(f"{ended}: {log.read_text(encoding='utf-8')}")
        with database.read() as connection:
            rows = connection.execute(sa.text(STORED), {"name": NAME}).all()
    if [row.outcome for row in rows] != ["done"] * n_drivers:
        raise SystemExit(f"runs ended {[row.outcome for row in rows]}")
    return " + ".join(str(row.fits) for row in rows), views(url)


def main(arguments: list[str] | None = None) -> int:
    """Try every way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--engines", nargs="+", choices=["SQLite", "PostgreSQL"], default=["SQLite", "PostgreSQL"]
    )
    parser.add_argument("--workers", nargs="*", type=int, default=[1, 2, 8])
    parser.add_argument("--drivers", nargs="+", type=int, default=[1, 3])
    parser.add_argument("--nodes", type=int, default=3, help="of the cluster; 0 leaves it out")
    options = parser.parse_args(arguments)
    warm_up()
    n_different = 0
    with short_folder() as folder, ExitStack() as stack:
        file = folder / "study.toml"
        file.write_text(STUDY, encoding="utf-8")
        plan = plan_study(load_study(file))
        wanted = undisturbed(plan, folder)
        server = Server(folder / "server") if "PostgreSQL" in options.engines else None
        if server:
            stack.callback(server.stop)
        sys.stdout.write(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}\n")
        nodes: Nodes | None = None
        for number, way in enumerate(ways_of(options)):
            here = folder / f"way{number}"
            here.mkdir()
            url = f"sqlite:///{here / 'one.db'}"
            if way.engine == "PostgreSQL" and server:
                url = server.database(f"round_{here.name}")
            if way.n_nodes and nodes is None:
                nodes = Nodes(way.n_nodes, folder)
                stack.callback(nodes.stop)
                nodes.wait()
            began = time.monotonic()
            stored, found = one_way(here, url, plan, file, way, nodes)
            different = sum(found[view] != wanted[view] for view in COMPARED)
            n_different += different
            where = way.n_nodes or "own Ray"
            cells = (way.engine, where, way.workers, way.n_drivers, stored, different)
            seconds = time.monotonic() - began
            sys.stdout.write(f"| {' | '.join(map(str, cells))} | {seconds:.0f} |\n")
            sys.stdout.flush()
    return int(n_different > 0)


if __name__ == "__main__":
    sys.exit(main())
