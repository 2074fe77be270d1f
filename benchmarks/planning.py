"""What planning costs: CPU seconds and peak memory of a plan of N cells, whichever of its factors is long.

    python -m benchmarks.planning [--cells N]

Three studies of about so many cells: many targets, many joint settings, many re-optimisations. Each is read
from its file, planned and estimated, as `superpos plan` does before there is a database, in a process of its
own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from superpos.db.engine import Database
from superpos.specs.studyfile import load_study
from superpos.stages.estimate import estimate
from superpos.stages.plan import plan_study

STUDY = """
name = "planned"
models = {{ nano = {{}} }}
datasets = {{ text_features = {{}} }}

[[blocks]]
name = "all"
models = "nano"
datasets = "text_features"
targets = ["features", "permuted", "gaussian", "shuffled_entries", "spectrum"]
replicates = {replicates}
similarities = ["cosine", "rbf"]
rbf_scales = "median"
gauges = "unit"
kernels = ["exp", "log", {{ energy = "riesz", s = 1 }}]
n_dims = [3, 6]
lambda_d = {lambdas}
restarts = 5
reoptimisations = [
  {{ optimiser = "powell", sigmas = [0.01, 0.1], trials = {trials} }},
  {{ optimiser = "manifold", sigmas = [0.0] }},
]
"""
SMALL = {"replicates": 1, "lambdas": 1, "trials": 6}
LONG = ("replicates", "lambdas", "trials")


def measure(long: str, cells: int) -> tuple[int, float, float, float]:
    """Return cells, CPU seconds, peak MB and the MB of the imports of a plan whose factor `long` is long."""
    imported = _peak()
    values = dict(SMALL)
    values[long] = max(1, round(cells / _cells({**SMALL, long: 1000}) * 1000))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.toml"
        lambdas = [float(k + 1) for k in range(values["lambdas"])]
        path.write_text(STUDY.format(**{**values, "lambdas": lambdas}), encoding="utf-8")
        began = time.process_time()
        plan = plan_study(load_study(path))
        with Database(f"sqlite:///{Path(folder) / 'none.db'}") as database:
            estimate(plan, database)
        seconds = time.process_time() - began
    return plan.n_cells, seconds, _peak(), imported


def _cells(values: dict[str, int]) -> int:
    targets = 2 * 4 * (4 * values["replicates"] + 1)
    return targets * 3 * 2 * 5 * values["lambdas"] * (2 * values["trials"] + 2)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kB on Linux


def main() -> None:
    """Plan each study and say what that cost."""
    parser = argparse.ArgumentParser(description="What planning costs.")
    parser.add_argument("--cells", type=int, default=10_000_000)
    options = parser.parse_args()
    for long in LONG:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            cells, seconds, peak, imported = pool.apply(measure, (long, options.cells))
        print(
            f"many {long:10} {cells:12,} cells {seconds:6.1f} CPU s, "
            f"peak {peak:.0f} MB, {imported:.0f} of it imports"
        )


if __name__ == "__main__":
    main()
