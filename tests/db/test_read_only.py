"""A database that can only be read is read as any other, and every command that writes says what it is."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from superpos.cli.parser import main
from superpos.db.engine import Database
from superpos.db.migrate import require_current, upgrade
from superpos.db.progress import study_progress
from superpos.db.results import VIEWS, Results
from superpos.db.studies import register_study
from superpos.errors import DatabaseError

OVERRIDES = 0b111 << 1
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER: what lets root past the permissions of files."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("rest", ctypes.c_uint32))


@contextlib.contextmanager
def permissions_count() -> Iterator[None]:
    """Let the permissions of files bind root too, as they bind everybody else."""
    if os.geteuid() != 0:
        yield
        return
    assert sys.platform == "linux", "as root, this test needs the capabilities of Linux"
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(0x20080522, 0), (_Sets * 2)()
    assert libc.capget(ctypes.byref(header), sets) == 0
    before = sets[0].effective
    sets[0].effective = before & ~OVERRIDES
    assert libc.capset(ctypes.byref(header), sets) == 0
    try:
        yield
    finally:
        sets[0].effective = before
        assert libc.capset(ctypes.byref(header), sets) == 0


@contextlib.contextmanager
def closed(path: Path, mode: int) -> Iterator[None]:
    """Take the permission to write from a file or a folder for a while."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        with permissions_count():
            yield
    finally:
        path.chmod(before)


@contextlib.contextmanager
def reader_of(database: Database) -> Iterator[str]:
    """Make a role that may read every table, and yield its URL."""
    name = f"reader_{uuid.uuid4().hex}"
    with database.write() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
        connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
    try:
        yield database.url.set(username=name).render_as_string(hide_password=False)
    finally:
        with database.write() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {name}")
            connection.exec_driver_sql(f"DROP ROLE {name}")


@contextlib.contextmanager
def only_readable(database: Database) -> Iterator[str]:
    """Yield a URL under which the database can be read and not written."""
    if not database.is_sqlite:
        with reader_of(database) as url:
            yield url
        return
    database.dispose()
    with closed(Path(database.url.database or ""), 0o444):
        yield database.label


def refusal(url: str, action: Callable[[Database], Any]) -> str:
    handle = Database(url)
    with pytest.raises(DatabaseError) as caught:
        action(handle)
    handle.dispose()
    assert caught.value.exit_status == 3
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_is_read_as_any_other(
    database: Database, open_store: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store().everything()
    store.analyse()
    with Results(database) as results:
        expected = {view: results.frame(view) for view in VIEWS}
    fit_key = expected["fit_results"]["fit_key"][0]
    with only_readable(database) as url:
        with Results.open(url) as results:
            for view, frame in expected.items():
                assert results.frame(view).equals(frame)
                assert len(frame) > 0 or view == "near_copies"
        assert main(["status", "--db", url, "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        done = {stage["stage"]: stage["done"] for stage in said["studies"]["small"]}
        assert done["fits"] == len(expected["fit_results"])
        assert main(["trace", fit_key, "--db", url]) == 0
        assert "fit" in capsys.readouterr().out
        for action in ("check", "current", "upgrade"):
            assert main(["db", action, "--db", url]) == 0
        assert capsys.readouterr().err == ""


def test_what_writes_says_that_it_is_read_only(
    database: Database, open_store: Callable[..., Any], make_plan: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    open_store().everything()
    with only_readable(database) as url:
        said = refusal(url, lambda handle: register_study(handle, make_plan("another")))
        assert "is read-only" in said
        for command in (["retry", "--study", "small"], ["db", "gc"]):
            assert main([*command, "--db", url]) == 3
            out, err = capsys.readouterr()
            assert out == ""
            assert len(err.splitlines()) == 1
            assert "is read-only" in err
    with database.read() as connection:
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM studies")) == 1


def test_a_server_in_read_only_mode_is_said_to_be_one(
    postgres_url: str, make_plan: Callable[..., Any]
) -> None:
    owner = Database(postgres_url)
    upgrade(owner)
    owner.dispose()
    url = sa.make_url(postgres_url).update_query_dict({"options": "-c default_transaction_read_only=on"})
    said = refusal(
        url.render_as_string(hide_password=False), lambda handle: register_study(handle, make_plan())
    )
    assert "is read-only for this role (cannot execute INSERT in a read-only transaction)" in said


def test_tables_that_a_role_may_not_see_are_one_line(postgres_url: str) -> None:
    owner = Database(postgres_url)
    upgrade(owner)
    with reader_of(owner) as url:
        with owner.write() as connection:
            role = sa.make_url(url).username
            connection.exec_driver_sql(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
        assert "may not be used so by this role (permission denied" in refusal(url, require_current)
    owner.dispose()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_reading_a_closed_file_or_folder_makes_nothing_beside_it(
    sqlite: Database, make_plan: Callable[..., Any], what: str
) -> None:
    path = Path(sqlite.url.database or "")
    register_study(sqlite, make_plan())
    sqlite.dispose()
    before = sorted(path.parent.iterdir())
    content = path.read_bytes()
    with closed(path, 0o444) if what == "file" else closed(path.parent, 0o555):
        handle = Database(sqlite.label)
        require_current(handle)
        assert study_progress(handle, "small")
        said = refusal(sqlite.label, lambda one: register_study(one, make_plan("another")))
        assert f"is read-only (no permission to write {'the file' if what == 'file' else 'in the'}" in said
        assert sorted(path.parent.iterdir()) == before
        handle.dispose()
    assert path.read_bytes() == content


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_reader_sees_what_a_writer_at_work_has_committed(
    sqlite: Database, make_plan: Callable[..., Any], what: str
) -> None:
    path = Path(sqlite.url.database or "")
    with sqlite.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 0")
        register_study(sqlite, make_plan())
        assert path.with_name(f"{path.name}-wal").stat().st_size > 0
        with closed(path, 0o444) if what == "file" else closed(path.parent, 0o555):
            handle = Database(sqlite.label)
            assert study_progress(handle, "small")
            handle.dispose()


def test_a_database_is_not_made_where_nothing_may_be_made(tmp_path: Path) -> None:
    with closed(tmp_path, 0o555):
        with pytest.raises(
            DatabaseError, match=r"cannot be made there \(no permission to write in the folder"
        ):
            Database(f"sqlite:///{tmp_path / 'new.db'}")
        assert list(tmp_path.iterdir()) == []


def test_an_older_database_is_not_upgraded_where_it_may_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    handle = Database(f"sqlite:///{path}")
    with handle.write() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")
    handle.dispose()
    with closed(tmp_path, 0o555):
        assert "is read-only (no permission to write in the folder" in refusal(handle.label, upgrade)
        assert [one.name for one in tmp_path.iterdir()] == ["old.db"]
