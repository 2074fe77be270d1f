"""Wait for a database or an object store that is away: a server that restarts, a file that is locked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from superpos.errors import DatabaseAwayError, DatabaseError, DataFolderAwayError, DataFolderError

R = TypeVar("R")
AWAY_SECONDS = 300.0
"""How long a run waits for its database, and for the object store of its data folder."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


def patiently(
    work: Callable[[], R], note: Callable[[str], None], step: Callable[[], None] = lambda: None
) -> R:
    """Return what `work` returns, done again while the database, or an object store, is away.

    Parameters
    ----------
    work
        One transaction, or several of which each may be done twice.
    note
        Is told that it is away.
    step
        Called before every pause; what it raises ends the wait.

    Raises
    ------
    DatabaseError
        If the database is still away after `AWAY_SECONDS`.
    DataFolderError
        If the object store is.
    """
    began, pause = time.monotonic(), FIRST_PAUSE
    while True:
        try:
            return work()
        except (DatabaseAwayError, DataFolderAwayError) as error:
            waited = time.monotonic() - began
            if waited + pause > AWAY_SECONDS:
                kind = DatabaseError if isinstance(error, DatabaseAwayError) else DataFolderError
                raise kind(f"{error}; waited {waited:.0f} s; finished work is kept") from error
            note(f"{error}; waiting for it, up to {AWAY_SECONDS:.0f} s")
            step()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
