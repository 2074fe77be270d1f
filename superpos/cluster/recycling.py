"""When an actor is replaced though nothing is wrong with it: libraries leak, heaps fall into pieces.

An actor is due after so many calls, once it has also lived for a while (a new one has to load its modules
again, which takes seconds); or at once when its own resident memory has grown by so much since its first call
of a task. What it may hold for good, a model or compiled code, is there after that first call.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Recycling:
    """What an actor may do and become before it is replaced."""

    calls: int = 1_000
    seconds: float = 1_800.0
    """Age below which calls do not count."""
    growth: int = 2**30
    """Bytes."""


@dataclass(slots=True)
class Age:
    """What an actor has done and become."""

    rules: Recycling
    clock: Callable[[], float] = time.monotonic
    calls: int = 0
    began: float = field(init=False)
    is_due: bool = False
    _first: dict[str, int] = field(default_factory=dict)
    """Bytes that it had after its first call of each task."""

    def __post_init__(self) -> None:
        self.began = self.clock()

    def note(self, task: str, resident: int) -> None:
        """Note a call of a task, after which the actor had so many bytes; 0 for an unknown number."""
        self.calls += 1
        old = self.calls >= self.rules.calls and self.clock() - self.began >= self.rules.seconds
        grown = resident > 0 and resident - self._first.setdefault(task, resident) > self.rules.growth
        self.is_due = self.is_due or old or grown


def resident_bytes(statm: Path = STATM) -> int:
    """Return the resident memory of this process, without files and what it shares where that is known."""
    try:
        _, resident, shared, *_ = statm.read_text(encoding="ascii").split()
    except OSError:
        import psutil

        return int(psutil.Process().memory_info().rss)
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
