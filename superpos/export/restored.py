"""An archive put into a database of its own, every file checked before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from superpos.db.archived import KeptTable, Rows, kept_tables
from superpos.db.engine import Database
from superpos.db.kept_keys import VERSIONS, KeptKeys
from superpos.db.migrate import ensure_current, newest_revision, revisions
from superpos.db.put_back import Tables, put_back, put_back_older
from superpos.errors import InputError
from superpos.export.archive import BATCH, CONTENTS, FORMAT, digest, schema_of

WITH_KEYS = 1
"""Format whose rows have all their keys; later ones leave out what can be computed again."""


def restore(database: Database, folder: Path) -> tuple[tuple[str, ...], dict[str, int]]:
    """Put an archive into a database that is not there yet, or has no study.

    Parameters
    ----------
    database
        Which.
    folder
        As `superpos.export.archive` wrote it, in this version or an older one.

    Returns
    -------
    studies, rows
        Names of the studies; rows by table.

    Raises
    ------
    InputError
        If the folder is no archive, is of a later version, was changed since, or the database has studies.
        Nothing is changed then.
    """
    said = _read_contents(folder)
    if said.schema != newest_revision():
        rows = put_back_older(database, said.schema, said.files, lambda tables: _rows(folder, said, tables))
        return said.studies, rows
    tables = kept_tables()
    expected = {table.name for table in tables}
    if set(said.files) != expected:
        odd = ", ".join(sorted(set(said.files) ^ expected))
        raise InputError(f"{folder / CONTENTS}: tables: {odd}: not those of an archive of this version")
    read = _rows(folder, said, tables)
    ensure_current(database)
    return said.studies, put_back(database, read)


class Contents(NamedTuple):
    """What `archive.json` says."""

    studies: tuple[str, ...]
    schema: str
    files: dict[str, Mapping[str, Any]]
    """Rows and digest of each table."""
    versions: Mapping[str, int]
    """Of the algorithms, by kind of key."""
    keys: Mapping[str, str] | None
    """Digests of the keys that were left out, by table; None where all are in their rows."""


def _read_contents(folder: Path) -> Contents:
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
    for name, mine, known in (
        ("format", FORMAT, range(1, FORMAT + 1)),
        ("schema", newest_revision(), revisions()),
    ):
        if content.get(name) not in known:
            raise InputError(
                f"{path}: {name}: {content.get(name)}; this version reads up to {mine}; install superpos "
                f"{content.get('superpos')}, which wrote it, or a later one"
            )
    keys: Any = content.get("keys") if content["format"] > WITH_KEYS else {"versions": VERSIONS, "sha256": {}}
    if not isinstance(keys, dict) or not all(isinstance(keys.get(n), dict) for n in ("versions", "sha256")):
        raise InputError(f"{path}: keys: missing; `superpos export --archive` writes them")
    digests = keys["sha256"] if content["format"] > WITH_KEYS else None
    studies = tuple(map(str, content["studies"]))
    return Contents(studies, content["schema"], tables, keys["versions"], digests)


def _rows(folder: Path, said: Contents, tables: Sequence[KeptTable]) -> Tables:
    """Check the files of an archive; return the rows of its tables, with their keys."""
    for table in tables:
        _check_file(folder / "tables" / f"{table.name}.parquet", table, said.files[table.name])
    found = KeptKeys(said.versions)
    targets = next((table for table in tables if table.name == "targets"), None)
    if targets is None or not set(said.keys or {}) <= set(said.files):
        raise InputError(f"{folder / CONTENTS}: tables: some are missing")
    found.foresee(targets.names, _read(folder, targets))
    return ((table, _with_keys(folder, table, found, said.keys)) for table in tables)


def _check_file(path: Path, table: KeptTable, said: Mapping[str, Any]) -> None:
    try:
        if digest(path) != said["sha256"]:
            raise InputError(f"{path}: was changed since it was written (its digest is another one)")
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read ({reason})") from error
    if {field.name: field.type for field in schema} != {one.name: one.type for one in schema_of(table)}:
        raise InputError(f"{path}: its columns are not those of {table.name}")


def _read(folder: Path, table: KeptTable) -> Iterator[Rows]:
    with pq.ParquetFile(folder / "tables" / f"{table.name}.parquet") as file:
        for batch in file.iter_batches(BATCH):
            yield list(zip(*(batch.column(name).to_pylist() for name in table.names), strict=True))


def _with_keys(
    folder: Path, table: KeptTable, found: KeptKeys, said: Mapping[str, str] | None
) -> Iterator[Rows]:
    """Yield the rows of a table with their keys, and see that these are those of the first database."""
    yield from found.again(table.name, table.names, _read(folder, table))
    if said is not None and found.digests.get(table.name) != said.get(table.name):
        raise InputError(
            f"{folder / CONTENTS}: keys: those of {table.name} come out differently in this version; the one "
            "that wrote it reads it"
        )
