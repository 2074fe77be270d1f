"""`superpos plan`."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from superpos.cli.explain import explain
from superpos.cli.parser import find_study
from superpos.db.engine import Database
from superpos.errors import InputError
from superpos.specs.studyfile import load_study

OUT = Console(highlight=False, soft_wrap=True)


def plan(options: argparse.Namespace) -> int:
    """Count what a study needs; nothing is computed and nothing is written."""
    if options.explain is not None:
        return explain(options.explain, options.study, as_json=options.json)
    if options.study is None:
        raise InputError("plan: give a STUDY, or --explain KEY")
    study = load_study(find_study(options.study))
    from superpos.stages.estimate import estimate
    from superpos.stages.plan import plan_study
    from superpos.stages.reach import reaches

    planned = plan_study(study)
    with Database(options.db) as database:
        found = estimate(planned, database)
    if options.json:
        tests = [{**asdict(one), "p_smallest": one.p_smallest} for one in reaches(planned)]
        OUT.print_json(
            json.dumps({**found.as_dict(), "notes": planned.notes, "tests": tests, "study": study.as_dict()}),
            ensure_ascii=False,
        )
        return 0
    table = Table("stage", "planned", "done already", "about", title=f"study {study.name}")
    for stage in found.stages:
        if stage.planned == 0:  # not asked for
            continue
        table.add_row(stage.stage, str(stage.planned), str(stage.done), _duration(stage.seconds))
    OUT.print(table)
    OUT.print(
        f"{found.n_joint} joint fits serve {found.n_fits} re-optimised fits; {found.n_shared} belong to "
        "targets with equal matrices and are computed once",
        markup=False,
    )
    OUT.print(
        f"CPU time about {_duration(found.cpu_seconds)} in all ({found.basis}); about "
        f"{_size(found.sql_bytes)} in SQL, {_size(found.disk_bytes)} in files",
        markup=False,
    )
    for reach in reaches(planned):
        OUT.print(reach.sentence, markup=False)
    for note in planned.notes:
        OUT.print(f"note: {note}", markup=False)
    for one in found.left_out:
        OUT.print(
            f"data set {one.dataset}: feature {one.feature} is left out ({one.status} of {one.duplicate_of})",
            markup=False,
        )
    left = any(stage.done < stage.planned for stage in found.stages)
    given = shlex.quote(str(options.study))
    command = f"run {given}" if left else f"report --study {shlex.quote(study.name)} --out superpos-report"
    OUT.print(f"next: superpos {command}", markup=False)
    return 0


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "<1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
