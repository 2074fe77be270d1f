"""An archive of finished studies: the rows of their tables as Parquet, small, without what no report draws.

    tables/NAME.parquet   rows of a table, as the database holds them
    archive.json          revision of the schema, studies, digest and rows of each file
    README.md             what it is and how to read it

`superpos import` makes a database of it whose report is that of the first one. Directions, draws' matrices
and fits that are no best match of features are left out; so is what names machines. The same database gives
the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from superpos.db.archived import KeptTable, Rows, kept_rows, kept_tables
from superpos.db.migrate import newest_revision
from superpos.db.progress import study_progress
from superpos.db.results import Results
from superpos.db.snapshot import snapshot
from superpos.errors import InputError, shown
from superpos.export.folder import Exported, chosen_studies, in_place
from superpos.version import __version__

CONTENTS = "archive.json"
BATCH = 20_000
"""Rows that are held at once."""
TYPES = {"integer": pa.int64(), "number": pa.float64(), "bytes": pa.binary(), "text": pa.string()}
README = """# Results of superpos, without the model

An archive of the studies {studies}. It holds every number and the matrices that a report draws, in
Parquet, a file a table. To make the report again:

    superpos import FOLDER --db sqlite:///results.db
    superpos report --db sqlite:///results.db --out report

The version that reads it has the schema {revision}; it was written by superpos {version}. Directions,
activations, matrices of most draws and vectors of most fits are left out: nothing can be run on it.
"""


def archive(results: Results, out: Path, studies: Sequence[str] | None = None) -> Exported:
    """Write an archive of finished studies.

    Parameters
    ----------
    results
        The database.
    out
        A folder that is not there yet, or is empty.
    studies
        Every one by default.

    Raises
    ------
    InputError
        If the folder holds something or cannot be written, or a study is unknown or not finished. Nothing is
        left then.
    """
    chosen = chosen_studies(results, studies)
    if not chosen:
        raise InputError(f"{results.label} holds no study")
    for name in chosen:
        left = [one for one in study_progress(results.database, name) if one.undone > one.quarantined]
        if left:
            stages = ", ".join(f"{one.undone} of {one.stage}" for one in left)
            raise InputError(
                f"study {shown(name)} is not finished ({stages} to do): an archive is of finished studies; "
                "`superpos run` goes on with it"
            )
    return in_place(out, lambda folder: _write(results, folder, chosen))


def _write(results: Results, folder: Path, studies: Sequence[str]) -> tuple[dict[str, int], int]:
    """Write the files; return the rows by table."""
    (folder / "tables").mkdir()
    rows: dict[str, int] = {}
    with snapshot(results.database, studies) as read:
        connection, numbers = read.connection, read.revisions()
        for table in kept_tables():
            batches = kept_rows(connection, table.name, numbers, BATCH)
            rows[table.name] = write_table(folder / "tables" / f"{table.name}.parquet", table, batches)
    files = {
        name: {"rows": count, "sha256": digest(folder / "tables" / f"{name}.parquet")}
        for name, count in rows.items()
    }
    content = {
        "format": 1,
        "superpos": __version__,
        "schema": newest_revision(),
        "studies": list(studies),
        "tables": files,
    }
    (folder / CONTENTS).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    said = README.format(studies=", ".join(studies), revision=newest_revision(), version=__version__)
    (folder / "README.md").write_text(said, encoding="utf-8")
    return rows, 0


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_table(path: Path, table: KeptTable, batches: Iterator[Rows]) -> int:
    """Write the rows of a table; return their number.

    Columns of doubles that hardly repeat are split by bytes, which compresses them by a tenth more; in the
    others each value stands once.
    """
    first = next(batches, [])
    schema = schema_of(table)
    split = [
        field.name
        for place, field in enumerate(schema)
        if field.type == pa.float64() and 2 * len({row[place] for row in first}) > len(first)
    ]
    once = [field.name for field in schema if field.name not in split]
    n_rows = 0
    with pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=19, use_dictionary=once,
        use_byte_stream_split=split, write_statistics=False,
    ) as writer:  # fmt: skip
        for rows in chain([first] if first else [], batches):
            values = zip(*rows, strict=True)
            arrays = [pa.array(one, field.type) for one, field in zip(values, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=BATCH)
            n_rows += len(rows)
    return n_rows


def schema_of(table: KeptTable) -> pa.Schema:
    """Return names and types of the columns of a table of `kept_tables`."""
    return pa.schema([pa.field(name, TYPES[kind]) for name, kind in table.columns])
