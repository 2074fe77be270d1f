"""Small studies that tools run in many ways, and what they must agree on: every number to its last bit."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.results import VIEWS, Results
from superpos.records.plan import StudyPlan
from superpos.stages.executor import SerialExecutor, SilentReporter
from superpos.stages.pipeline import run_study
from superpos.stages.tasks import TASKS

Views = dict[str, list[tuple[str, ...]]]
NAME = "soak"
OF_A_MODEL = f"""
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
OF_A_MATRIX = f"""
name = "{NAME}"
[datasets.given]
builder = "psm"
file = "given.csv"
similarity = "cosine"
[[blocks]]
targets = ["features", "shuffled_entries"]
replicates = 4
kernels = ["exp", "log"]
n_dims = [2, 3]
[[blocks.reoptimisations]]
sigmas = [0.1, 0.2]
[[blocks.reoptimisations]]
optimiser = "manifold"
sigmas = [0.0]
"""
MATRIX = """1,.3,-.2,.1,0,.2
.3,1,.4,-.5,.1,0
-.2,.4,1,.2,-.1,.3
.1,-.5,.2,1,.6,-.2
0,.1,-.1,.6,1,.1
.2,0,.3,-.2,.1,1
"""
COMPARED = tuple(view for view in VIEWS if view not in ("runs", "study_progress"))


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


def undisturbed(plan: StudyPlan, folder: Path) -> Views:
    """Return the views of one process that nobody disturbs, on SQLite, without Ray."""
    url = f"sqlite:///{folder / 'undisturbed.db'}"

    def drive() -> None:
        with Database(url) as database:
            executor, reporter = SerialExecutor(TASKS), SilentReporter()
            run_study(database, plan, executor, reporter, data_folder=folder / "data")

    with Database(url) as database:
        ensure_current(database)
    os.waitpid(fork(drive), 0)
    return views(url)
