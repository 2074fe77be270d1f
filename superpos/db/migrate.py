"""Schema revisions: which one a database has, and how it gets to the newest.

Alembic is imported for an upgrade alone: every command asks for the revision, and few change it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from superpos.db.commits import Commit, reached
from superpos.db.engine import Database, take_turns
from superpos.db.metadata import VERSIONS
from superpos.errors import DatabaseError

if TYPE_CHECKING:
    from alembic.config import Config


def _folder() -> Path:
    """Return the migrations: inside an installed wheel, else at the root of the checkout."""
    inside = Path(__file__).resolve().parent.parent / "_migrations"
    return inside if inside.is_dir() else inside.parent.parent / "migrations"


def _config(connection: sa.Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    """Return the revision this version of the package works with."""
    return max(revisions())


def revisions() -> set[str]:
    """Return every revision that this version knows; files of migrations begin with theirs."""
    return {path.name[:4] for path in (_folder() / "versions").glob("[0-9][0-9][0-9][0-9]_*.py")}


def current_revision(database: Database) -> str | None:
    """Return the revision of a database, None for an empty one.

    Raises
    ------
    DatabaseError
        If it cannot be reached, or holds tables that are not ours.
    """
    with database.read() as connection:
        tables = sa.inspect(connection).get_table_names()
        revision = _stated(connection) if VERSIONS in tables else None
    if revision is None and [name for name in tables if name != VERSIONS]:
        raise DatabaseError(
            f"database {database.label}: holds tables of something else ({', '.join(tables[:3])})"
        )
    return revision


def _stated(connection: sa.Connection) -> str | None:
    """Return the revision that a database states."""
    found: str | None = connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(VERSIONS)))
    return found


def ensure_current(database: Database) -> None:
    """Create an empty database at the newest revision; refuse one at another revision.

    Raises
    ------
    DatabaseError
        Saying which revision the database has and what to do.
    """
    revision, newest = current_revision(database), newest_revision()
    if revision is None:
        upgrade(database)
    elif revision != newest:
        _refuse_unknown(database, revision)
        raise DatabaseError(
            f"database {database.label}: is at schema revision {revision}, this version needs {newest}; "
            "run `superpos db upgrade`"
        )


def _refuse_unknown(database: Database, revision: str) -> None:
    """Refuse a database that a later version of the package has made."""
    if revision not in revisions():
        raise DatabaseError(
            f"database {database.label}: is at schema revision {revision}, which this version does not know "
            f"(newest: {newest_revision()}); install a later version of superpos"
        )


def require_current(database: Database) -> None:
    """Refuse an empty database as well as one at another revision; for commands that only read."""
    if database.is_sqlite and not Path(database.url.database or "").exists():
        raise DatabaseError(
            f"database {database.label}: no such file; run a study first, or name one with --db"
        )
    if current_revision(database) is None:
        raise DatabaseError(f"database {database.label}: is empty; run a study first")
    ensure_current(database)


def create_at(database: Database, revision: str) -> None:
    """Create an empty database at an older revision, for rows that an archive of that revision holds."""
    from alembic import command

    with database.write(Commit.IMPORT) as connection:
        command.upgrade(_config(connection), revision)


Counted = Callable[[Mapping[str, int], Mapping[str, int]], None]
"""Is told the rows by table before and after an upgrade, once it is sure to be kept."""


def upgrade(database: Database, counted: Counted | None = None) -> tuple[str | None, str]:
    """Bring a database to the newest revision; return the revisions before and after.

    One process at a time does so, others wait for it. A SQLite file with results is copied beside itself
    first. Foreign keys are off while tables are rebuilt (on, they would silently delete child rows), and
    checked before the transaction ends.

    Raises
    ------
    DatabaseError
        If rows were lost or a reference dangles (the database is then as before), if the file cannot be
        copied, or if a later version of the package has made it.
    """
    before = current_revision(database)
    if before == newest_revision():
        return before, before
    if before is not None:
        _refuse_unknown(database, before)
    database.require_writable()
    try:
        _upgrade(database, counted)
    finally:
        database.dispose()  # with the connection that has its foreign keys off
    return before, newest_revision()


def _back_up(database: Database, revision: str) -> None:
    """Copy a SQLite file beside itself, with what still lies in its write-ahead log.

    The copy has its name once it is whole and on the disk: a kill leaves a `.part` behind, no broken copy.
    """
    path = Path(database.url.database or "")
    copy = path.with_name(f"{path.name}.{revision}.backup")
    part = copy.with_name(f"{copy.name}.part")
    try:
        part.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(copy)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise DatabaseError(
            f"database {database.label}: cannot be copied to {copy.name} before its upgrade ({reason}); "
            "nothing was changed"
        ) from error


def _upgrade(database: Database, counted: Counted | None) -> None:
    from alembic import command

    with database.read() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.rollback()
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        take_turns(connection, "upgrade")
        reached(Commit.UPGRADE, "opened")
        found = _stated(connection) if sa.inspect(connection).has_table(VERSIONS) else None
        if found == newest_revision():  # another process was first
            connection.rollback()
            return
        if found is not None and database.is_sqlite:
            _back_up(database, found)  # what is locked, so that no other process changes it meanwhile
        before = _row_counts(connection)
        command.upgrade(_config(connection), "head")
        after = _row_counts(connection)
        lost = [name for name, count in after.items() if count < before.get(name, 0)]
        dangling = database.is_sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if lost or dangling:
            connection.rollback()
            raise DatabaseError(
                f"database {database.label}: upgrade would lose rows of {', '.join(lost) or dangling}"
            )
        reached(Commit.UPGRADE, "before")
        connection.commit()
        reached(Commit.UPGRADE, "after")
    if counted is not None:
        counted(before, after)


def _row_counts(connection: sa.Connection) -> dict[str, int]:
    names = [name for name in sa.inspect(connection).get_table_names() if name != VERSIONS]
    quote = connection.dialect.identifier_preparer.quote
    return {
        name: int(connection.scalar(sa.text(f"SELECT COUNT(*) FROM {quote(name)}")) or 0)  # noqa: S608 (names from the catalogue)
        for name in names
    }


def check(database: Database) -> list[str]:
    """Return what is wrong with a database; empty when all is well."""
    from superpos.db.drift import drifted

    problems: list[str] = []
    revision, newest = current_revision(database), newest_revision()
    if revision != newest:
        problems.append(f"schema revision {revision or 'none'}, needed {newest}: run `superpos db upgrade`")
        return problems
    with database.read() as connection:
        if database.is_sqlite:
            integrity = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            if integrity != "ok":
                problems.append(f"SQLite integrity check: {integrity}")
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            problems.extend(f"table {row[0]}: row {row[1]} refers to nothing in {row[2]}" for row in dangling)
        problems.extend(drifted(connection))
    return problems
