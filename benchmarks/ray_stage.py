"""The stage `fits` on Ray: which share of all CPU seconds kernels take, and whether workers grow.

    python -m benchmarks.ray_stage URL [--workers N] [--lambdas N] [--every K]

The study of `benchmarks.fit_stage`, computed by workers of a Ray of our own in an empty database. Kernels are
those of `fit_stage`, clocked in the workers. CPU seconds are those of the workers since their first chunk and
of the driver since the stage began, all threads; so their share does not depend on what else the machine
does. Said beside them are the seconds of Ray's own processes and the wall time. A server of PostgreSQL is not
counted. Memory is what a worker has after a chunk: its proportional set size, where pages that processes
share are divided among them.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks.cells import timed_parts
from benchmarks.fit_stage import KERNELS, prepared, say
from superpos.cluster.pool import RayExecutor
from superpos.db.engine import Database
from superpos.db.fit_rows import JointRows
from superpos.db.leases import Heart
from superpos.fits.compiled import warm_up
from superpos.records.work import JointWork
from superpos.stages.tasks import TASKS

SAMPLES = 12
"""Numbers of memory that are printed for each worker."""
CHUNKS_BETWEEN = 10
"""Chunks between two looks at the memory, which take the CPU time of five cells each and are not counted."""


class Clocks:
    """What a worker has used since its first chunk."""

    def __init__(self) -> None:
        from superpos.stages import fit_cells

        self.kernels, _ = timed_parts(fit_cells, KERNELS)
        self.chunks = 0
        self._began = time.process_time()
        self._began_here = time.thread_time()

    def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds of this process, and of this thread of it, since it began.

        Those of looking at its memory are not among them.
        """
        return time.process_time() - self._began, time.thread_time() - self._began_here

    def megabytes(self) -> float | None:
        """Return the memory of this process after every few chunks."""
        self.chunks += 1
        if self.chunks % CHUNKS_BETWEEN != 1:
            return None
        start = time.process_time()
        found = proportional_megabytes()
        taken = time.process_time() - start
        self._began += taken
        self._began_here += taken
        return found


@cache
def clocks() -> Clocks:
    """Return the clocks of this process."""
    return Clocks()


class Note(NamedTuple):
    """What a worker has done after a chunk."""

    cells: int
    cpu: tuple[float, float]
    """Seconds of all threads, and of the one that computes."""
    kernels: dict[str, float]
    megabytes: float | None
    """None where nobody looked."""


def clocked(folder: Path, works: Sequence[JointWork]) -> list[JointRows]:
    """Compute a chunk in a worker; write down what it took into a file of this process."""
    from superpos.stages.fits import compute_chunk

    clock = clocks()
    results = compute_chunk(works)
    cells = sum(len(work.fits) for work in works)
    note = Note(cells, clock.cpu(), dict(clock.kernels), clock.megabytes())
    with (folder / f"{os.getpid()}").open("a", encoding="ascii") as stream:
        stream.write(f"{json.dumps(note)}\n")
    return results


def proportional_megabytes() -> float:
    """Return the proportional set size of this process."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024  # kB


def others_cpu(workers: Sequence[str]) -> float:
    """Return the CPU seconds of all processes below this one that are none of the workers."""
    seconds = 0.0
    for process in psutil.Process().children(recursive=True):
        if str(process.pid) not in workers:
            used = process.cpu_times()
            seconds += used.user + used.system
    return seconds


def run(url: str, workers: int, n_lambdas: int, every: int) -> None:
    """Compute the study and print what it took."""
    with tempfile.TemporaryDirectory() as name, Database(url) as database:
        folder = Path(name)
        tasks: dict[str, Any] = {**TASKS, "fits": partial(clocked, folder)}
        with (
            RayExecutor(workers, tasks=tasks) as executor,
            prepared(database, executor, n_lambdas, every) as given,
            Heart(database, given.context.run_id),
        ):
            start, clock = time.process_time(), time.perf_counter()
            cells = given.compute()
            driver, wall = time.process_time() - start, time.perf_counter() - clock
            found = {
                path.name: [Note(*json.loads(line)) for line in path.read_text(encoding="ascii").splitlines()]
                for path in folder.iterdir()
            }
            ray = others_cpu(list(found))
    spent: Counter[str] = Counter()
    for notes in found.values():
        spent.update(notes[-1].kernels)
    of_workers, computing = (sum(notes[-1].cpu[k] for notes in found.values()) for k in (0, 1))
    say(cells, of_workers + driver, spent)
    print(f"workers {of_workers:.1f} s, driver {driver:.1f} s; on the clock {wall:.0f} s, {workers} workers")
    share = sum(spent.values()) / (computing + driver)
    print(f"without threads of Ray in workers, {of_workers - computing:.1f} s: {share:.3f}")
    print(f"Ray's own processes, their start and end included: {ray:.1f} CPU s")
    for number, notes in found.items():
        print(f"  worker {number}, MB after cells: {_memory(notes)}")


def _memory(notes: Sequence[Note]) -> str:
    done, seen = 0, []
    for note in notes:
        done += note.cells
        if note.megabytes is not None:
            seen.append(f"{done:,}: {note.megabytes:.0f}")
    step = max(1, len(seen) // SAMPLES)
    return ", ".join([*seen[:-1:step], seen[-1]])


def main() -> None:
    """Run the workers, then say what they did."""
    parser = argparse.ArgumentParser(description="The stage fits on Ray.")
    parser.add_argument("url")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--lambdas", type=int, default=2, help="12,096 cells each")
    parser.add_argument("--every", type=int, default=1, help="compute every K-th joint fit")
    options = parser.parse_args()
    warm_up()
    run(options.url, options.workers, options.lambdas, options.every)


if __name__ == "__main__":
    from benchmarks import ray_stage  # so that workers find by its name what they run

    ray_stage.main()
