"""`superpos export`."""

from __future__ import annotations

import argparse

from rich.console import Console

from superpos.db.results import Results

OUT = Console(highlight=False, soft_wrap=True)
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def export(options: argparse.Namespace) -> int:
    """Write every view as Parquet, and arrays as safetensors."""
    from superpos.export import export as write

    with Results.open(options.db) as results:
        done = write(results, options.out, options.study)
    n_rows = sum(done.rows.values())
    OUT.print(
        f"export: {done.folder}: {len(done.rows)} views with {n_rows:,} rows, {done.n_tensors:,} tensors, "
        f"{_size(done.n_bytes)}",
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
