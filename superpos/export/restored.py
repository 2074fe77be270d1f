"""An archive put into a database of its own, every file checked before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from superpos.db.archived import KeptTable, Rows, kept_tables, put_back
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current, newest_revision
from superpos.errors import InputError
from superpos.export.archive import BATCH, CONTENTS, digest, schema_of


def restore(database: Database, folder: Path) -> tuple[tuple[str, ...], dict[str, int]]:
    """Put an archive into a database that is not there yet, or has no study.

    Parameters
    ----------
    database
        Which.
    folder
        As `superpos.export.archive` wrote it.

    Returns
    -------
    studies, rows
        Names of the studies; rows by table.

    Raises
    ------
    InputError
        If the folder is no archive, is of another version, was changed since, or the database has studies.
        Nothing is changed then.
    """
    studies, files = _read_contents(folder)
    tables = kept_tables()
    expected = {table.name for table in tables}
    if set(files) != expected:
        odd = ", ".join(sorted(set(files) ^ expected))
        raise InputError(f"{folder / CONTENTS}: tables: {odd}: not those of an archive of this version")
    for table in tables:
        _check_file(folder / "tables" / f"{table.name}.parquet", table, files[table.name])
    ensure_current(database)
    rows = put_back(
        database, ((table, _rows(folder / "tables" / f"{table.name}.parquet")) for table in tables)
    )
    return studies, rows


def _read_contents(folder: Path) -> tuple[tuple[str, ...], dict[str, Mapping[str, Any]]]:
    path = folder / CONTENTS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{folder}: is no archive (no {CONTENTS}); `superpos export --archive` writes one"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason})") from error
    content: dict[str, Any] = found if isinstance(found, dict) else {}
    tables: Any = content.get("tables")
    fits = isinstance(tables, dict) and isinstance(content.get("studies"), list)
    fits = fits and all(isinstance(one, dict) and {"rows", "sha256"} <= set(one) for one in tables.values())
    if not fits or content.get("format") != 1:
        raise InputError(f"{path}: is not what `superpos export --archive` writes")
    if content.get("schema") != newest_revision():
        raise InputError(
            f"{path}: schema: {content.get('schema')}; this version reads {newest_revision()}; superpos "
            f"{content.get('superpos')}, which wrote it, reads it"
        )
    return tuple(map(str, content["studies"])), tables


def _check_file(path: Path, table: KeptTable, said: Mapping[str, Any]) -> None:
    try:
        if digest(path) != said["sha256"]:
            raise InputError(f"{path}: was changed since it was written (its digest is another one)")
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read ({reason})") from error
    if not schema.equals(schema_of(table)):
        raise InputError(f"{path}: its columns are not those of {table.name}")


def _rows(path: Path) -> Iterator[Rows]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH):
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
