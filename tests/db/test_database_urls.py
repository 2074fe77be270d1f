"""Which database is meant, and one line for every URL that cannot be used."""

from __future__ import annotations

import copy
import pickle
import socket
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from superpos.cli.parser import main
from superpos.db.engine import Database
from superpos.db.migrate import current_revision, ensure_current, require_current
from superpos.db.urls import resolve_url
from superpos.errors import DatabaseError, InputError
from superpos.storage import chosen

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


@pytest.mark.parametrize(
    "key", ["password", "PASSWORD", "sslpassword", "passfile", "oauth_client_secret", "scram_client_key"]
)
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


@pytest.mark.parametrize(
    ("text", "behind"),
    [
        ("sqlite:///q?x.db", "'?x.db' stands behind 'q'"),
        ("sqlite:///r.db?mode=ro", "'?mode=ro' stands behind 'r.db'"),
        ("sqlite:///r.db?timeout=5", "'?timeout=5' stands behind 'r.db'"),
        ("sqlite:///r.db?uri=true&mode=ro", "'?uri=true&mode=ro' stands behind 'r.db'"),
    ],
)
def test_a_sqlite_url_ends_with_its_file(
    text: str,
    behind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["status", "--db", text]) == 2
    assert capsys.readouterr().err == (
        f"superpos: database URL: a SQLite URL ends with its file, and {behind}; allowed: sqlite:///FILE "
        "without options, and no ? in the name\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["sqlite://host/x.db", f"sqlite://user:{SECRET}@/x.db", "sqlite://host:5/x.db"]
)
def test_a_sqlite_url_has_no_host_and_no_user(text: str) -> None:
    with pytest.raises(InputError, match=r"^database URL: a SQLite URL has no host, port or user") as caught:
        resolve_url(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("bogus=1", "'bogus' is no connection option of PostgreSQL; allowed: "),
        ("autocommit=1", "'autocommit' is no connection option of PostgreSQL"),
        ("conect_timeout=3", "(did you mean 'connect_timeout'?)"),
        ("x", "'x' is no connection option of PostgreSQL"),
        ("sslmode", "the option 'sslmode' has no value"),
        ("sslmode=", "the option 'sslmode' has no value"),
        ("port=abc", "Received non-integer port arguments"),
        ("host=one:1&host=two&port=3,4,5", "port"),
    ],
)
def test_options_that_postgresql_does_not_have(
    query: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--db", f"postgresql://user:{SECRET}@localhost/name?{query}"]) == 2
    line = capsys.readouterr().err
    assert line.startswith("superpos: database URL: ")
    assert said in line
    assert len(line.splitlines()) == 1
    assert SECRET not in line


@pytest.mark.parametrize(
    "query",
    ["connect_timeout=abc", "sslmode=sometimes", "options=-c+bogus%3D1", "client_encoding=x"],
)
def test_values_that_postgresql_does_not_take(
    query: str, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--db", f"{postgres_url}&{query}"]) == 3
    line = capsys.readouterr().err
    assert line.startswith("superpos: database postgresql+psycopg://")
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("query", ["connect_timeout=9&application_name=superpos", "host=one&host=two"])
def test_options_of_the_client_library_are_taken(query: str) -> None:
    url = resolve_url(f"postgresql://user:p?w@host/name?{query}")
    assert (url.password, url.database) == ("p?w", "name")
    assert url.query


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


def test_a_name_that_no_file_can_have_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"cannot be opened \(File name too long\)$"):
        Database(f"sqlite:///{tmp_path / ('x' * 300)}.db")
    with pytest.raises(DatabaseError, match=r"cannot be opened \(File name too long\)$"):
        Database(f"sqlite:///{tmp_path}/{'x' * 300}/x.db")
    with pytest.raises(InputError, match="names no file"):
        resolve_url("sqlite:///a%00b.db")


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
    assert chosen(Database("postgresql://host/name").default_data_folder) == Path("/data/here")


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
