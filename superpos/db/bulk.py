"""Many rows at once, those left out whose unique key is there: one statement on SQLite, COPY on PostgreSQL.

Values go through the column types once, a whole column at a time: a call for each value of thirty columns
costs more than all else. SQLite takes the tuples of a batch in one call.
PostgreSQL has no conflict clause for COPY, so rows are copied in binary into a temporary table of the
transaction, and inserted from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from superpos.db.types import Array, Number, encode_array

FEWEST_COPIED = 50
"""Rows from which a temporary table costs less than it saves."""
OIDS = {"INTEGER": "int4", "BIGINT": "int8", "DOUBLE PRECISION": "float8", "BYTEA": "bytea"}
"""Types of PostgreSQL by their names in SQL; all others are text."""
Bound = Callable[[Sequence[Any]], Sequence[Any]] | None


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
    insert_values(connection, table, list(rows[0]), _tuples(connection.dialect, columns, rows))


def insert_values(
    connection: sa.Connection, table: sa.Table, names: Sequence[str], values: Iterable[tuple[Any, ...]]
) -> None:
    """Insert rows whose values are what the driver takes already, in the order of `names`.

    They are none of ours any more: numbers are finite, arrays and keys are encoded (`superpos.db.fit_rows`).
    Otherwise as `insert_many`.
    """
    given = list(values)
    if not given:
        return
    columns = [table.c[name] for name in names]
    listed = ", ".join(map(connection.dialect.identifier_preparer.format_column, columns))
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite or len(given) < FEWEST_COPIED:
        marks = ", ".join(["?" if is_sqlite else "%s"] * len(columns))
        query = f"INSERT INTO {table.name} ({listed}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 (names of our own)
        connection.exec_driver_sql(query, given)
        return
    staged = f"staged_{table.name}"
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS SELECT {listed} FROM {table.name} WITH NO DATA"  # noqa: S608
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {staged} FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([OIDS.get(_in_sql(column, connection.dialect), "text") for column in columns])
        for row in given:
            copy.write_row(row)
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM {staged} ON CONFLICT DO NOTHING"  # noqa: S608
    )
    connection.exec_driver_sql(f"DROP TABLE {staged}")


def _in_sql(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    return column.type.compile(dialect)


def _tuples(
    dialect: sa.Dialect, columns: Sequence[sa.Column[Any]], rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Any, ...]]:
    """Return the values of each row as the driver takes them."""
    found = []
    for column in columns:
        name = column.name
        bound = _bound(column, dialect)
        values = [row[name] for row in rows]
        found.append(values if bound is None else bound(values))
    return zip(*found, strict=True)


def _bound(column: sa.Column[Any], dialect: sa.Dialect) -> Bound:
    """Return what makes of the values of a column what the driver takes; None where that is the same."""
    if isinstance(column.type, Number):
        return _numbers
    if isinstance(column.type, Array):
        return _arrays
    bind: Any = column.type.dialect_impl(dialect).bind_processor(dialect)
    if bind is not None:
        return lambda values: list(map(bind, values))
    return _integers if isinstance(column.type, sa.Integer) else None


def _numbers(values: Sequence[Any]) -> list[Any]:
    """Return numbers as `finite` does."""
    if values[0] is not None:  # a column that begins with None has more of them
        try:
            found = list(map(float, values))
        except TypeError:
            pass
        else:
            if math.isfinite(sum(found)):  # then each of them is
                return found
    return [None if value is None or not math.isfinite(value) else float(value) for value in values]


def _integers(values: Sequence[Any]) -> list[Any]:
    """Return whole numbers of Python: a NumPy integer is bytes to SQLite, and unknown to COPY."""
    return [value if value is None else int(value) for value in values]


def _arrays(values: Sequence[Any]) -> list[Any]:
    return [value if value is None else encode_array(value) for value in values]
