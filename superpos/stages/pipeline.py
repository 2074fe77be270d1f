"""A whole run: register the study, go through the stages, write down how it ended."""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

from superpos.db.engine import Database
from superpos.db.leases import Heart, release_all
from superpos.db.patience import patiently
from superpos.db.progress import study_progress
from superpos.db.runs import end_run, start_run
from superpos.db.studies import register_study
from superpos.errors import DatabaseAwayError, DatabaseError, LeaseLostError
from superpos.records.plan import StudyPlan
from superpos.stages import activations, analysis, datasets, fits, probes, psms, resampled
from superpos.stages.context import Context
from superpos.stages.executor import UNLIMITED, Executor, Limits, Reporter
from superpos.storage.files import Place
from superpos.threads import one_thread

STAGES: dict[str, Callable[[Context], None]] = {
    datasets.STAGE: datasets.run,
    activations.STAGE: activations.run,
    probes.STAGE: probes.run,
    resampled.WHITENING: resampled.run_whitening,
    psms.STAGE: psms.run,
    resampled.CEILINGS: resampled.run_ceilings,
    fits.STAGE: fits.run,
    analysis.STAGE: analysis.run,
}
"""Stages in order."""

RECORDED_PACKAGES = (
    "superpos",
    "numpy",
    "scipy",
    "scikit-learn",
    "numba",
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "pyarrow",
    "sqlalchemy",
    "ray",
)


def run_study(
    database: Database,
    plan: StudyPlan,
    executor: Executor,
    reporter: Reporter,
    *,
    data_folder: Place,
    stages: Sequence[str] = tuple(STAGES),
    address: str = "",
    study_id: int | None = None,
    limits: Limits = UNLIMITED,
    after: Callable[[str], None] = lambda _: None,
) -> None:
    """Run what is missing of a study; whatever has finished when it is stopped stays.

    Parameters
    ----------
    database
        A database at the newest schema revision.
    plan
        The study.
    executor, reporter
        Where work runs, and where people look.
    data_folder
        Where data sets and activations lie: a folder, or a place in an object store.
    stages
        Names of `STAGES` to run; the others are passed over.
    address
        Address of the cluster, for the record.
    study_id
        Of the plan, where it is registered already.
    limits
        What a cell may take.
    after
        Is told the name of each stage that has ended, and may read the database.
    """
    if study_id is None:
        study_id = patiently(lambda: register_study(database, plan), reporter.note)
    commit, packages = git_commit(), versions()

    def start() -> int:
        return start_run(
            database,
            study=plan.study.name,
            host=socket.gethostname(),
            git_commit=commit,
            versions=packages,
            address=address,
        )

    run_id = patiently(start, reporter.note)
    context = Context(
        database=database,
        plan=plan,
        study_id=study_id,
        run_id=run_id,
        data_folder=data_folder,
        executor=executor,
        reporter=reporter,
        limits=limits,
    )
    seconds: dict[str, float] = {}
    try:
        # One thread for what this process makes itself; tasks see to it themselves.
        with Heart(database, run_id), one_thread():
            for name, stage in STAGES.items():
                if name in stages:
                    began = time.perf_counter()
                    try:
                        _run_stage(context, stage)
                    finally:
                        seconds[name] = time.perf_counter() - began
                    after(name)
        rows = patiently(lambda: study_progress(database, plan.study.name), reporter.note)
        outcome = "incomplete" if any(row.undone for row in rows if row.stage in stages) else "done"
    except KeyboardInterrupt:
        end_run(database, run_id, seconds, "interrupted")
        raise
    except DatabaseError:
        with suppress(DatabaseError):  # what is wrong is said already; the next run says how this one ended
            end_run(database, run_id, seconds, "failed")
        raise
    except BaseException:
        end_run(database, run_id, seconds, "failed")
        raise
    else:
        patiently(lambda: end_run(database, run_id, seconds, outcome), reporter.note)


def _run_stage(context: Context, stage: Callable[[Context], None]) -> None:
    """Run a stage; begin again with what is missing where the database was away, or a lease was lost."""
    while True:
        try:
            return stage(context)
        except (DatabaseAwayError, LeaseLostError) as error:
            context.reporter.note(str(error))
            patiently(lambda: release_all(context.database, context.run_id), context.reporter.note)


def versions() -> dict[str, str]:
    """Return the versions that results may depend on, those of packages that add kinds among them."""
    found = {"python": platform.python_version(), "platform": platform.platform(), "cpu": _cpu_model()}
    for name in RECORDED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    entries = entry_points()
    for group in entries.groups:
        if group.startswith("superpos."):
            found |= {e.dist.name: e.dist.version for e in entries.select(group=group) if e.dist}
    return found


def git_commit() -> str:
    """Return the commit of the checkout that runs, with `+` if files differ from it; empty when installed."""
    folder = Path(__file__).resolve().parent.parent.parent
    if not (folder / ".git").exists():
        return ""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _cpu_model() -> str:
    """Return the name of the processor: the same bits are promised for one model only."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
