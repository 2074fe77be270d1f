"""Open a database: connections that read or write, and what cannot be opened or written in one line.

SQLite runs in WAL mode with foreign keys on; writers begin IMMEDIATE, for a deferred read that turns into a
write fails "locked" whatever the time-out. A handle refuses to be pickled: workers get data, never an engine
or a secret.
"""

from __future__ import annotations

import hashlib
import logging
import math
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from superpos.db.commits import Commit, reached
from superpos.db.file_systems import why_refused
from superpos.db.lease_time import lease_seconds
from superpos.db.read_only import NOT_PERMITTED, open_for_reading, why_read_only
from superpos.db.urls import resolve_url
from superpos.errors import DatabaseAwayError, DatabaseError
from superpos.reading.places import is_there

BUSY_TIMEOUT_MS = 60_000
CONNECT_TIMEOUT_S = 30
"""How long a PostgreSQL server may take to answer, unless the URL says otherwise (`?connect_timeout=5`)."""
STEPS_BETWEEN_SIGNALS = 1_000_000
"""Steps of SQLite's machine, some 0.05 s, after which a statement that goes on lets signals be handled."""
AWAY = ("08", "40001", "40P01", "53300", "55P03", "57P")
"""Beginnings of SQLSTATEs after which the same transaction may succeed (PostgreSQL's manual, appendix A)."""


