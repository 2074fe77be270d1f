"""Insert what is not there yet, and look ids up by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from superpos.db.bulk import FEWEST_COPIED, insert_many
from superpos.db.engine import Database

Value = TypeVar("Value")

BATCH = 500
"""Values in one IN list, far below the limits of both database systems."""


def parts(ids: Iterable[Value], size: int = BATCH) -> Iterator[list[Value]]:
    """Yield ids or keys in lists of `size` at most, which fit into one statement."""
    wanted = list(ids)
    for first in range(0, len(wanted), size):
        yield wanted[first : first + size]


def insert_missing(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; one whose unique key exists already is left as it is."""
    if not rows:
        return
    if connection.dialect.name == "sqlite" or len(rows) >= FEWEST_COPIED:
        insert_many(connection, table, rows)
        return
    statement = postgresql.insert(table).on_conflict_do_nothing()
    connection.execute(statement, [dict(row) for row in rows])


def still_planned(database: Database, table: sa.Table, keys: Iterable[bytes]) -> set[bytes]:
    """Return which of these rows have no result yet."""
    c = table.c
    with database.read() as connection:
        return {
            key
            for some in parts(keys)
            for key in connection.scalars(sa.select(c.key).where(c.key.in_(some), c.status == "planned"))
        }


def ids_by_key(
    connection: sa.Connection, table: sa.Table, id_column: str, keys: Iterable[bytes]
) -> dict[bytes, int]:
    """Return the integer id of every key that the table holds."""
    wanted = list(dict.fromkeys(keys))
    found: dict[bytes, int] = {}
    for first in range(0, len(wanted), BATCH):
        part = wanted[first : first + BATCH]
        query = sa.select(table.c.key, table.c[id_column]).where(table.c.key.in_(part))
        found.update({row[0]: row[1] for row in connection.execute(query)})
    return found
