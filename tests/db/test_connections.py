"""Connections end with the handle that made them, and with the command that made the handle."""

from __future__ import annotations

import gc
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import superpos
from superpos.__main__ import main
from superpos.db import engine
from superpos.db.engine import Database
from superpos.db.migrate import ensure_current
from superpos.db.results import Results
from superpos.errors import DatabaseError

pytestmark = pytest.mark.stdlib


@pytest.fixture
def file(tmp_path: Path, migrated_file: Path) -> Path:
    path = tmp_path / "superpos.db"
    shutil.copyfile(migrated_file, path)
    return path


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Connections have to be closed, not found to be lost."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def open_connections() -> list[sqlite3.Connection]:
    found = []
    for thing in gc.get_objects():
        if issubclass(type(thing), sqlite3.Connection):  # `isinstance` would ask proxies for their class
            try:
                thing.total_changes  # noqa: B018 -- raises if it is closed
            except sqlite3.ProgrammingError:
                continue
            found.append(thing)
    return found


def test_an_open_connection_is_seen(file: Path) -> None:
    before = len(open_connections())
    with closing(sqlite3.connect(file)):
        assert len(open_connections()) == before + 1
    assert len(open_connections()) == before


def test_a_handle_closes_its_connections(file: Path) -> None:
    before = len(open_connections())
    with Database(f"sqlite:///{file}") as database:
        ensure_current(database)
        assert len(open_connections()) > before
    assert len(open_connections()) == before


def test_so_does_one_that_is_let_go(file: Path) -> None:
    before = len(open_connections())
    names = superpos.connect(f"sqlite:///{file}").studies()
    assert names == ()
    assert len(open_connections()) == before


def test_so_does_one_that_is_refused(tmp_path: Path) -> None:
    before = len(open_connections())
    (tmp_path / "notes.txt").write_text("not a database " * 100, encoding="utf-8")
    with pytest.raises(DatabaseError, match="file is not a database") as caught:
        Results.open(f"sqlite:///{tmp_path / 'notes.txt'}")
    assert caught.value.exit_status == 3
    assert len(open_connections()) == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["status"], 0),
        (["status", "--study", "none"], 2),
        (["retry", "--study", "none"], 2),
        (["trace", 32 * "0"], 2),
        (["db", "check"], 0),
        (["db", "current"], 0),
        (["db", "gc"], 0),
        (["db", "upgrade"], 0),
        (["plan", "demo"], 0),
        (["report", "--study", "none", "--out", "report"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_commands_leave_no_connection_open(
    arguments: list[str], expected: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    before = len(open_connections())
    assert main([*arguments, "--db", f"sqlite:///{file}"]) == expected
    assert len(open_connections()) == before


def test_a_sqlite_without_mathematics_gets_its_square_root(file: Path) -> None:
    # Some builds lack SQRT, which views call.
    class Bare:
        def execute(self, query: str) -> None:
            raise sqlite3.OperationalError(f"no such function: SQRT ({query})")

    with closing(sqlite3.connect(file)) as connection:
        calls: list[str] = []
        connection.set_trace_callback(calls.append)
        engine._with_square_roots(connection, connection.cursor())
        assert calls == ["SELECT SQRT(1.0)"]
        engine._with_square_roots(connection, Bare())
        assert connection.execute("SELECT SQRT(NULL), SQRT(2.0)").fetchone() == (None, 2.0**0.5)
        assert connection.execute("SELECT rms_moved FROM fit_results").fetchall() == []
