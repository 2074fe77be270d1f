"""Open a database: which URL, its checks, and connections that read or write.

SQLite runs in WAL mode with foreign keys on; writers begin IMMEDIATE, for a deferred read that turns into a
write fails "locked" whatever the time-out. A handle refuses to be pickled: workers get data, never an engine
or a secret.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError as UrlError
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from superpos.errors import DatabaseError, InputError

DEFAULT_URL = "sqlite:///superpos.db"
BUSY_TIMEOUT_MS = 60_000
CONNECT_TIMEOUT_S = 30
"""How long a PostgreSQL server may take to answer, unless the URL says otherwise (`?connect_timeout=5`)."""


def resolve_url(url: str | None) -> URL:
    """Return the database to use: `url`, else `SUPERPOS_DB_URL`, else a SQLite file in this folder.

    Raises
    ------
    InputError
        If the text is no database URL, names another database system or no file, or carries a password in
        its query, where it would not be masked.
    """
    text = url or os.environ.get("SUPERPOS_DB_URL") or DEFAULT_URL
    try:
        parsed = make_url(text)
    except (UrlError, ValueError) as error:  # the second for a port that is no number
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
    if parsed.drivername == "sqlite" and (parsed.database or ":memory:").startswith((":memory:", "file:")):
        raise InputError(f"database URL: {parsed} names no file; allowed: sqlite:///FILE")
    return parsed


class Database:
    """A handle on one database; `read()` and `write()` give connections, each one transaction.

    Used with `with`, it closes its connections at the end of the block; a handle that is let go without that
    closes them too.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = resolve_url(url)
        self.is_sqlite = self.url.drivername == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        weakref.finalize(self, self.engine.dispose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dispose()

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
        if self.is_sqlite and self.url.database:
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
            # The driver's own DatabaseError is what SQLite says of a file that is no database.
            if isinstance(error, sa.exc.OperationalError) or type(error) is sa.exc.DatabaseError:
                reason = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
                raise DatabaseError(f"database {self.label}: {reason}") from error
            raise
        except NoSuchModuleError as error:
            raise DatabaseError(f"database {self.label}: {error}") from error


def take_turns(connection: sa.Connection, what: str) -> None:
    """Wait until no other transaction holds the turn called `what`, and hold it until this one ends.

    For check-then-write on PostgreSQL, where two transactions could both find nothing and both write; the
    writers of SQLite are alone anyway.
    """
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(f"superpos {what}".encode()).digest()[:8], "big", signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def _postgresql_engine(url: URL) -> sa.Engine:
    """Return an engine that finds dead connections and does not wait for ever for a silent host."""
    waits = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT_S}
    return sa.create_engine(url, pool_pre_ping=True, connect_args=waits)


def _sqlite_engine(url: URL) -> sa.Engine:
    """Return an engine in WAL mode that leaves BEGIN to us."""
    path = Path(url.database or "")
    if not path.parent.exists():
        raise DatabaseError(f"database {url}: folder {path.parent} does not exist; make it first")
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:  # noqa: ARG001 (SQLAlchemy's signature)
        connection.isolation_level = None  # the driver must not open transactions of its own
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
                cursor.execute("PRAGMA journal_mode = WAL")
                cursor.execute("PRAGMA synchronous = NORMAL")
                cursor.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()  # the pool never sees it
            raise

    return engine
