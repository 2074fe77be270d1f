"""`superpos status` and `superpos retry`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from superpos.cli.watch import duration, watch
from superpos.db.engine import Database
from superpos.db.failures import failures_by_reason, put_back
from superpos.db.migrate import require_current
from superpos.db.progress import fit_rate, study_names, study_progress
from superpos.errors import InputError, allowed, shown

OUT = Console(highlight=False, soft_wrap=True)


def status(options: argparse.Namespace) -> int:
    """Show progress of one or every study."""
    with Database(options.db) as database:
        return _status(database, options)


def _status(database: Database, options: argparse.Namespace) -> int:
    require_current(database)
    names = _chosen(database, options.study)
    if options.watch is not None:
        return watch(database, names, options.watch, as_json=options.json, check=options.interruption.check)
    reasons = failures_by_reason(database, names)
    rate = fit_rate(database)
    if options.json:
        OUT.print_json(
            json.dumps(
                {
                    "database": database.label,
                    "studies": {
                        name: [asdict(row) for row in study_progress(database, name)] for name in names
                    },
                    "failures": reasons,
                    "fits_per_second": rate,
                }
            )
        )
        return 0
    for name in names:
        rows = study_progress(database, name)
        table = Table(
            "stage", "planned", "done", "failed", "quarantined", "not applicable", title=f"study {name}"
        )
        for row in rows:
            table.add_row(
                row.stage,
                str(row.planned),
                str(row.done),
                str(row.failed),
                str(row.quarantined),
                str(row.not_applicable),
            )
        OUT.print(table)
        left = sum(row.undone for row in rows if row.stage == "fits")
        if left and rate:
            OUT.print(
                f"{left} fits left, about {duration(left / rate)} at {rate:.0f} fits a second", markup=False
            )
    for reason, count in reasons.items():
        OUT.print(f"{count} x {reason}", markup=False)
    return 0


def retry(options: argparse.Namespace) -> int:
    """Put quarantined cells back."""
    with Database(options.db) as database:
        require_current(database)
        _chosen(database, options.study)
        count = put_back(database, options.study)
    OUT.print(f"{count} quarantined cells put back; run the study again", markup=False)
    return 0


def _chosen(database: Database, study: str | None) -> tuple[str, ...]:
    names = study_names(database)
    if study is not None and study not in names:
        raise InputError(f"--study: {shown(study)} is not in {database.label}; {allowed(study, names)}")
    return names if study is None else (study,)
