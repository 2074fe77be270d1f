"""A signal ends a statement that would go on for ever; what was committed before stays."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from superpos.cli.interrupt import Interruption
from superpos.db.engine import Database

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
STEP = 0.2
"""Seconds that a statement has to begin, which it need not: a signal before it ends it too."""


def endless(database: Database) -> str:
    return ENDLESS if database.is_sqlite else "SELECT pg_sleep(1000000)"


@contextmanager
def signalled(database: Database, number: int) -> Iterator[Interruption]:
    """Send a signal once the first endless statement has begun."""
    begun = threading.Event()

    @sa.event.listens_for(database.engine, "before_cursor_execute")
    def seen(connection: Any, cursor: Any, statement: str, *_: Any) -> None:  # noqa: ARG001
        if statement == endless(database):
            begun.set()

    def send() -> None:
        begun.wait()
        threading.Event().wait(STEP)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    with Interruption() as interruption:
        thread.start()
        try:
            yield interruption
        finally:
            thread.join()


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(sa.text("SELECT name FROM kept ORDER BY name")))


@pytest.fixture
def kept(database: Database) -> Database:
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (name VARCHAR(20))")
        connection.exec_driver_sql("INSERT INTO kept VALUES ('before')")
    return database


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_statement_that_reads(kept: Database, number: int) -> None:
    with signalled(kept, number) as interruption:
        with pytest.raises(KeyboardInterrupt), kept.read() as connection:
            connection.exec_driver_sql(endless(kept))
        assert interruption.number == number
    assert names(kept) == ["before"]


def test_a_transaction_is_undone_and_the_next_one_works(kept: Database) -> None:
    def change() -> None:
        with kept.write() as connection:
            connection.exec_driver_sql("INSERT INTO kept VALUES ('undone')")
            connection.exec_driver_sql(endless(kept))

    with signalled(kept, signal.SIGINT), pytest.raises(KeyboardInterrupt):
        change()
    with kept.write() as connection:
        connection.exec_driver_sql("INSERT INTO kept VALUES ('later')")
    assert names(kept) == ["before", "later"]


def test_a_frame_that_is_read_ends_too(kept: Database) -> None:
    with signalled(kept, signal.SIGINT), pytest.raises(KeyboardInterrupt), kept.read() as connection:
        pd.read_sql_query(sa.text(endless(kept)), connection)
    assert names(kept) == ["before"]


def test_other_errors_stay_what_they_are(kept: Database) -> None:
    with pytest.raises(ValueError, match="ours"), kept.read():
        raise ValueError("ours")
