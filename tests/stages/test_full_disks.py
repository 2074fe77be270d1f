"""A database whose disk is full: one line, everything finished is kept, and the same command continues."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from matrix_study import NAME, Grid
from tiny_study import count, read_views, run_tiny

from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.errors import DatabaseAwayError, DatabaseError

FULL = """CREATE FUNCTION full_disk() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END
$$ LANGUAGE plpgsql"""
ON_FITS = "CREATE TRIGGER full_disk BEFORE INSERT ON fits EXECUTE FUNCTION full_disk()"
GRID = Grid(True, True, True, True, True)


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, list[tuple[str, ...]]]:
    """The views of the study where there is room."""
    with Database(f"sqlite:///{tmp_path / 'undisturbed.db'}") as database:
        ensure_current(database)
        run_tiny(database, GRID.plan(tmp_path))
        return read_views(database, NAME)


def refused(database: Database, folder: Path, says: str) -> None:
    with pytest.raises(DatabaseError, match=says) as caught:
        run_tiny(database, GRID.plan(folder), data_folder=folder / "data")
    assert not isinstance(caught.value, DatabaseAwayError)  # it does not pass by itself
    assert caught.value.exit_status == 3
    assert "\n" not in str(caught.value)


def test_sqlite(tmp_path: Path, wanted: dict[str, list[tuple[str, ...]]]) -> None:
    url = f"sqlite:///{tmp_path / 'full.db'}"
    with Database(url) as database:
        ensure_current(database)
        with database.read() as connection:
            connection.exec_driver_sql("VACUUM")  # pages of tables that were made anew are free

        @sa.event.listens_for(database.engine, "connect")
        def fill(connection: sa.PoolProxiedConnection, _: object) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + 1}")
            cursor.close()

        database.dispose()
        refused(database, tmp_path, "database or disk is full$")
    with Database(url) as database:
        kept = count(database, "joint_fits")
        run_tiny(database, GRID.plan(tmp_path), data_folder=tmp_path / "data")
        assert read_views(database, NAME) == wanted
        assert count(database, "joint_fits", "run_id = 1") == kept
        assert count(database, "leases") == 0


def test_postgresql(postgres_url: str, tmp_path: Path, wanted: dict[str, list[tuple[str, ...]]]) -> None:
    with Database(postgres_url) as database:
        ensure_current(database)
        with database.write() as connection:
            connection.exec_driver_sql(FULL)
            connection.exec_driver_sql(ON_FITS)
        refused(database, tmp_path, "No space left on device$")
        with database.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER full_disk ON fits")
        assert count(database, "fits") == 0
        assert count(database, "psms") > 0
        run_tiny(database, GRID.plan(tmp_path), data_folder=tmp_path / "data")
        assert read_views(database, NAME) == wanted
        assert count(database, "leases") == 0
