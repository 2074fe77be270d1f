"""`superpos run` and `superpos demo`."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from superpos.cli.interrupt import Interruption
from superpos.cli.parser import find_study
from superpos.cli.progress import TerminalReporter
from superpos.db.archived import is_archive
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current, require_current
from superpos.db.progress import StageProgress, is_left, study_progress
from superpos.errors import DatabaseError, InputError
from superpos.records.plan import StudyPlan
from superpos.specs.study import Study
from superpos.specs.studyfile import load_study
from superpos.stage_names import STAGES
from superpos.stages.executor import Executor
from superpos.storage import Place, chosen

T = TypeVar("T")
OUT = Console(highlight=False, soft_wrap=True)
After = Callable[[str, Callable[[str], None]], None]


def _nothing(_stage: str, _say: Callable[[str], None]) -> None:
    """Do nothing after a stage."""


def run(options: argparse.Namespace) -> int:
    """Run what is missing of a study, and say what to do next."""
    study = load_study(find_study(options.study))
    status = run_loaded(
        study,
        options.db,
        options.interruption,
        address=options.address,
        workers=options.workers,
        stages=options.stage or STAGES,
        rebuild=options.rebuild,
        limits=(options.time_limit, options.memory_limit),
    )
    if status == 0 and not options.stage:
        name = shlex.quote(study.name)
        OUT.print(f"next: superpos report --study {name} --out superpos-report", markup=False)
    return status


def run_file(
    path: Path,
    url: str | None,
    interruption: Interruption,
    *,
    address: str = "",
    workers: int | None = None,
    stages: Sequence[str] = STAGES,
    rebuild: str | None = None,
    limits: tuple[float | None, int | None] = (None, None),
    after: After = _nothing,
) -> int:
    """Run the study in a file; return the exit status.

    `limits` are the seconds and the mebibytes of a cell; for the second None is a share of the machine's.
    `after` is told each stage that has ended, and how to say something meanwhile.
    """
    study = load_study(path)
    return run_loaded(
        study,
        url,
        interruption,
        address=address,
        workers=workers,
        stages=stages,
        rebuild=rebuild,
        limits=limits,
        after=after,
    )


def run_loaded(
    study: Study,
    url: str | None,
    interruption: Interruption,
    *,
    address: str = "",
    workers: int | None = None,
    stages: Sequence[str] = STAGES,
    rebuild: str | None = None,
    limits: tuple[float | None, int | None] = (None, None),
    after: After = _nothing,
) -> int:
    """Run a study; return the exit status. Without workers (0) it runs in this process."""
    from superpos.stages.plan import plan_study

    plan = plan_study(study)
    from superpos.cluster.connect import check_address, check_token
    from superpos.cluster.jobs import check_places

    check_token(address)
    check_address(address)
    with Database(url) as database:
        file = Path(database.url.database or "") if database.is_sqlite else None
        folder = chosen(database.default_data_folder)
        check_places(file, folder)
        if isinstance(folder, Path):
            folder = folder.resolve()  # workers may stand elsewhere
        return _run(database, folder, plan, interruption, address, workers, stages, rebuild, limits, after)


def _run(
    database: Database,
    folder: Place,
    plan: StudyPlan,
    interruption: Interruption,
    address: str,
    workers: int | None,
    stages: Sequence[str],
    rebuild: str | None,
    limits: tuple[float | None, int | None],
    after: After,
) -> int:
    if rebuild:
        from superpos.db.rebuild import drop_dependants

        require_current(database)
        for line in drop_dependants(database, rebuild):
            OUT.print(line, markup=False)
    ensure_current(database)  # a database that is not there at all is said at once; then it is waited for
    if is_archive(database):
        raise InputError(
            f"database {database.label}: holds an archive, which has no vectors to go on from; "
            "name another one"
        )
    from superpos.db.patience import patiently
    from superpos.db.studies import register_study
    from superpos.stages import explained, measures
    from superpos.stages.asked import outdated

    say = TerminalReporter(interruption.check).note

    def steadily(work: Callable[[], T]) -> T:
        return patiently(work, say, interruption.check)

    def progress() -> tuple[StageProgress, ...]:
        return study_progress(database, plan.study.name)

    study_id = steadily(lambda: register_study(database, plan))
    found = steadily(progress)  # read once: of 10^6 fits it takes longer than all else
    nothing_left = not is_left(found)
    # Matrices of an older version may lack what answers read.
    if nothing_left and "psms" in stages and steadily(lambda: measures.lacking(database, study_id)):
        with TerminalReporter(interruption.check) as reporter:
            measures.measure(database, study_id, reporter)
        found = steadily(progress)
        nothing_left = not is_left(found)
    if nothing_left and "analysis" in stages and steadily(lambda: explained.lacking(database, study_id)):
        with TerminalReporter(interruption.check) as reporter:
            explained.find_explained(database, study_id, reporter)
        found = steadily(progress)
        nothing_left = not is_left(found)
    if nothing_left and "analysis" in stages:  # answers of an older version
        nothing_left = not steadily(lambda: outdated(database, study_id))
    if nothing_left:
        return _nothing_to_do(database.label, plan.study.name, found)
    # Late, for they import all that computes.
    from superpos.cluster.memory import share_of_memory
    from superpos.stages.executor import Limits
    from superpos.stages.pipeline import run_study

    began = time.monotonic()
    with (
        TerminalReporter(interruption.check) as reporter,
        _executor(workers, address) as executor,
    ):
        seconds, mebibytes = limits
        memory = 2**20 * mebibytes if mebibytes else None if address else share_of_memory(executor.n_workers)
        run_study(
            database,
            plan,
            executor,
            reporter,
            data_folder=folder,
            stages=stages,
            address=address or "local",
            study_id=study_id,
            limits=Limits(seconds, memory),
            after=lambda stage: after(stage, reporter.note),
        )
    OUT.print(
        f"study {plan.study.name}: {time.monotonic() - began:.0f} s; results in {database.label}, files in "
        f"{folder}",
        markup=False,
    )
    return steadily(lambda: _outcome(database, plan.study.name, stages))


def _executor(workers: int | None, address: str) -> AbstractContextManager[Executor]:
    """Return what runs tasks: actors, or without any this process."""
    if workers == 0:
        from superpos.stages.executor import SerialExecutor
        from superpos.stages.tasks import TASKS

        return nullcontext(SerialExecutor(TASKS))
    from superpos.cluster.pool import RayExecutor

    return RayExecutor(workers, address)


def _nothing_to_do(label: str, name: str, rows: Sequence[StageProgress]) -> int:
    quarantined = sum(row.quarantined for row in rows)
    not_applicable = sum(row.not_applicable for row in rows if row.stage == "fits")
    if quarantined:
        said = f"nothing to do but {quarantined} quarantined; `superpos retry --study {name}` puts them back"
    else:
        said = f"nothing to do; every cell has its result in {label}"
        said += f" ({not_applicable} are not applicable)" if not_applicable else ""
    OUT.print(f"study {name}: {said}", markup=False)
    return 1 if quarantined else 0


def _outcome(database: Database, name: str, stages: Sequence[str]) -> int:
    """Say what is left without a result; return the exit status."""
    rows = study_progress(database, name)
    undone = {row.stage: row.undone for row in rows if row.undone and row.stage in stages}
    if undone:
        names = ", ".join(f"{count} of {stage}" for stage, count in undone.items())
        OUT.print(f"study {name}: without a result: {names}; see `superpos status`", markup=False)
        return 1
    return 0


def demo(options: argparse.Namespace) -> int:
    """Run the demo study and write its report: a first page before any fit, the whole one at the end."""
    from superpos.cli.report import write

    def first_page(stage: str, say: Callable[[str], None]) -> None:
        if stage == "psms":
            try:
                index = write(options.db, ["demo"], options.out).index
            except DatabaseError as error:  # the whole page comes anyway
                say(f"no first page: {error}")
            else:
                say(f"first page: {index}: probes, matrices and their own energy; open it, the fits go on")

    status = run_file(
        find_study("demo"),
        options.db,
        options.interruption,
        address=options.address,
        workers=options.workers,
        limits=(options.time_limit, options.memory_limit),
        after=first_page,
    )
    paths = write(options.db, ["demo"], options.out)
    OUT.print(f"report: {paths.index}", markup=False)
    return status
