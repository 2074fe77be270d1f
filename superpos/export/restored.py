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
from superpos.db.kept_keys import KeptKeys
from superpos.db.migrate import ensure_current, newest_revision
from superpos.errors import InputError
from superpos.export.archive import BATCH, CONTENTS, FORMAT, digest, schema_of


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
    studies, files, keys = _read_contents(folder)
    tables = kept_tables()
    expected = {table.name for table in tables}
    if set(files) != expected:
        odd = ", ".join(sorted(set(files) ^ expected))
        raise InputError(f"{folder / CONTENTS}: tables: {odd}: not those of an archive of this version")
    for table in tables:
        _check_file(folder / "tables" / f"{table.name}.parquet", table, files[table.name])
    ensure_current(database)
    found, said = KeptKeys(keys["versions"]), keys["sha256"]
    targets = next(table for table in tables if table.name == "targets")
    found.foresee(targets.names, _read(folder, targets))
    rows = put_back(database, ((table, _with_keys(folder, table, found, said)) for table in tables))
    return studies, rows


def _read_contents(folder: Path) -> tuple[tuple[str, ...], dict[str, Mapping[str, Any]], Mapping[str, Any]]:
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
    if not fits:
        raise InputError(f"{path}: is not what `superpos export --archive` writes")
    for name, mine in (("format", FORMAT), ("schema", newest_revision())):
        if content.get(name) != mine:
            raise InputError(
                f"{path}: {name}: {content.get(name)}; this version reads {mine}; superpos "
                f"{content.get('superpos')}, which wrote it, reads it"
            )
    keys: Any = content.get("keys")
    if not isinstance(keys, dict) or not all(isinstance(keys.get(n), dict) for n in ("versions", "sha256")):
        raise InputError(f"{path}: keys: missing; `superpos export --archive` writes them")
    return tuple(map(str, content["studies"])), tables, keys


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


def _read(folder: Path, table: KeptTable) -> Iterator[Rows]:
    with pq.ParquetFile(folder / "tables" / f"{table.name}.parquet") as file:
        for batch in file.iter_batches(BATCH):
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _with_keys(folder: Path, table: KeptTable, found: KeptKeys, said: Mapping[str, Any]) -> Iterator[Rows]:
    """Yield the rows of a table with their keys, and see that these are those of the first database."""
    yield from found.again(table.name, table.names, _read(folder, table))
    if found.digests.get(table.name) != said.get(table.name):
        raise InputError(
            f"{folder / CONTENTS}: keys: those of {table.name} come out differently in this version; the one "
            "that wrote it reads it"
        )
