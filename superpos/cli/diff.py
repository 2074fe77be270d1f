"""`superpos diff`."""

from __future__ import annotations

import argparse
import json

from rich.console import Console
from rich.table import Table

from superpos.cli.parser import find_study
from superpos.db.engine import Database
from superpos.db.migrate import require_current
from superpos.errors import InputError
from superpos.records.outlines import Difference, Outline, compare
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study

OUT = Console(highlight=False, soft_wrap=True)
SHOWN = 12
"""Reasons of one level that are listed."""


def diff(options: argparse.Namespace) -> int:
    """Say which rows of one study another one has not, and for what reason; nothing is computed."""
    with Database(options.db) as database:
        if options.new is None:  # what an edited file changes against what was registered
            new, plan = _outline(database, options.old)
            old = _stored(database, new.name)
        else:
            old, _ = _outline(database, options.old)
            new, plan = _outline(database, options.new)
        done = None if plan is None else _n_done(database, plan)
    found = compare(old, new)
    n_cells = sum(block.size for block in new.blocks)
    if options.json:
        values = {
            "old": old.name,
            "new": new.name,
            "levels": [one._asdict() for one in found.levels],
            "cells": {"same": found.n_cells_same, "gone": found.n_cells_gone, "new": dict(found.new_cells)},
            "cells_done": done,
            "cells_planned": n_cells,
        }
        OUT.print_json(json.dumps(values), ensure_ascii=False)
        return 0
    _show(found, *((old.name, new.name) if options.new is None else (options.old, options.new)))
    if done is not None:
        OUT.print(
            f"of the {n_cells:,} cells of {new.name} {done:,} have a fit in the database; a run makes the "
            f"other {n_cells - done:,}",
            markup=False,
        )
    return 0


def _outline(database: Database, name: str) -> tuple[Outline, StudyPlan | None]:
    """Return the outline of a study: of a file, a bundled one, or NAME or NAME@REVISION of the database."""
    stem, at, revision = name.rpartition("@")
    if at and revision.isdigit():
        return _stored(database, stem, int(revision)), None
    try:
        path = find_study(name)
    except InputError:
        return _stored(database, name), None
    from superpos.stages.outlines import outline_of
    from superpos.stages.plan import plan_study

    plan = plan_study(load_study(path))
    return outline_of(plan), plan


def _stored(database: Database, name: str, revision: int | None = None) -> Outline:
    from superpos.db.outlines import stored_outline

    require_current(database)
    return stored_outline(database, name, revision)


def _n_done(database: Database, plan: StudyPlan) -> int:
    from superpos.db.planned import count_done

    return count_done(database, plan)["fits"]


def _show(found: Difference, old: str, new: str) -> None:
    table = Table("rows", "the same", "only in the first", "only in the second", title=f"{old} and {new}")
    for one in found.levels:
        table.add_row(one.level, f"{one.n_same:,}", f"{one.n_gone:,}", f"{sum(one.new.values()):,}")
    n_new = sum(found.new_cells.values())
    table.add_row("cells", f"{found.n_cells_same:,}", f"{found.n_cells_gone:,}", f"{n_new:,}")
    OUT.print(table)
    for level, reasons in [*((one.level, one.new) for one in found.levels), ("cells", found.new_cells)]:
        for place, (reason, count) in enumerate(reasons.items()):
            if place == SHOWN:
                OUT.print(
                    f"{level}: and {len(reasons) - SHOWN:,} more reasons (--json has all)", markup=False
                )
                break
            OUT.print(f"{level}: {count:,} new by {reason}", markup=False)
