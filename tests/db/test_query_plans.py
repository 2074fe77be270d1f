"""The plans of hot statements: none walks all fits, and none that asks for a key any large table.

PostgreSQL walks small tables whatever their indexes, so it is asked not to where it need not.
"""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from superpos.db import cells, migrate, missing
from superpos.db.engine import Database
from superpos.db.keys import begins
from superpos.db.migrate import upgrade
from superpos.db.results import VIEWS
from superpos.db.tables import joint_fits

KEYS = {
    "activation_results": ("activation_key",),
    "probe_results": ("probe_key", "direction_key"),
    "psm_results": ("psm_key", "target_key", "direction_key"),
    "psm_pairs": ("psm_key",),
    "geometry_results": ("psm_key", "target_key", "direction_key"),
    "geometry_tests": ("psm_key", "target_key"),
    "explained_results": ("psm_key", "target_key"),
    "feature_dimensionality": ("psm_key", "target_key"),
    "joint_results": ("joint_key", "psm_key", "target_key"),
    "fit_weights": ("joint_key", "psm_key"),
    "fit_results": ("fit_key", "joint_key", "psm_key", "target_key"),
    "best_matches": ("fit_key", "joint_key", "psm_key", "target_key"),
}
"""Views to their keys by which a few rows are looked up."""


def of_one_layer(database: Database) -> Any:  # noqa: ARG001 (as the others)
    return sa.text("SELECT AVG(distance_final) FROM best_matches WHERE study = 'small' AND layer = 1")


HOT = {
    "missing cells of a matrix": lambda _: missing._missing(1).where(sa.text("targets.psm_id = 1")),
    "cells of a study": lambda _: sa.text(cells.CELLS.replace(":study_id", "1")),
    "results of a study": lambda _: sa.text(cells.COUNT.replace(":study_id", "1")),
    "best matches of one layer": of_one_layer,
    "a key by its beginning": lambda _: sa.select(joint_fits.c.key).where(begins(joint_fits.c.key, "ab12")),
}
WALKED = {"fits", "joint_fits", "fit_arrays", "importance"}
"""Tables that are large."""
WALKED_FOR_A_KEY = WALKED | {
    "activation_sets", "best_match", "block_targets", "direction_rows", "direction_sets", "measure_tests",
    "probes", "psm_entries", "psm_measures", "psms", "target_explained", "target_features", "targets",
}  # fmt: skip
"""Tables that hold a row of a matrix or more."""
ALIASES = {
    "a": "activation_sets", "bt": "block_targets", "d": "direction_sets", "e": "psm_entries", "f": "fits",
    "gt": "measure_tests", "i": "importance", "jf": "joint_fits", "o": "targets", "ot": "block_targets",
    "p": "psms", "pm": "psm_measures", "pr": "probes", "r": "direction_rows", "ra": "direction_rows",
    "t": "targets", "te": "target_explained", "tf": "target_features",
}  # fmt: skip
"""What views call tables; `x` is a view of ours."""


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
        # A search without a condition in brackets begins at one end: for a least or largest value.
        walks = [
            line for line in lines if line.startswith("SCAN ") or ("SEARCH " in line and "(" not in line)
        ]
        scanned = [line.split()[1] for line in walks]
        return {ALIASES.get(name, name) for name in scanned}


@pytest.mark.parametrize("statement", HOT)
def test_no_hot_statement_walks_a_large_table(open_store: Any, statement: str) -> None:
    store = open_store().everything()
    store.analyse()
    with store.database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    assert not walked(store.database, HOT[statement](store.database)) & WALKED


@pytest.mark.parametrize("upgraded", [False, True], ids=["made new", "upgraded"])
def test_a_row_of_a_view_is_found_by_its_key_and_nothing_walked(open_store: Any, *, upgraded: bool) -> None:
    """In SQL as people write it, and as SQLite plans where nobody has ever run ANALYZE."""
    store = open_store().everything()
    store.analyse()
    database = store.database
    if upgraded:
        with database.write() as connection:
            command.downgrade(migrate._config(connection), "0007")
        upgrade(database)
    if not database.is_sqlite:
        with database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
    for view, keys in KEYS.items():
        for key in keys:
            query = sa.text(f"SELECT * FROM {view} WHERE {key} = '{'ab' * 16}'")  # noqa: S608 (constants)
            assert walked(database, query) & WALKED_FOR_A_KEY == set(), (view, key)


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
