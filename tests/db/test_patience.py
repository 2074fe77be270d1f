"""A database that is away for a while: what was to be written is written once it is back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from superpos.db import engine, patience
from superpos.db.engine import Database
from superpos.db.patience import patiently
from superpos.errors import DatabaseAwayError, DatabaseError

MAKE = "CREATE TABLE IF NOT EXISTS kept (number INTEGER)"


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.scalar(sa.text("SELECT COUNT(*) FROM kept")) or 0)


def insert(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO kept VALUES (1)")


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 20)
    database = Database(f"sqlite:///{tmp_path / 'some.db'}")
    with database.write() as connection:
        connection.exec_driver_sql(MAKE)
    return database


def test_a_file_that_another_process_has_locked_is_waited_for(locked: Database) -> None:
    said: list[str] = []
    with closing(sqlite3.connect(str(locked.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def note(line: str) -> None:
            said.append(line)
            if len(said) == 2:
                other.execute("ROLLBACK")

        patiently(lambda: insert(locked), note)
    assert count(locked) == 1
    assert set(said) == {f"database {locked.label}: database is locked; waiting for it, up to 300 s"}
    locked.dispose()


def test_the_wait_ends_and_a_signal_ends_it_before(locked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with closing(sqlite3.connect(str(locked.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(KeyboardInterrupt):
            patiently(lambda: insert(locked), lambda _: None, stop)
        monkeypatch.setattr(patience, "AWAY_SECONDS", 0.3)
        with pytest.raises(DatabaseError, match=r"is locked; waited \d s; finished work is kept$") as caught:
            patiently(lambda: insert(locked), lambda _: None)
    assert not isinstance(caught.value, DatabaseAwayError)  # nobody waits once more
    assert caught.value.exit_status == 3
    locked.dispose()


def test_a_connection_that_the_server_ends_is_made_again(postgres_url: str) -> None:
    tries: list[int] = []
    with Database(postgres_url) as database:
        with database.write() as connection:
            connection.exec_driver_sql(MAKE)

        def work() -> None:
            with database.write() as connection:
                connection.exec_driver_sql("INSERT INTO kept VALUES (1)")
                tries.append(1)
                if len(tries) == 1:
                    connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

        patiently(work, lambda _: None)
        assert (len(tries), count(database)) == (2, 1)


def test_a_transaction_within_another_is_part_of_it(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(MAKE)

    def fail() -> None:
        with database.write():
            insert(database)
            assert count(database) == 1
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert count(database) == 0
    with database.write():
        insert(database)
        insert(database)
    assert count(database) == 2
