"""Many rows at once, those left out whose unique key is there: one statement on SQLite, COPY on PostgreSQL.

Values go through the column types once, into tuples. SQLite takes the tuples of a whole batch in one call.
PostgreSQL has no conflict clause for COPY, so rows are copied in binary into a temporary table of the
transaction, and inserted from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from superpos.db.types import Number, finite

FEWEST_COPIED = 50
"""Rows from which a temporary table costs less than it saves."""
OIDS = {"INTEGER": "int4", "BIGINT": "int8", "DOUBLE PRECISION": "float8", "BYTEA": "bytea"}
"""Types of PostgreSQL by their names in SQL; all others are text."""
Bind = Callable[[Any], Any] | None


def insert_many(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, all with the columns of the first; one whose unique key exists already is left as it is.

    Parameters
    ----------
    connection
        In the transaction that the rows belong to.
    table
        Where.
    rows
        Values by column; columns that are not named get their default.
    """
    columns = [table.c[name] for name in rows[0]]
    names = ", ".join(map(connection.dialect.identifier_preparer.format_column, columns))
    values = _tuples(connection.dialect, columns, rows)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        query = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 (names of our own)
        connection.exec_driver_sql(query, list(values))
        return
    staged = f"staged_{table.name}"
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS SELECT {names} FROM {table.name} WITH NO DATA"  # noqa: S608
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {staged} FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([OIDS.get(_in_sql(column, connection.dialect), "text") for column in columns])
        for row in values:
            copy.write_row(row)
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {staged} ON CONFLICT DO NOTHING"  # noqa: S608
    )
    connection.exec_driver_sql(f"DROP TABLE {staged}")


def _in_sql(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    return column.type.compile(dialect)


def _tuples(
    dialect: sa.Dialect, columns: Sequence[sa.Column[Any]], rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Any, ...]]:
    """Yield the values of each row as the driver takes them."""
    binds = [(column.name, _bind(column, dialect)) for column in columns]
    for row in rows:
        yield tuple([row[name] if bind is None else bind(row[name]) for name, bind in binds])


def _bind(column: sa.Column[Any], dialect: sa.Dialect) -> Bind:
    if isinstance(column.type, Number):
        return finite  # what SQLAlchemy wraps three calls deep, thirty times a row
    bind: Bind = column.type.dialect_impl(dialect).bind_processor(dialect)
    if bind is None and isinstance(column.type, sa.Integer):
        return _whole  # a NumPy integer is bytes to SQLite, and unknown to COPY
    return bind


def _whole(value: Any) -> Any:
    return value if value is None else int(value)
