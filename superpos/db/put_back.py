"""Rows of an archive put into a database of its own, also those of an older schema.

Rows of an older schema go into a file at that schema, which is upgraded as the databases of users are. What
it holds then goes into the database that was asked for: migrations alone say what an old row means now.
Arrays that the archive leaves out are `superpos.db.archived.EMPTY` for them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from superpos.db.archived import KeptTable, Rows, in_order, kind_of
from superpos.db.bulk import insert_many
from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.metadata import VERSIONS
from superpos.db.migrate import create_at, ensure_current, upgrade
from superpos.errors import InputError

AT_ONCE = 20_000
"""Rows that are held at once."""
Tables = Iterable[tuple[KeptTable, Iterable[Rows]]]


def put_back(database: Database, tables: Tables) -> dict[str, int]:
    """Put the rows of an archive into a database without studies; return their number by table.

    Parameters
    ----------
    database
        At the revision of the rows.
    tables
        Parents first, each with batches of its rows.

    Raises
    ------
    InputError
        If the database has rows already, or these do not fit together. Nothing is changed then.
    """
    counts: dict[str, int] = {}
    try:
        with database.write(Commit.IMPORT) as connection:
            if connection.scalar(sa.text("SELECT COUNT(*) FROM studies")):
                raise InputError(
                    f"--db: {database.label} has studies; an archive goes into one of its own, name "
                    "one that is not there yet"
                )
            there = _reflected(connection)
            for table, batches in tables:
                counts[table.name] = 0
                for rows in filter(None, batches):
                    named = [dict(zip(table.names, row, strict=True)) for row in rows]
                    insert_many(connection, there.tables[table.name], named)
                    counts[table.name] += len(rows)
                _check(connection, table.name, counts[table.name])
            if not database.is_sqlite:
                _count_on(connection, there)
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise InputError(f"the archive does not fit together: {reason}") from error
    return counts


def put_back_older(
    database: Database,
    revision: str,
    names: Iterable[str],
    tables: Callable[[Sequence[KeptTable]], Tables],
) -> dict[str, int]:
    """Put the rows of an archive of an older schema into a database without studies.

    Parameters
    ----------
    database
        At the newest revision, or not there yet.
    revision
        Schema of the rows, one that this version knows.
    names
        Of the tables.
    tables
        Is given the tables as that schema has them, parents first, and checks and reads their rows.

    Returns
    -------
    rows
        By table of the newest schema.

    Raises
    ------
    InputError
        If that schema has not these tables, or what `put_back` raises. Nothing is changed then.
    """
    with _file_at(revision) as old:
        there = {table.name: table for table in _tables(old)}
        unknown = sorted(set(names) - set(there))
        if unknown:
            raise InputError(f"tables: {', '.join(unknown)}: not those of an archive with schema {revision}")
        put_back(old, tables([table for name, table in there.items() if name in set(names)]))
        upgrade(old)
        ensure_current(database)
        with old.read() as connection:
            rows = ((table, _rows(connection, table)) for table in _tables(old))
            return {name: count for name, count in put_back(database, rows).items() if count}


@contextmanager
def _file_at(revision: str) -> Iterator[Database]:
    """Yield an empty database of an older schema, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="superpos-import-") as folder:
        old = Database(f"sqlite:///{Path(folder) / 'older.db'}")
        try:
            create_at(old, revision)
            yield old
        finally:
            old.dispose()


def _reflected(connection: sa.Connection) -> sa.MetaData:
    """Return the tables as the database has them: of any schema, and with values that are not decoded."""
    found = sa.MetaData()
    found.reflect(connection, only=lambda name, _: name != VERSIONS)
    return found


def _tables(database: Database) -> list[KeptTable]:
    """Return every table of a database, in the order of those that are kept."""
    with database.read() as connection:
        found = in_order(_reflected(connection).sorted_tables)
    return [KeptTable(one.name, tuple((c.name, kind_of(c)) for c in one.columns)) for one in found]


def _rows(connection: sa.Connection, table: KeptTable) -> Iterator[Rows]:
    columns: list[sa.ColumnElement[Any]] = [sa.column(name) for name in table.names]
    query = sa.select(*columns).select_from(sa.table(table.name))
    with connection.execute(query, execution_options={"stream_results": True}) as result:
        for part in result.partitions(AT_ONCE):
            yield [tuple(row) for row in part]


def _check(connection: sa.Connection, table: str, n_rows: int) -> None:
    """Refuse rows of which some share a key: they are left out silently."""
    there = int(connection.scalar(sa.text(f"SELECT COUNT(*) FROM {table}")) or 0)  # noqa: S608
    if there != n_rows:
        raise InputError(f"the archive does not fit together: {n_rows - there} rows of {table} repeat")


def _count_on(connection: sa.Connection, there: sa.MetaData) -> None:
    """Let PostgreSQL number new rows behind those that came with their numbers."""
    for table in there.sorted_tables:
        key = list(table.primary_key)
        if len(key) == 1 and isinstance(key[0].type, sa.Integer):
            name = key[0].name
            sequence = connection.scalar(
                sa.text("SELECT pg_get_serial_sequence(:table, :name)"), {"table": table.name, "name": name}
            )
            if sequence:
                following = f"SELECT setval(:sequence, COALESCE(MAX({name}), 0) + 1, false) FROM {table.name}"  # noqa: S608
                connection.execute(sa.text(following), {"sequence": sequence})
