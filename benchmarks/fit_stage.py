"""The stage `fits` with its database: cells a CPU second, and the share of it that numerical kernels take.

    python -m benchmarks.fit_stage URL [--lambdas N] [--every K]

A grid in the proportions of the thesis' (n = 11; six re-optimisations a joint fit) over made-up matrices is
planned, registered and computed by the product, in an empty database; of its joint fits every K-th. Workers'
and driver's work is done in one process, one after the other: CPU seconds then say what both cost, whatever
else the machine does. Chunks and answers are pickled and read again, as between processes; Ray's own
processes are not counted, nor the bounds on energies, which are found when all fits are there.

Kernels are the joint step with its polish, Powell, the manifold optimiser, the polish of Powell's ends,
verdicts, distances and angles, each with the Python around its compiled code, and the similarity matrices
that the distances are between (until 2026-12-01 these were not among them; the share without them is said
too). All else is glue: draws, records, keys, planning of chunks, pickling, SQL.
"""

from __future__ import annotations

import argparse
import os
import pickle
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.cells import PARTS, timed_parts
from benchmarks.large_database import made_up_inputs, made_up_matrices, made_up_plan
from superpos.db.engine import Database
from superpos.db.fits import WorkReader, missing_cells
from superpos.db.migrate import ensure_current
from superpos.db.runs import end_run, start_run
from superpos.db.studies import register_study
from superpos.fits.compiled import warm_up
from superpos.stages import fit_cells
from superpos.stages.context import Context
from superpos.stages.executor import Answer, Executor, SerialExecutor, SilentReporter
from superpos.stages.fits import compute_cells
from superpos.stages.tasks import TASKS

MATRICES = "similarity matrices"
KERNELS = {**PARTS, "matrices_of": MATRICES}
"""Functions that a worker calls, and the kernel that each is."""
GRID = (1_500_000, 250_000)
"""Re-optimisations and joint fits of the thesis' grid."""


class PickledExecutor(SerialExecutor):
    """Runs tasks in this process on copies of their payloads, and hands copies of the answers back."""

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        """Yield answers in order."""
        copies = (pickle.loads(pickle.dumps(payload, protocol=5)) for payload in payloads)  # noqa: S301
        for answer in super().run(task, copies):
            yield pickle.loads(pickle.dumps(answer, protocol=5))  # noqa: S301 (made a line above)


class Prepared(NamedTuple):
    """A study whose inputs are there and whose fits are all missing."""

    context: Context
    study_id: int
    every: int

    def compute(self) -> int:
        """Compute the fits, of joint fits every K-th; return the number of cells."""
        database = self.context.database
        groups = groupby(missing_cells(database, self.study_id), key=lambda cell: cell[:2])
        cells = [cell for k, (_, group) in enumerate(groups) if k % self.every == 0 for cell in group]
        failed = compute_cells(self.context, WorkReader(database, False, made="fits"), cells, {})
        assert not failed  # noqa: S101
        return len(cells)


@contextmanager
def prepared(database: Database, executor: Executor, n_lambdas: int, every: int) -> Iterator[Prepared]:
    """Register the study in an empty database and make up the matrices of its targets."""
    ensure_current(database)
    lambdas = [10.0 * (k + 1) for k in range(n_lambdas)]
    with tempfile.TemporaryDirectory() as folder:
        plan = made_up_plan(name="fit-stage", trials=2, lambdas=lambdas, more="max_iter = 500")
        study_id = register_study(database, plan)
        run_id = start_run(
            database, study=plan.study.name, host="made up", git_commit="", versions={}, address="local"
        )
        made_up_inputs(database, run_id)
        made_up_matrices(database, plan, run_id, np.random.default_rng(0))
        context = Context(database, plan, study_id, run_id, Path(folder), executor, SilentReporter())
        yield Prepared(context, study_id, every)
        end_run(database, run_id, {"fits": 1.0}, "done")


def compute(database: Database, n_lambdas: int, every: int) -> tuple[int, float, Counter[str]]:
    """Return cells, CPU seconds of the stage and those of each kernel."""
    with prepared(database, PickledExecutor(TASKS), n_lambdas, every) as given:
        spent, held = timed_parts(fit_cells, KERNELS)
        start = time.process_time()
        cells = given.compute()
        whole = time.process_time() - start
        for name, function in held.items():
            setattr(fit_cells, name, function)
    return cells, whole, spent


def say(cells: int, whole: float, spent: Counter[str]) -> None:
    """Print the table of a run."""
    kernels = sum(spent.values())
    minutes = whole * GRID[0] / cells / 2 / 60
    load = os.getloadavg()[0]
    print(f"{cells:,} cells and {cells // 6:,} joint fits in {whole:.1f} CPU s, load {load:.0f}")
    without = (kernels - spent[MATRICES]) / whole
    print(f"{cells / whole:.0f} cells a CPU second")
    print(f"kernels {kernels:.1f} s, {kernels / whole:.3f} of it; without {MATRICES} {without:.3f}")
    for name, seconds in spent.most_common():
        print(f"  {name}: {seconds:.1f} s")
    print(f"The thesis' grid in that proportion: {minutes:.0f} minutes of two cores")


def main() -> None:
    parser = argparse.ArgumentParser(description="The stage fits with its database.")
    parser.add_argument("url")
    parser.add_argument("--lambdas", type=int, default=2, help="12,096 cells each")
    parser.add_argument("--every", type=int, default=1, help="compute every K-th joint fit")
    options = parser.parse_args()
    warm_up()
    with threadpool_limits(limits=1), Database(options.url) as database:
        say(*compute(database, options.lambdas, options.every))


if __name__ == "__main__":
    main()
