"""Which database a URL means: what it may carry, and one line for each that cannot be used.

A SQLite URL is a file and nothing else: SQLAlchemy drops what stands behind a question mark unless it is an
option, and passes options on that SQLite reads in `file:` URIs only. A PostgreSQL URL may carry the
connection options of libpq.
"""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError as UrlError

from superpos.errors import InputError, allowed, shown

DEFAULT_URL = "sqlite:///superpos.db"
SECRETS = re.compile("password|secret|passfile|scram_.*_key", re.IGNORECASE)
"""Connection options that would stand in logs unmasked."""
_BEHIND_USER = re.compile(r"[^:/]*://(?:[^:/]*(?::[^@]*)?@)?")
"""Scheme, user and password of a URL, as SQLAlchemy takes it apart."""


def resolve_url(url: str | None) -> URL:
    """Return the database to use: `url`, else `SUPERPOS_DB_URL`, else a SQLite file in this folder.

    Raises
    ------
    InputError
        If the text is no database URL, names another database system or no file, has what a URL of its
        system cannot carry, or carries a password in its query, where it would not be masked.
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
    query = _BEHIND_USER.sub("", text, count=1).partition("?")[2]
    if parsed.drivername == "sqlite":
        _check_sqlite(parsed, query)
    elif parsed.drivername == "postgresql+psycopg":
        _check_postgresql(parsed, query)
    else:
        raise InputError(
            f"database URL: {shown(parsed.drivername)} is not supported; allowed: sqlite, postgresql+psycopg"
        )
    return parsed


def _check_sqlite(url: URL, query: str) -> None:
    if (url.database or ":memory:").startswith((":memory:", "file:")) or "\0" in (url.database or ""):
        raise InputError(f"database URL: {url} names no file; allowed: sqlite:///FILE")
    if query or url.query:
        raise InputError(
            f"database URL: a SQLite URL ends with its file, and {shown(f'?{query}')} stands behind "
            f"{shown(url.database)}; allowed: sqlite:///FILE without options, and no ? in the name"
        )
    if url.host or url.port or url.username or url.password:
        raise InputError(
            "database URL: a SQLite URL has no host, port or user; allowed: sqlite:///FILE (three slashes), "
            "sqlite:////FOLDER/FILE (four) for an absolute path"
        )


def _check_postgresql(url: URL, query: str) -> None:
    from psycopg.pq import Conninfo  # it loads the client library

    given = dict.fromkeys([*url.query, *(key for key, _ in parse_qsl(query, keep_blank_values=True))])
    known = sorted(option.keyword.decode() for option in Conninfo.get_defaults())
    for key in given:
        if SECRETS.search(key):
            raise InputError(
                f"database URL: {shown(key)} in the query is shown unmasked in logs; write "
                "postgresql+psycopg://USER:PASSWORD@HOST/NAME or set PGPASSWORD"
            )
        if key not in known:
            choices = allowed(key, [name for name in known if not SECRETS.search(name)])
            raise InputError(f"database URL: {shown(key)} is no connection option of PostgreSQL; {choices}")
        if key not in url.query:
            raise InputError(f"database URL: the option {shown(key)} has no value")
    try:
        url.get_dialect()().create_connect_args(url)
    except UrlError as error:  # hosts and ports that do not belong together
        raise InputError(f"database URL: {error}") from error
