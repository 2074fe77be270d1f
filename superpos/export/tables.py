"""Views as Parquet: typed by the catalogue, in the order of their columns, a batch of rows at a time.

The meaning and the unit of a column stand in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from superpos.catalogue import entry, meaning, unit
from superpos.db.results import VIEWS
from superpos.db.snapshot import Rows, Snapshot

BATCH = 20_000
"""Rows that are held at once, and rows of a row group."""
LEFT_OUT = {"runs": ("host", "address")}
"""Columns that name machines; nobody who reads the results needs them."""
TYPES = {"integer": pa.int64(), "number": pa.float64()}
"""Of Parquet by the catalogue's; every other one is text."""


def columns_of(there: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the columns of every view that are exported, of those that are there."""
    return {
        view: [name for name in names if name not in LEFT_OUT.get(view, ())] for view, names in there.items()
    }


def write_view(read: Snapshot, view: str, columns: Sequence[str], path: Path) -> int:
    """Write a view; return the number of its rows."""
    return write_rows(path, schema_of(view, columns), read.rows(view, columns, BATCH))


def write_rows(path: Path, schema: pa.Schema, batches: Iterable[Rows]) -> int:
    """Write batches of rows; return their number."""
    n_rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in batches:
            values = zip(*rows, strict=True)
            arrays = [pa.array(one, field.type) for one, field in zip(values, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=BATCH)
            n_rows += len(rows)
    return n_rows


def schema_of(view: str, columns: Iterable[str]) -> pa.Schema:
    """Return names, types, meanings and units of columns of a view."""
    fields = []
    for name in columns:
        said = {"description": meaning(view, name), "unit": unit(view, name)}
        kind = TYPES.get(entry(view, name).type, pa.string())
        fields.append(pa.field(name, kind, metadata={key: text for key, text in said.items() if text}))
    return pa.schema(fields, metadata={"description": VIEWS[view]})


def write_columns(columns: Mapping[str, Sequence[str]], path: Path) -> None:
    """Write what every column means."""
    names = ("view", "column", "type", "unit", "meaning")
    write_rows(path, pa.schema([pa.field(name, pa.string()) for name in names]), [list(_said(columns))])


def _said(columns: Mapping[str, Sequence[str]]) -> Iterator[tuple[Any, ...]]:
    for view, names in columns.items():
        for field in schema_of(view, names):
            yield view, field.name, str(field.type), unit(view, field.name), meaning(view, field.name)
