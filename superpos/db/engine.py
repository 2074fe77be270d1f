"""Open a database: which URL, its checks, and connections that read or write.

SQLite runs in WAL mode with foreign keys on; writers begin IMMEDIATE, for a deferred read that turns into a
write fails "locked" whatever the time-out. A handle refuses to be pickled: workers get data, never an engine
or a secret.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError as UrlError
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from superpos.errors import DatabaseError, InputError

DEFAULT_URL = "sqlite:///superpos.db"
BUSY_TIMEOUT_MS = 60_000


def resolve_url(url: str | None) -> URL:
    """Return the database to use: `url`, else `SUPERPOS_DB_URL`, else a SQLite file in this folder.

    Raises
    ------
    InputError
        If the text is no database URL, names another database system, or carries a password in its query,
        where it would not be masked.
    """
    text = url or os.environ.get("SUPERPOS_DB_URL") or DEFAULT_URL
    try:
        parsed = make_url(text)
    except UrlError as error:
        raise InputError(
            "database URL cannot be read; allowed: sqlite:///FILE, postgresql+psycopg://USER@HOST/NAME"
        ) from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    secret = [key for key in parsed.query if "password" in key.lower() or key.lower() == "passfile"]
    if secret:
        raise InputError(
            f"database URL: {secret[0]!r} in the query is shown unmasked in logs; write "
            "postgresql+psycopg://USER:PASSWORD@HOST/NAME or set PGPASSWORD"
        )
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise InputError(
            f"database URL: {parsed.drivername!r} is not supported; allowed: sqlite, postgresql+psycopg"
        )
    return parsed


class Database:
    """A handle on one database; `read()` and `write()` give connections, each one transaction."""

    def __init__(self, url: str | None = None) -> None:
        self.url = resolve_url(url)
        self.is_sqlite = self.url.drivername == "sqlite"
        self.engine = (
            _sqlite_engine(self.url) if self.is_sqlite else sa.create_engine(self.url, pool_pre_ping=True)
        )

    @property
    def label(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def default_data_folder(self) -> Path:
        """Where activations and data sets lie: `SUPERPOS_DATA_DIR`, else beside the SQLite file."""
        named = os.environ.get("SUPERPOS_DATA_DIR")
        if named:
            return Path(named)
        if self.is_sqlite and self.url.database and self.url.database != ":memory:":
            return Path(self.url.database).resolve().parent / "superpos-data"
        return Path("superpos-data").resolve()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a connection for reading.

        Raises
        ------
        DatabaseError
            If the database cannot be reached.
        """
        with self._errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Yield a connection whose work is committed as a whole, or not at all."""
        with self._errors(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def __reduce__(self) -> NoReturn:
        """Refuse to travel."""
        raise TypeError("a Database does not travel between processes; send data instead")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if isinstance(error, sa.exc.OperationalError):
                reason = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
                raise DatabaseError(f"database {self.label}: {reason}") from error
            raise
        except NoSuchModuleError as error:
            raise DatabaseError(f"database {self.label}: {error}") from error


def _sqlite_engine(url: URL) -> sa.Engine:
    """Return an engine in WAL mode that leaves BEGIN to us."""
    path = Path(url.database or "")
    if url.database and url.database != ":memory:" and not path.parent.exists():
        raise DatabaseError(f"database {url}: folder {path.parent} does not exist; make it first")
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:  # noqa: ARG001 (SQLAlchemy's signature)
        connection.isolation_level = None  # the driver must not open transactions of its own
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    return engine
