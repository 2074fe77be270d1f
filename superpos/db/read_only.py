"""Databases that can be read but not written: SQLite files and folders, and roles of PostgreSQL.

SQLite keeps its log of changes (`-wal`) and an index of it (`-shm`) beside the file, and makes them even to
read. Where the folder may not be written it is told that the file does not change (`immutable`), unless a log
is there: then a writer is at work, and its log and index are read.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

NOT_PERMITTED = ("42501", "25006")
"""States with which PostgreSQL refuses: the role lacks the right, the transaction or server is read-only."""


def why_read_only(path: Path) -> str:
    """Return what of a SQLite file may not be written, empty if all may: the file, or its folder."""
    if path.exists() and not _may_write(path):
        return f"no permission to write the file {path}"
    if not _may_write(path.parent):
        return f"no permission to write in the folder {path.parent}"
    return ""


def open_for_reading(path: Path, timeout: float) -> sqlite3.Connection:
    """Return a connection that reads a SQLite file and makes nothing beside it.

    Parameters
    ----------
    path
        The file.
    timeout
        Seconds to wait for a lock.
    """
    unchanging = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    uri = f"{path.resolve().as_uri()}?mode=ro{unchanging}"
    return sqlite3.connect(uri, uri=True, timeout=timeout, check_same_thread=False)


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
