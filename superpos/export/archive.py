"""An archive of finished studies: the rows of their tables as Parquet, small, without what no report draws.

    tables/NAME.parquet   rows of a table, as the database holds them
    archive.json          revision of the schema, studies, digest and rows of each file
    README.md             what it is and how to read it

`superpos import` makes a database of it whose report is that of the first one. What no report shows is left
out: directions, most vectors, most of later draws (`superpos.db.archived`), keys that can be computed again
(`superpos.db.kept_keys`), and what names machines. The same database gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from textwrap import fill

import pyarrow as pa
import pyarrow.parquet as pq

from superpos.db.archived import KeptTable, Rows, kept_rows, kept_tables, left_out_of_draws
from superpos.db.first_draws import FIRST_DRAWS
from superpos.db.kept_keys import KeptKeys
from superpos.db.migrate import newest_revision
from superpos.db.progress import study_progress
from superpos.db.results import Results
from superpos.db.snapshot import snapshot
from superpos.errors import InputError, shown
from superpos.export.folder import Exported, chosen_studies, in_place
from superpos.version import __version__

CONTENTS = "archive.json"
FORMAT = 2
"""Raised when what `superpos import` expects of the folder changes; older ones are read too."""
WIDTH = 100
"""Of the lines of the page."""
BATCH = 20_000
"""Rows that are held at once."""
TYPES = {"integer": pa.int64(), "number": pa.float64(), "bytes": pa.binary(), "text": pa.string()}
OTHERS = {"double": "BYTE_STREAM_SPLIT", "int64": "DELTA_BINARY_PACKED"}
"""By type, an encoding of Parquet for columns whose values hardly repeat: of doubles byte by byte, of numbers
of rows the steps."""
MEASURES, N_AXES = "psm_measures", 6
"""Values of one measure are alike, so its rows stand together; columns that name one, behind the matrix."""
LEVEL = 19
"""Of zstd."""
README = """# Results of superpos, without the model

An archive of {studies}. It holds every number and the matrices that a report shows, in
Parquet, a file a table. To make the report again:

    superpos import FOLDER --db sqlite:///results.db
    superpos report --db sqlite:///results.db --out report

It has the schema {revision} and was written by superpos {version}; that version and later ones read it. Left
out are directions, activations, matrices of most draws and most vectors: nothing can be run on it.

Rows of the features and of the first {draws} draws of each control are whole. Of later draws these columns
are left out where no figure or table shows them; they come back as NULL, or 0 where NULL is not allowed:

{cut}

`own_energy` of later draws has `value_scaled` alone, and `target_features` has no rows of later draws. Keys
that follow from their rows are computed again by the import, which compares their digest.
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
        tables, keys = {table.name: table for table in kept_tables()}, KeptKeys()
        keys.foresee(tables["targets"].names, kept_rows(connection, "targets", numbers, BATCH))
        for table in tables.values():
            batches = kept_rows(connection, table.name, numbers, BATCH)
            batches = keys.without(table.name, table.names, batches)
            if table.name == MEASURES:
                batches = (sorted(one, key=lambda row: row[1:N_AXES]) for one in batches)
            rows[table.name] = write_table(folder / "tables" / f"{table.name}.parquet", table, batches)
    files = {
        name: {"rows": count, "sha256": digest(folder / "tables" / f"{name}.parquet")}
        for name, count in rows.items()
    }
    content = {
        "format": FORMAT,
        "superpos": __version__,
        "schema": newest_revision(),
        "studies": list(studies),
        "keys": {"versions": keys.versions, "sha256": keys.digests},
        "tables": files,
    }
    (folder / CONTENTS).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    cut = "\n".join(f"- `{name}`: {', '.join(columns)}" for name, columns in left_out_of_draws().items())
    said = README.format(
        studies=", ".join(studies),
        revision=newest_revision(),
        version=__version__,
        draws=FIRST_DRAWS,
        cut=cut,
    )
    lines = "\n\n".join(map(_wrapped, said.split("\n\n")))
    (folder / "README.md").write_text(lines, encoding="utf-8")
    return rows, 0


def _wrapped(paragraph: str) -> str:
    """Return a paragraph, or the points of a list, in lines as wide as those of other pages."""
    if paragraph.startswith((" ", "#")):
        return paragraph
    points = paragraph.split("\n") if paragraph.startswith("- ") else [" ".join(paragraph.split())]
    indent = "  " if paragraph.startswith("- ") else ""
    ending = "\n" if paragraph.endswith("\n") else ""
    return "\n".join(fill(point, WIDTH, subsequent_indent=indent) for point in points) + ending


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_table(path: Path, table: KeptTable, batches: Iterator[Rows]) -> int:
    """Write the rows of a table, each column in the encoding that is smallest; return their number."""
    schema = schema_of(table)
    first = next(batches, [])
    encodings = _encodings(_as_table(first, schema)) if first else {}
    n_rows = 0
    with pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=LEVEL, write_statistics=False,
        use_dictionary=[name for name in schema.names if name not in encodings], column_encoding=encodings,
    ) as writer:  # fmt: skip
        for rows in chain([first] if first else [], batches):
            writer.write_table(_as_table(rows, schema), row_group_size=BATCH)
            n_rows += len(rows)
    return n_rows


def _as_table(rows: Rows, schema: pa.Schema) -> pa.Table:
    values = zip(*rows, strict=True)
    return pa.Table.from_arrays(
        [pa.array(one, field.type) for one, field in zip(values, schema, strict=True)], schema=schema
    )


def _encodings(rows: pa.Table) -> dict[str, str]:
    """Return the columns that are smaller in an encoding of their type than with each value once."""
    found = {}
    for name in rows.column_names:
        column = rows.select([name])
        other = OTHERS.get(str(column.schema.field(0).type))
        if other and _size(column, other) < _size(column, None):
            found[name] = other
    return found


def _size(column: pa.Table, encoding: str | None) -> int:
    """Return the bytes of a column that is written like that."""
    file = pa.BufferOutputStream()
    pq.write_table(
        column, file, compression="zstd", compression_level=LEVEL, write_statistics=False,
        use_dictionary=encoding is None,
        column_encoding=None if encoding is None else {column.column_names[0]: encoding},
    )  # fmt: skip
    return int(file.getvalue().size)


def schema_of(table: KeptTable) -> pa.Schema:
    """Return names and types of the columns of a table of `kept_tables`."""
    return pa.schema([pa.field(name, TYPES[kind]) for name, kind in table.columns])
