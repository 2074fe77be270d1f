"""`superpos trace`."""

from __future__ import annotations

import argparse
import json

from rich.console import Console

from superpos.db.engine import Database
from superpos.db.migrate import require_current
from superpos.db.trace import TraceRow
from superpos.db.trace import trace as trace_key
from superpos.storage import Place, chosen

OUT = Console(highlight=False, soft_wrap=True)
LONG = 160
"""Characters of a value that are shown."""


def trace(options: argparse.Namespace) -> int:
    """Show what a row was made of; with --recompute make it again and compare."""
    with Database(options.db) as database:
        return _trace(database, options)


def _trace(database: Database, options: argparse.Namespace) -> int:
    require_current(database)
    folder = chosen(database.default_data_folder)
    rows = [_placed(row, folder) for row in trace_key(database, options.key)]
    if options.json:
        said = [{"kind": row.kind, "key": row.key, **row.columns} for row in rows]
        OUT.print_json(json.dumps(said, default=str), ensure_ascii=False)
    for row in () if options.json else rows:
        OUT.print(f"[bold]{row.kind}[/bold] {row.key}")
        for name, value in row.columns.items():
            if name == "key":
                continue
            text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
            shown = text if len(text) <= LONG else f"{text[:LONG]}… ({len(text)} characters)"
            OUT.print(f"    {name} = {shown}", markup=False)
    if not options.recompute:
        return 0
    from superpos.stages.recompute import recompute

    outcome = recompute(database, rows[0].key, folder)
    if outcome.agrees:
        OUT.print(
            f"{outcome.kind}: made again, all {len(outcome.compared)} values agree bit for bit", markup=False
        )
        return 0
    OUT.print(f"{outcome.kind}: made again, differs in {', '.join(outcome.differing)}", markup=False)
    return 1


def _placed(row: TraceRow, folder: Place) -> TraceRow:
    """Return a row that has a file in the data folder with the place where that lies now."""
    path = row.columns.get("path")
    if row.kind not in ("file", "data set") or not path:
        return row
    return TraceRow(row.kind, row.key, {**row.columns, "place": str(folder / path)})
