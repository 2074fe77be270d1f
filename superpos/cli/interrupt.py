"""Ctrl-C and the signals of a scheduler, none of which can get lost.

Python raises KeyboardInterrupt wherever the main thread happens to be; raised inside a finaliser or a
callback of a library it is dropped, and the run goes on. So the signal is remembered and raised again at the
next finished step; Python's report of what it has dropped is left out. SIGTERM is what Slurm, systemd,
`timeout` and Kubernetes send before they kill; SIGHUP comes when a terminal closes. Both end a run as Ctrl-C
does, so that its outcome is written down.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
BY_SIGNAL = 128
"""What a shell adds to the number of the signal that ended a command."""
POOL = logging.getLogger("sqlalchemy.pool")
"""Writes a traceback where the closing of a connection is interrupted; the command says that it was."""


def _let_go(error: BaseException) -> None:
    """Free what the frames of an error hold: finalisers that are interrupted too have no report then."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        traceback.clear_frames(found.__traceback__)
        found = found.__cause__ or found.__context__


class Interruption:
    """Remembers the signals while it is entered; `check` raises KeyboardInterrupt once one has come."""

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, Any] = {}
        self._report: Callable[[sys.UnraisableHookArgs], Any] = sys.unraisablehook
        self._silence = logging.NullHandler()

    @property
    def exit_status(self) -> int:
        """What a shell would show; a KeyboardInterrupt that is a library's own counts as Ctrl-C."""
        return BY_SIGNAL + (self.number or signal.SIGINT)

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                # What is ignored stays so (`nohup`), but a script's `&` ignores Ctrl-C without being asked.
                if number == signal.SIGINT or before is not signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, self._remember)
        self._report = sys.unraisablehook
        sys.unraisablehook = self._dropped
        POOL.addHandler(self._silence)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.number and error is not None:
            _let_go(error)
        POOL.removeHandler(self._silence)
        sys.unraisablehook = self._report
        for number, before in self._before.items():
            signal.signal(number, before)

    def _dropped(self, what: sys.UnraisableHookArgs) -> None:
        """Report what a finaliser could not raise, but no interruption, which comes back."""
        if not (self.number and issubclass(what.exc_type, KeyboardInterrupt)):
            self._report(what)

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come."""
        if self.number:
            raise KeyboardInterrupt

    def _remember(self, number: int, frame: FrameType | None) -> None:
        """Raise, but what a scheduler sends again must not stop the writing down of how the run ended."""
        del frame
        again = self.number != 0
        self.number = number
        if not again or number == signal.SIGINT:
            raise KeyboardInterrupt
