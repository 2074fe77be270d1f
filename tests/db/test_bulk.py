"""Many rows at once against SQLAlchemy's own inserts: the same values, and what is there stays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from superpos.db.bulk import insert_many
from superpos.db.engine import Database
from superpos.db.insert import insert_missing
from superpos.db.types import Array, Json, Key, Number, Time

N_ROWS = 120


@pytest.fixture
def table(database: Database) -> sa.Table:
    """A table of every column type, of the database under test."""
    made = sa.Table(
        "bulk",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", Key, nullable=False, unique=True),
        sa.Column("Value", Number),
        sa.Column("count", sa.Integer),
        sa.Column("word", sa.String(20), server_default="given"),
        sa.Column("text", sa.Text),
        sa.Column("data", Array),
        sa.Column("json", Json),
        sa.Column("time", Time),
    )
    with database.write() as connection:
        made.create(connection)
    return made


def row(place: int) -> dict[str, Any]:
    numbers = (0.1 + 0.2, float("nan"), float("inf"), None, -0.0, 5e-324, np.float64(1 / 3), 1e300)
    return {
        "key": place.to_bytes(16, "big"),
        "Value": numbers[place % len(numbers)],
        "count": (None, 3, np.int64(2**31 - 1), np.int32(-1), True)[place % 5],
        "text": ("", "é, tab\there, \\N, line\nbreak, 'quote'", None)[place % 3],
        "data": np.arange(place % 4, dtype=np.float32) if place % 2 else None,
        "json": {"a": [place, None, "ü"]},
        "time": datetime(2026, 11, 30, 12, tzinfo=UTC),
    }


def stored(database: Database, table: sa.Table) -> list[tuple[Any, ...]]:
    query = sa.select(table).order_by(table.c.key)
    with database.read() as connection:
        return [
            tuple(one.tobytes() if isinstance(one, np.ndarray) else one for one in found[1:])
            for found in connection.execute(query)
        ]


def test_values_are_those_of_an_insert_row_by_row(database: Database, table: sa.Table) -> None:
    rows = [row(place) for place in range(N_ROWS)]
    plain = [{**one, "count": None if one["count"] is None else int(one["count"])} for one in rows]
    with database.write() as connection:
        for one in plain:
            connection.execute(table.insert().values(one))
    wanted = stored(database, table)
    with database.write() as connection:
        connection.execute(table.delete())
        insert_many(connection, table, rows)
    assert stored(database, table) == wanted
    assert {found[3] for found in wanted} == {"given"}


def test_rows_that_are_there_stay_and_others_come(database: Database, table: sa.Table) -> None:
    with database.write() as connection:
        insert_missing(connection, table, [{**row(7), "text": "the first"}])
        for _ in range(2):  # in one transaction, twice
            insert_missing(connection, table, [row(place) for place in range(N_ROWS)])
        insert_missing(connection, table, [row(place) for place in range(N_ROWS, N_ROWS + 3)])
        insert_missing(connection, table, [])
    found = {one[0]: one for one in stored(database, table)}
    assert len(found) == N_ROWS + 3
    assert found[row(7)["key"]][4] == "the first"


def test_a_row_that_breaks_a_rule_leaves_nothing(database: Database, table: sa.Table) -> None:
    rows = [row(place) for place in range(N_ROWS)]
    rows[-1]["key"] = None
    with pytest.raises(sa.exc.IntegrityError), database.write() as connection:
        insert_many(connection, table, rows)
    assert stored(database, table) == []
