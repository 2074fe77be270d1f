"""Every transaction that the product commits, by name.

A driver may be killed at any moment. Tests kill it before, between and after each of them, and compare what
is left. In production nothing listens.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Literal

Moment = Literal["opened", "before", "after"]
"""When: the transaction is open, all is written, it is committed."""


class Commit(StrEnum):
    """What a transaction is for; the list is closed."""

    REGISTER = "register"
    """A study with its plan."""
    RUN_STARTED = "run_started"
    RUN_ENDED = "run_ended"
    """How a run ended, and the end of its leases."""
    BEAT = "beat"
    """The leases of a run last longer."""
    SWEEP = "sweep"
    """The leases of dead runs end."""
    CLAIM = "claim"
    """Units of work are leased."""
    RELEASE = "release"
    """Leases end without a result."""
    STORE = "store"
    """Results or failures, and the end of their leases."""
    REFUSALS = "refusals"
    """What rests on a refused layer or probe set is refused."""
    RETRY = "retry"
    """Quarantined cells are put back."""
    REBUILD = "rebuild"
    """Rows that are to be made again are dropped."""
    COLLECT = "collect"
    """What no study refers to is dropped."""
    IMPORT = "import"
    """An archive."""
    UPGRADE = "upgrade"
    """The schema."""


listener: Callable[[Commit | None, Moment], None] | None = None
"""Is told of every moment of every commit, in tests; None stands for a commit without a name."""


def reached(commit: Commit | None, moment: Moment) -> None:
    """Tell the listener, if there is one."""
    if listener is not None:
        listener(commit, moment)
