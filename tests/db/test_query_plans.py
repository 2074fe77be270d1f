"""The plans of hot statements: none walks all fits, on neither database system.

PostgreSQL walks small tables whatever their indexes, so it is asked not to where it need not.
"""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from superpos.db import cells, missing
from superpos.db.engine import Database
from superpos.db.filters import conditions
from superpos.db.keys import begins
from superpos.db.migrate import upgrade
from superpos.db.results import VIEWS, Results
from superpos.db.tables import joint_fits

KEY = f"{'ab' * 16}.{'cd' * 16}"


def by_fit_key(database: Database) -> Any:
    columns = Results(database).columns("fit_results")
    table = sa.table("fit_results", *(sa.column(name) for name in columns))
    return sa.select(table).where(*conditions("fit_results", columns, {"fit_key": KEY}))


def of_one_layer(database: Database) -> Any:  # noqa: ARG001 (as the others)
    return sa.text("SELECT AVG(distance_final) FROM best_matches WHERE study = 'small' AND layer = 1")


HOT = {
    "a fit by its key": by_fit_key,
    "missing cells of a matrix": lambda _: missing._missing(1).where(sa.text("targets.psm_id = 1")),
    "cells of a study": lambda _: sa.text(cells.CELLS.replace(":study_id", "1")),
    "results of a study": lambda _: sa.text(cells.COUNT.replace(":study_id", "1")),
    "best matches of one layer": of_one_layer,
    "a key by its beginning": lambda _: sa.select(joint_fits.c.key).where(begins(joint_fits.c.key, "ab12")),
}
WALKED = {"fits", "joint_fits", "fit_arrays", "importance"}
"""Tables that are large."""


def walked(database: Database, query: Any) -> set[str]:
    """Return the tables that a query reads from end to end."""
    text = str(query.compile(database.engine, compile_kwargs={"literal_binds": True}))
    with database.read() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            lines = connection.exec_driver_sql(f"EXPLAIN {text.replace('%', '%%')}").scalars().all()
            found = [line.split("Seq Scan on ")[1].split() for line in lines if "Seq Scan on " in line]
            return {words[0] for words in found}
        lines = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
        names = {"f": "fits", "jf": "joint_fits"}
        # A search without a condition in brackets begins at one end: for a least or largest value.
        walks = [
            line for line in lines if line.startswith("SCAN ") or ("SEARCH " in line and "(" not in line)
        ]
        scanned = [line.split()[1] for line in walks]
        return {names.get(name, name) for name in scanned}


@pytest.mark.parametrize("statement", HOT)
def test_no_hot_statement_walks_a_large_table(open_store: Any, statement: str) -> None:
    store = open_store().everything()
    store.analyse()
    with store.database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    assert not walked(store.database, HOT[statement](store.database)) & WALKED


def test_a_walk_is_seen(open_store: Any) -> None:
    database = open_store().everything().database
    assert "fits" in walked(
        database, sa.text("SELECT MAX(distance_final) FROM fits WHERE distance_drift > 3")
    )


@pytest.mark.parametrize("view", [name for name in VIEWS if name != "runs"])
def test_no_view_tries_all_directions_of_a_data_set_with_every_target(sqlite: Database, view: str) -> None:
    """Nothing ever runs ANALYZE: SQLite guesses. 73,000 targets times 73,000 directions never ended."""
    upgrade(sqlite)
    with sqlite.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE study = 'small'")  # noqa: S608
        lines = [row[3] for row in plan]
    assert len(lines) > 1
    assert [line for line in lines if "ix_direction_sets_dataset_id" in line] == []
