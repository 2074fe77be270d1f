"""Progress for people: bars on a terminal, one line now and then where output goes to a file."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Remaining

PLAIN_SECONDS = 15.0
"""Time between two lines of one stage where there is no terminal."""


class TerminalReporter:
    """Bars on a terminal, plain lines elsewhere; a context manager."""

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        """Call `check` at every finished step; what it raises ends the run."""
        self._check = check
        self.console = Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._counts: dict[str, tuple[int, int, float, float]] = {}
        self._notes: set[str] = set()

    def __enter__(self) -> TerminalReporter:
        if self.console.is_terminal:
            self._progress = Progress(
                TextColumn("{task.description:<12}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                Remaining(),
                console=self.console,
            )
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def start(self, stage: str, total: int) -> None:
        """Begin a stage; a stage that begins twice goes on with a larger total."""
        if self._progress is not None:
            if stage in self._tasks:
                task = self._progress.tasks[self._tasks[stage]]
                self._progress.update(self._tasks[stage], total=(task.total or 0) + total)
            else:
                self._tasks[stage] = self._progress.add_task(stage, total=total)
            return
        now = time.monotonic()
        done, old, began, _ = self._counts.get(stage, (0, 0, now, 0.0))
        self._counts[stage] = (done, old + total, began, now)
        self._print(f"{stage}: {old + total} to do")

    def advance(self, stage: str, steps: int = 1) -> None:
        """Count finished steps."""
        self._check()
        if not steps:
            return
        if self._progress is not None:
            self._progress.advance(self._tasks[stage], steps)
            return
        done, total, began, said = self._counts[stage]
        done, now = done + steps, time.monotonic()
        if now - said >= PLAIN_SECONDS and 0 < done < total:
            left = (now - began) / done * (total - done)
            self._print(f"{stage}: {done} of {total}, about {left:.0f} s left")
            said = now
        self._counts[stage] = (done, total, began, said)

    def finish(self, stage: str) -> None:
        """End a stage."""
        if self._progress is None:
            done, total, began, _ = self._counts[stage]
            self._print(f"{stage}: {done} of {total} in {time.monotonic() - began:.1f} s")

    def note(self, text: str) -> None:
        """Say one line, once."""
        if text not in self._notes:
            self._notes.add(text)
            self._print(text)

    def _print(self, text: str) -> None:
        if self._progress is not None:
            self.console.print(text, markup=False)
        else:
            with contextlib.suppress(OSError):  # a log that is full stops no run
                print(text, file=sys.stderr, flush=True)  # noqa: T201 (this is the command line)
