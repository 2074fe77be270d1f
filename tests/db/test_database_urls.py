"""Which database is meant, and one line for every URL that cannot be used."""

from __future__ import annotations

import copy
import pickle
import socket
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from superpos.db.engine import Database, resolve_url
from superpos.db.migrate import current_revision, ensure_current, require_current
from superpos.errors import DatabaseError, InputError

SECRET = "hunter2"


def test_the_argument_goes_before_the_environment_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUPERPOS_DB_URL", raising=False)
    assert resolve_url(None).render_as_string() == "sqlite:///superpos.db"
    monkeypatch.setenv("SUPERPOS_DB_URL", "sqlite:///other.db")
    assert resolve_url(None).database == "other.db"
    assert resolve_url("sqlite:///mine.db").database == "mine.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_takes_the_installed_driver(scheme: str) -> None:
    url = resolve_url(f"{scheme}://user@host:5433/name")
    assert url.render_as_string() == "postgresql+psycopg://user@host:5433/name"


@pytest.mark.parametrize("key", ["password", "PASSWORD", "sslpassword", "passfile"])
def test_a_password_in_the_query_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(InputError, match=r"^database URL: .* in the query is shown unmasked") as caught:
        resolve_url(f"postgresql://user@host/name?{key}={SECRET}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "driver", ["mysql", "postgresql+psycopg2", "postgresql+asyncpg", "sqlite+aiosqlite", "duckdb"]
)
def test_other_drivers_are_refused_by_name(driver: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_url(f"{driver}://user:{SECRET}@host/name")
    assert (
        str(caught.value) == f"database URL: {driver!r} is not supported; allowed: sqlite, postgresql+psycopg"
    )


@pytest.mark.parametrize("text", ["superpos.db", "://", f"postgresql://user:{SECRET}@host:port/name"])
def test_what_is_no_url_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(InputError, match=r"^database URL cannot be read; allowed: sqlite:///FILE") as caught:
        resolve_url(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("text", ["sqlite://", "sqlite:///:memory:", "sqlite:///file::memory:?uri=true"])
def test_databases_in_memory_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"names no file; allowed: sqlite:///FILE$"):
        resolve_url(text)


def test_the_label_masks_the_password() -> None:
    database = Database(f"postgresql://user:{SECRET}@host/name")
    assert database.label == "postgresql+psycopg://user:***@host/name"
    assert SECRET not in repr(database.url)


def test_an_unreachable_server_is_one_line_with_exit_status_3() -> None:
    with socket.socket() as listener:  # a port that nobody serves
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        with pytest.raises(DatabaseError, match=r"^database postgresql\+psycopg://user:\*\*\*@127") as caught:
            ensure_current(Database(f"postgresql://user:{SECRET}@127.0.0.1:{port}/name?connect_timeout=2"))
    assert caught.value.exit_status == 3
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_database_that_the_server_does_not_have(postgres_url: str) -> None:
    with pytest.raises(DatabaseError, match="does not exist"):
        ensure_current(Database(f"{postgres_url.partition('?')[0]}_none?{postgres_url.partition('?')[2]}"))


def test_a_missing_folder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"folder .*absent does not exist; make it first$") as caught:
        Database(f"sqlite:///{tmp_path / 'absent' / 'x.db'}")
    assert caught.value.exit_status == 3


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100, encoding="utf-8")
    with pytest.raises(DatabaseError, match=r"notes\.txt: file is not a database$"):
        ensure_current(Database(f"sqlite:///{path}"))
    assert path.read_text(encoding="utf-8").startswith("not a database")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="unable to open database file"):
        current_revision(Database(f"sqlite:///{tmp_path}"))


def test_commands_that_read_make_no_file(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(DatabaseError, match=r"no such file; run a study first"):
        require_current(Database(f"sqlite:///{path}"))
    assert not path.exists()


def test_files_lie_beside_the_database_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUPERPOS_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert Database(f"sqlite:///{tmp_path / 'x.db'}").default_data_folder == tmp_path / "superpos-data"
    assert Database("sqlite:///x.db").default_data_folder == tmp_path / "superpos-data"
    assert Database("postgresql://host/name").default_data_folder == tmp_path / "superpos-data"
    monkeypatch.setenv("SUPERPOS_DATA_DIR", "/data/here")
    assert Database("postgresql://host/name").default_data_folder == Path("/data/here")


def test_a_database_does_not_travel(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    for move in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="does not travel between processes; send data instead"):
            move(database)


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    with pytest.raises(sa.exc.IntegrityError), database.write() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1), (1)")
    with suppress(KeyboardInterrupt), database.write() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        raise KeyboardInterrupt
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (2)")
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT x FROM t").scalars().all() == [2]


def test_sqlite_is_opened_for_many_readers_and_one_writer(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    with database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 60_000, "synchronous": 1}
    database.dispose()
