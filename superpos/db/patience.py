"""Wait for a database that is away: a server that restarts, a file that another process has locked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from superpos.errors import DatabaseAwayError, DatabaseError

R = TypeVar("R")
AWAY_SECONDS = 300.0
"""How long a run waits for its database."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


def patiently(
    work: Callable[[], R], note: Callable[[str], None], step: Callable[[], None] = lambda: None
) -> R:
    """Return what `work` returns, done again while the database is away.

    Parameters
    ----------
    work
        One transaction, or several of which each may be done twice.
    note
        Is told once that the database is away.
    step
        Called before every pause; what it raises ends the wait.

    Raises
    ------
    DatabaseError
        If the database is still away after `AWAY_SECONDS`.
    """
    began, pause = time.monotonic(), FIRST_PAUSE
    while True:
        try:
            return work()
        except DatabaseAwayError as error:
            waited = time.monotonic() - began
            if waited + pause > AWAY_SECONDS:
                raise DatabaseError(f"{error}; waited {waited:.0f} s; finished work is kept") from error
            note(f"{error}; waiting for it, up to {AWAY_SECONDS:.0f} s")
            step()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
