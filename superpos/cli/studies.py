"""`superpos studies list` and `superpos studies show NAME`: what ships and what a database holds."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from superpos.db.engine import Database
from superpos.db.migrate import require_current
from superpos.db.progress import study_names, study_progress
from superpos.errors import DatabaseError, InputError, allowed, shown
from superpos.specs.studies import FOLDER, bundled_studies

OUT = Console(highlight=False, soft_wrap=True)


def studies(options: argparse.Namespace) -> int:
    """List studies, or print the file of one."""
    if options.action == "show":
        return _show(options.name)
    known = _progress(options.db)
    rows = [_row(name, known.get(name)) for name in dict.fromkeys((*bundled_studies(), *known))]
    if options.json:
        OUT.print_json(json.dumps(rows))
        return 0
    table = Table("study", "what it is", "in the database")
    for row in rows:
        done = "" if row["planned"] is None else f"{row['done']:,} of {row['planned']:,} rows"
        table.add_row(row["study"], row["about"], done)
    OUT.print(table)
    OUT.print("next: superpos plan NAME, superpos run NAME, superpos studies show NAME", markup=False)
    return 0


def about(name: str) -> str:
    """Return the first sentence of a bundled study's comment; empty without one."""
    lines = []
    for line in (FOLDER / f"{name}.toml").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines).split(". ")[0].strip().rstrip(".")


def _show(name: str | None) -> int:
    known = bundled_studies()
    if name not in known:
        raise InputError(f"studies show: {shown(name or '')} does not ship; {allowed(name or '', known)}")
    OUT.print((FOLDER / f"{name}.toml").read_text(encoding="utf-8"), markup=False, end="")
    return 0


def _progress(url: str | None) -> dict[str, tuple[int, int]]:
    """Return done and planned rows of the studies of a database; none where there is no database yet."""
    try:
        with Database(url) as database:
            require_current(database)
            return {name: _sums(database, name) for name in study_names(database)}
    except DatabaseError:
        if url is not None:
            raise
        return {}


def _sums(database: Database, name: str) -> tuple[int, int]:
    rows = study_progress(database, name)
    return sum(row.done for row in rows), sum(row.planned - row.not_applicable for row in rows)


def _row(name: str, counts: tuple[int, int] | None) -> dict[str, Any]:
    done, planned = counts or (None, None)
    bundled = name in bundled_studies()
    return {
        "study": name,
        "bundled": bundled,
        "about": about(name) if bundled else "",
        "done": done,
        "planned": planned,
    }
