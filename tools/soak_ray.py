"""Kill workers, nodes and whole process groups of runs on Ray: `python -m tools.soak_ray --kills 60`.

Two drivers share one study on one database: `superpos run` on a cluster of three nodes of one CPU each, and
one with a Ray of its own. At random moments a worker that is at work is killed, or a node with all that is on
it, or the whole process group of a driver, its own Ray included. Nodes and drivers are started again. After
so many kills a round is left alone, ends when the study is finished, and is judged as `tools.soak` judges.
Printed are the kills, what was lost, double and different, and how often a node or a Ray did not start in
time. Ctrl-C prints what there is so far.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from superpos.db.engine import Database
from superpos.db.lease_time import LEASE_VARIABLE
from superpos.db.migrate import ensure_current
from superpos.fits.compiled import warm_up
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study
from tools.doubles import DOUBLES
from tools.own_server import Server
from tools.ray_nodes import Nodes, kill_family, workers_below
from tools.ray_runs import short_folder
from tools.small_studies import MATRIX, OF_A_MATRIX, OF_A_MODEL, Views, undisturbed
from tools.soak_tally import Tally

N_NODES = 3
LEASE = 5.0
"""Seconds that leases last here."""
LOOK_SECONDS = 0.25
EXPECTED = {"Ray did not start in": "late Ray", ": without a result: ": "begun again"}
"""What a driver says whose Ray missed Ray's deadlines three times, or three of whose workers were killed with
the same unit: the same command continues."""


@dataclass
class Driver:
    """A driver that is started again whenever it has been killed."""

    start: Callable[[], subprocess.Popen[bytes]]
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)
    has_own_ray: bool = False
    is_killed: bool = False
    is_done: bool = False

    def begin(self) -> None:
        """Start it."""
        self.process, self.is_killed = self.start(), False

    def look(self, tally: Tally) -> None:
        """Start it again if it was killed, or its Ray was late; note any other bad end."""
        if self.is_done or (status := self.process.poll()) is None:
            return
        self.is_done = status == 0
        if status and not self.is_killed:
            last = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            known = [deed for words, deed in EXPECTED.items() if last and words in last[0]]
            if known:
                tally.deeds[known[0]] += 1
            else:
                tally.bad_ends.append(status)
                sys.stdout.write(f"status {status}: {' '.join(last)}\n")
        if not self.is_done:
            self.begin()

    def end(self) -> None:
        """Kill its process group, with all that it has started."""
        self.is_killed = True
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        kill_family(self.process.pid)
        self.process.wait()


@dataclass
class Round:
    """One study, two drivers, three nodes."""

    drivers: list[Driver]
    nodes: Nodes
    tally: Tally
    draw: random.Random

    def disturb(self) -> None:
        """Kill something that is at work, if anything is."""
        workers = self.nodes.workers()
        deeds: dict[str, list[Any]] = {"worker": list(workers), "node": self.nodes.busy(), "group": []}
        for driver in self.drivers:
            its_own = workers_below(driver.process.pid) if driver.has_own_ray else workers
            if its_own and not driver.is_done:
                deeds["group"].append(driver)
                deeds["worker"] += its_own if driver.has_own_ray else []
        possible = [deed for deed, victims in deeds.items() if victims]
        if not possible:
            return
        deed = min(possible, key=lambda one: (self.tally.deeds[one], self.draw.random()))
        victim = self.draw.choice(deeds[deed])
        if deed == "worker":
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        elif deed == "node":
            self.nodes.kill(victim)
        else:
            victim.end()
        self.tally.deeds[deed] += 1
        self.tally.say()

    def run(self, every: float, most: int) -> None:
        """Disturb until the study is finished, but with no more kills than `most`."""
        most += self.tally.kills
        for driver in self.drivers:
            driver.begin()
        try:
            later = time.monotonic() + self.draw.expovariate(1.0 / every)
            while not all(driver.is_done for driver in self.drivers):
                time.sleep(LOOK_SECONDS)
                self.nodes.look()
                for driver in self.drivers:
                    driver.look(self.tally)
                if time.monotonic() > later and self.tally.kills < most:
                    self.disturb()
                    later = time.monotonic() + self.draw.expovariate(1.0 / every)
        finally:
            for driver in self.drivers:
                driver.end()


def driver_of(arguments: list[str], folder: Path, log: Path, environment: dict[str, str]) -> Driver:
    """Return a driver that is not started yet, in a process group of its own."""
    command = [sys.executable, "-m", "tools.doubles", str(folder / DOUBLES), "run", *arguments]
    given = {**environment, "SUPERPOS_DATA_DIR": str(folder / "data")}

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as stream:
            return subprocess.Popen(
                command, env=given, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )

    return Driver(start, log)


def soak(
    options: Any, folder: Path, nodes: Nodes, server: Server | None, wanted: Views, tally: Tally
) -> None:
    """Kill until there were kills enough, in rounds that end."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    while tally.kills < options.kills:
        place = folder / f"round{tally.rounds}"
        place.mkdir()
        url = server.database(place.name) if server else f"sqlite:///{place / 'soak.db'}"
        with Database(url) as database:
            ensure_current(database)
        run = [str(folder / "soak.toml"), "--db", url]
        on_nodes = [*run, "--address", nodes.address, "--workers", str(N_NODES)]
        drivers = [driver_of(on_nodes, place, place / "on_nodes.log", nodes.environment)]
        if not options.alone:
            drivers.append(driver_of([*run, "--workers", "1"], place, place / "own.log", own))
            drivers[-1].has_own_ray = True
        draw = random.Random(options.seed + tally.rounds)  # noqa: S311 (moments, not secrets)
        Round(drivers, nodes, tally, draw).run(options.every, options.per_round)
        tally.deeds["late node"], nodes.late_starts = tally.deeds["late node"] + nodes.late_starts, 0
        tally.judge(place.name, url, place / DOUBLES, wanted)


def main(arguments: list[str] | None = None) -> int:
    """Kill until there were kills enough."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what it puts aside
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--every", type=float, default=8.0, help="mean seconds between two kills")
    parser.add_argument(
        "--trials", type=int, default=10, help="draws of each perturbation: length of a round"
    )
    parser.add_argument("--per-round", type=int, default=12, help="kills, after which a round may end")
    parser.add_argument("--matrix", action="store_true", help="a study of one matrix, without a model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="without the driver that has its own Ray")
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL of our own")
    options = parser.parse_args(arguments)
    os.environ[LEASE_VARIABLE] = str(LEASE)
    warm_up()
    tally = Tally()
    with short_folder() as folder, ExitStack() as stack:
        file = folder / "soak.toml"
        trials = f"sigmas = [0.1, 0.2]\ntrials = {options.trials}"
        text = OF_A_MATRIX if options.matrix else OF_A_MODEL
        file.write_text(text.replace("sigmas = [0.1, 0.2]", trials), encoding="utf-8")
        (folder / "given.csv").write_text(MATRIX, encoding="utf-8")
        wanted = undisturbed(plan_study(load_study(file)), folder)
        server = Server(folder / "server") if options.postgresql else None
        if server:
            stack.callback(server.stop)
        nodes = Nodes(N_NODES, folder)
        stack.callback(nodes.stop)
        try:
            soak(options, folder, nodes, server, wanted, tally)
        except KeyboardInterrupt:
            tally.say()
            return 130
    return int(not tally.is_good)


if __name__ == "__main__":
    sys.exit(main())
