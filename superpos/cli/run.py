"""`superpos run` and `superpos demo`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from superpos.cli.parser import STAGE_NAMES, find_study
from superpos.cli.progress import TerminalReporter
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.progress import left_over, study_progress
from superpos.specs.studyfile import load_study

OUT = Console(highlight=False, soft_wrap=True)


def run(options: argparse.Namespace) -> int:
    """Run what is missing of a study."""
    return run_file(
        find_study(options.study),
        options.db,
        address=options.address,
        workers=options.workers,
        stages=options.stage or STAGE_NAMES,
        rebuild=options.rebuild,
    )


def run_file(
    path: Path,
    url: str | None,
    *,
    address: str = "",
    workers: int | None = None,
    stages: Sequence[str] = STAGE_NAMES,
    rebuild: str | None = None,
) -> int:
    """Run the study in a file; return the exit status."""
    study = load_study(path)
    from superpos.stages.plan import plan_study

    plan = plan_study(study)
    database = Database(url)
    ensure_current(database)
    if rebuild:
        from superpos.db.rebuild import drop_dependants

        for line in drop_dependants(database, rebuild):
            OUT.print(line, markup=False)
    from superpos.db.register import register_study
    from superpos.stages.pipeline import run_study

    study_id = register_study(database, plan)
    if not left_over(database, study_id) and not rebuild:
        OUT.print(
            f"study {study.name}: nothing to do; every cell has its result in {database.label}", markup=False
        )
        return 0
    from superpos.cluster.pool import RayExecutor

    began = time.monotonic()
    with TerminalReporter() as reporter:
        for note in plan.notes:
            reporter.note(note)
        with RayExecutor(workers, address) as executor:
            run_study(
                database,
                plan,
                executor,
                reporter,
                data_folder=database.default_data_folder,
                stages=stages,
                address=address or "local",
            )
    OUT.print(
        f"study {study.name}: {time.monotonic() - began:.0f} s; results in {database.label}, files in "
        f"{database.default_data_folder}",
        markup=False,
    )
    rows = study_progress(database, study.name)
    undone = {row.stage: row.undone for row in rows if row.undone and row.stage in stages}
    if undone:
        names = ", ".join(f"{count} of {stage}" for stage, count in undone.items())
        OUT.print(f"study {study.name}: without a result: {names}; see `superpos status`", markup=False)
        return 1
    return 0


def demo(options: argparse.Namespace) -> int:
    """Run the demo study and write its report."""
    from superpos.cli.report import write

    status = run_file(find_study("demo"), options.db, address=options.address, workers=options.workers)
    paths = write(options.db, ["demo"], options.out)
    OUT.print(f"report: {paths.index}", markup=False)
    return status