class Database:
    """A handle on one database; `read()` and `write()` give connections, each one transaction.

    Used with `with`, it closes its connections at the end of the block; a handle that is let go without that
    closes them too.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = resolve_url(url)
        self.is_sqlite = self.url.drivername == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        self._open = threading.local()  # the transaction of each thread that writes
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
        """Where activations and data sets lie unless the user says otherwise: beside the SQLite file."""
        if self.is_sqlite and self.url.database:
            return Path(self.url.database).resolve().parent / "superpos-data"
        return Path("superpos-data").resolve()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Yield a connection for reading; within `write` that of the transaction.

        Raises
        ------
        DatabaseError
            If the database cannot be reached; `DatabaseAwayError` if it may be back soon.
        """
        if (joined := self._joined()) is not None:
            yield joined
            return
        with self._errors(), self._connect() as connection:
            yield connection

    @contextmanager
    def write(self, commit: Commit | None = None) -> Iterator[sa.Connection]:
        """Yield a connection whose work is committed as a whole, or not at all.

        Within another `write` of this thread it is part of that transaction, which alone is committed.

        Parameters
        ----------
        commit
            What the transaction is for; the product names every one (`superpos.db.commits`).

        Raises
        ------
        DatabaseError
            If the database cannot be reached, or can only be read; `DatabaseAwayError` if the same
            transaction may succeed soon.
        """
        if (joined := self._joined()) is not None:
            yield joined
            return
        self.require_writable()
        with self._errors(writing=True), self._connect() as connection:
            self._begin(connection)
            self._open.connection = connection
            try:
                reached(commit, "opened")
                yield connection
                reached(commit, "before")
            except BaseException:
                connection.rollback()
                raise
            finally:
                self._open.connection = None
            connection.commit()
            reached(commit, "after")

    def _begin(self, connection: sa.Connection) -> None:
        """Begin a transaction that writes, and whose locks nobody waits for longer than for a lease."""
        if self.is_sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:  # a stopped process says nothing, and its server would keep what it has locked for ever
            idle = round(1000 * lease_seconds())
            connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {idle}")

    def _joined(self) -> sa.Connection | None:
        """Return the connection of the transaction that this thread has open."""
        return getattr(self._open, "connection", None)

    def require_writable(self) -> None:
        """Refuse a database that can only be read, as far as that shows before something is written.

        Raises
        ------
        DatabaseError
            Saying what may not be written: the SQLite file, or its folder, where the log of changes lies.
        """
        reason = why_read_only(Path(self.url.database or "")) if self.is_sqlite else ""
        if reason:
            raise DatabaseError(f"database {self.label}: is read-only ({reason}); this command writes to it")

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def __reduce__(self) -> NoReturn:
        """Refuse to travel."""
        raise TypeError("a Database does not travel between processes; send data instead")

    def _connect(self) -> sa.Connection:
        """Return a new connection; whatever is wrong with the URL shows here."""
        try:
            return self.engine.connect()
        except DBAPIError as error:
            raise self._unusable(error) from error
        except (SQLAlchemyError, OSError, ValueError) as error:
            raise DatabaseError(f"database {self.label}: {error}") from error

    @contextmanager
    def _errors(self, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            reason = _reason(error)
            if _interrupted(error):
                raise KeyboardInterrupt from error
            if getattr(error.orig, "sqlstate", None) in NOT_PERMITTED:
                what = "is read-only for this role" if writing else "may not be used so by this role"
                raise DatabaseError(f"database {self.label}: {what} ({reason})") from error
            # The driver's own DatabaseError is what SQLite says of a file that is no database.
            if (
                isinstance(error, sa.exc.OperationalError)
                or type(error) is sa.exc.DatabaseError
                or error.connection_invalidated
            ):
                raise self._unusable(error) from error
            raise
        except Exception as error:
            if _interrupted(error.__cause__):  # pandas puts errors of its own before those of SQLAlchemy
                raise KeyboardInterrupt from error
            raise

    def _unusable(self, error: DBAPIError) -> DatabaseError:
        kind = DatabaseAwayError if _may_come_back(error) else DatabaseError
        return kind(f"database {self.label}: {_reason(error)}")


def _interrupted(error: BaseException | None) -> bool:
    """Whether SQLite ended a statement because a signal had come in the middle of it (`_let_signals_in`)."""
    found = error.orig if isinstance(error, DBAPIError) else None
    return getattr(found, "sqlite_errorname", "") == "SQLITE_INTERRUPT"


def _reason(error: DBAPIError) -> str:
    """Return the first line of what the driver says."""
    lines = str(error.orig).strip().splitlines() if error.orig else []
    return lines[0] if lines else type(error).__name__


def _may_come_back(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed later: a restarted server, a locked file."""
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or state.startswith(AWAY)


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
    logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it says is raised as well
    waits = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT_S}
    return sa.create_engine(url, pool_pre_ping=True, connect_args=waits)


def _write_ahead(cursor: Any) -> None:
    """Turn the write-ahead log on; SQLite does not wait by itself while another first user does the same."""
    for _ in range(BUSY_TIMEOUT_MS // 100):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.1)
        else:
            return
    cursor.execute("PRAGMA journal_mode = WAL")


def _let_signals_in(connection: Any) -> None:
    """Have a long statement of SQLite end when a signal comes, as psycopg does.

    Python handles signals between its own instructions, and a statement has none. What a handler raises
    within this function makes SQLite end the statement, and a change with its whole transaction.
    """
    connection.set_progress_handler(lambda: 0, STEPS_BETWEEN_SIGNALS)


def _with_square_roots(connection: Any, cursor: Any) -> None:
    """Give SQLite the function SQRT, which views call, where it was built without mathematics."""
    try:
        cursor.execute("SELECT SQRT(1.0)")
    except sqlite3.OperationalError:
        connection.create_function(
            "SQRT", 1, lambda x: None if x is None else math.sqrt(x), deterministic=True
        )


def _sqlite_engine(url: URL) -> sa.Engine:
    """Return an engine in WAL mode that leaves BEGIN to us."""
    path = Path(url.database or "")
    try:
        if not is_there(path.parent):
            raise DatabaseError(f"database {url}: folder {path.parent} does not exist; make it first")
        there = is_there(path)
    except OSError as error:
        raise DatabaseError(f"database {url}: cannot be opened ({error.strerror})") from error
    if refused := why_refused(path):
        raise DatabaseError(f"database {url}: {refused}")
    read_only = why_read_only(path)
    if read_only and not there:
        raise DatabaseError(f"database {url}: cannot be made there ({read_only})")
    # What can only be read is opened anew each time, for whether a writer is at work may change.
    pool = sa.NullPool if read_only else None
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, poolclass=pool)

    @sa.event.listens_for(engine, "do_connect")
    def connect(*_: Any) -> sqlite3.Connection | None:
        return open_for_reading(path, BUSY_TIMEOUT_MS / 1000) if why_read_only(path) else None

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:  # noqa: ARG001 (SQLAlchemy's signature)
        connection.isolation_level = None  # the driver must not open transactions of its own
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
                if not why_read_only(path):
                    _write_ahead(cursor)
                cursor.execute("PRAGMA synchronous = NORMAL")
                cursor.execute("PRAGMA foreign_keys = ON")
                _with_square_roots(connection, cursor)
            _let_signals_in(connection)
        except BaseException:
            connection.close()  # the pool never sees it
            raise

    return engine
