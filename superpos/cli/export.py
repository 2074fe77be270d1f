"""`superpos export`, and `superpos import`, which reads an archive."""

from __future__ import annotations

import argparse

from rich.console import Console

from superpos.db.engine import Database
from superpos.db.results import Results

OUT = Console(highlight=False, soft_wrap=True)
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def export(options: argparse.Namespace) -> int:
    """Write every view as Parquet, and arrays as safetensors; or an archive."""
    from superpos.export import archive
    from superpos.export import export as write

    with Results.open(options.db) as results:
        if options.archive:
            done = archive(results, options.out, options.study)
            n_rows = sum(done.rows.values())
            OUT.print(f"archive: {done.folder}: {n_rows:,} rows, {_size(done.n_bytes)}", markup=False)
            return 0
        done = write(results, options.out, options.study)
    n_rows = sum(done.rows.values())
    OUT.print(
        f"export: {done.folder}: {len(done.rows)} views with {n_rows:,} rows, {done.n_tensors:,} tensors, "
        f"{_size(done.n_bytes)}",
        markup=False,
    )
    return 0


def restored(options: argparse.Namespace) -> int:
    """Put an archive into a database of its own."""
    from superpos.export import restore

    with Database(options.db) as database:
        studies, rows = restore(database, options.folder)
        OUT.print(
            f"import: {database.label}: {sum(rows.values()):,} rows of {', '.join(studies)}\n"
            "next: superpos report --out superpos-report",
            markup=False,
        )
    return 0


def _size(n_bytes: int) -> str:
    size = float(n_bytes)
    for unit in UNITS:
        if size < 1000.0 or unit == UNITS[-1]:
            break
        size /= 1000.0
    return f"{size:.3g} {unit}"
