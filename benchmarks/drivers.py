"""One driver or several on one database: what leases cost beside the work, and whether memory grows.

    python -m benchmarks.drivers URL [--drivers N] [--lambdas N] [--every K]

The grid of `benchmarks.fit_stage` is registered in an empty database. Each driver is a process of its own
that leases, computes and stores chunks of its cells, worker and driver in one, until none is left. Seconds of
leases are those of the functions that claim, check, settle and release them, look who has what, and beat, on
the clock and of the processor; what the database server does is in the first alone. Resident memory is read
after each chunk.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.large_database import made_up_inputs, made_up_matrices, made_up_plan
from superpos.db import leases
from superpos.db.engine import Database
from superpos.db.fits import WorkReader, missing_cells
from superpos.db.migrate import ensure_current
from superpos.db.runs import end_run, start_run
from superpos.db.studies import register_study
from superpos.fits.compiled import warm_up
from superpos.stages import shift
from superpos.stages.context import Context
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.fits import compute_cells
from superpos.stages.tasks import TASKS

TIMED = ("claim", "check", "settle", "release", "leased", "failed_meanwhile", "sweep")
"""Functions of leases that a stage calls."""
SAMPLES = 12
"""Lines of memory that are printed."""


class Drive(NamedTuple):
    """What one driver did."""

    cells: int
    chunks: int
    wall: float
    cpu: float
    spent: dict[str, tuple[float, float]]
    """Seconds on the clock and of the processor, of chunks (`work`), leases and beats."""
    memory: list[tuple[int, float]]
    """Cells computed, resident MB."""


def made_up_study(database: Database, lambdas: int) -> None:
    """Register the study and write the matrices of its targets."""
    ensure_current(database)
    plan = _plan(lambdas)
    register_study(database, plan)
    run_id = _run(database, plan.study.name)
    made_up_inputs(database, run_id)
    made_up_matrices(database, plan, run_id, np.random.default_rng(0))
    end_run(database, run_id, {}, "done")


def drive(url: str, lambdas: int, every: int, ready: Any) -> Drive:
    """Compute what no other driver does."""
    warm_up()
    spent: Counter[str] = Counter()
    used: Counter[str] = Counter()
    memory: list[tuple[int, float]] = []
    cells = chunks = 0

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            clock, processor = time.perf_counter(), time.thread_time()
            try:
                return function(*arguments)
            finally:
                spent[name] += time.perf_counter() - clock
                used[name] += time.thread_time() - processor

        return call

    compute = timed("work", TASKS["fits"])

    def chunk(payload: Any) -> Any:
        nonlocal cells, chunks
        found = compute(payload)
        cells += sum(len(work.fits) for work in payload)
        chunks += 1
        memory.append((cells, _resident()))
        return found

    for name in TIMED:
        setattr(shift, name, timed("leases", getattr(shift, name)))
    leases.beat = timed("beats", leases.beat)
    plan = _plan(lambdas)
    with threadpool_limits(limits=1), Database(url) as database, tempfile.TemporaryDirectory() as folder:
        study_id = register_study(database, plan)
        run_id = _run(database, plan.study.name)
        executor = SerialExecutor({**TASKS, "fits": chunk}, on_one_thread=True)
        context = Context(database, plan, study_id, run_id, Path(folder), executor, SilentReporter())
        groups = groupby(missing_cells(database, study_id), key=lambda cell: cell[:2])
        wanted = [cell for k, (_, group) in enumerate(groups) if k % every == 0 for cell in group]
        ready.wait()  # compiled code is there, and all begin together
        clock, processor = time.perf_counter(), time.process_time()
        with leases.Heart(database, run_id):
            compute_cells(context, WorkReader(database, False, made="fits"), wanted, {})
        wall, cpu = time.perf_counter() - clock, time.process_time() - processor
        end_run(database, run_id, {}, "done")
    return Drive(cells, chunks, wall, cpu, {name: (spent[name], used[name]) for name in spent}, memory)


def _plan(lambdas: int) -> Any:
    values = [10.0 * (k + 1) for k in range(lambdas)]
    return made_up_plan(name="drivers", trials=2, lambdas=values, more="max_iter = 500")


def _run(database: Database, study: str) -> int:
    return start_run(database, study=study, host="made up", git_commit="", versions={}, address="local")


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Run the drivers, then say what each did."""
    parser = argparse.ArgumentParser(description="What leases cost, and whether memory grows.")
    parser.add_argument("url")
    parser.add_argument("--drivers", type=int, default=1)
    parser.add_argument("--lambdas", type=int, default=2, help="12,096 cells each")
    parser.add_argument("--every", type=int, default=1, help="compute every K-th joint fit")
    options = parser.parse_args()
    with Database(options.url) as database:
        made_up_study(database, options.lambdas)
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, spawn.Pool(options.drivers) as pool:
        ready = manager.Barrier(options.drivers)
        one = (options.url, options.lambdas, options.every, ready)
        found = pool.starmap(drive, [one] * options.drivers, chunksize=1)
    print(f"load {os.getloadavg()[0]:.0f}; {sum(one.cells for one in found):,} cells")
    for one in found:
        print(f"{one.cells:,} cells, {one.chunks} chunks, {one.wall:.0f} s on the clock, {one.cpu:.1f} CPU s")
        for name, (wall, cpu) in one.spent.items():
            each = 1000.0 / one.chunks
            print(
                f"  {name:6} {wall:8.2f} s {cpu:8.2f} CPU s; a chunk {wall * each:7.1f} {cpu * each:7.1f} ms"
            )
        step = max(1, len(one.memory) // SAMPLES)
        sampled = [*one.memory[::step], one.memory[-1]]
        print("  MB after cells: " + ", ".join(f"{cells:,}: {size:.0f}" for cells, size in sampled))


if __name__ == "__main__":
    main()
