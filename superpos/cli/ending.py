"""How a command ends: whatever goes wrong is one line on standard error and an exit status.

Standard output is guarded while a command runs. A disk that is full shows when a stream is flushed, at the
latest by the interpreter's own end, and no `except OSError` on the way may take it for another file's.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

from superpos.cli.interrupt import Interruption
from superpos.errors import SuperposError


class OutputError(SuperposError):
    """Standard output takes no more; not an `OSError`, which handlers for other files would catch."""


class GuardedOutput:
    """A text stream whose failures are `OutputError`; a reader that has gone away is not one of them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write as the stream does; raises `OutputError`."""
        with _failures_named():
            return self._stream.write(text)

    def flush(self) -> None:
        """Flush as the stream does; raises `OutputError`."""
        with _failures_named():
            self._stream.flush()


def ended(program: str, work: Callable[[Interruption], int]) -> int:
    """Do the work of a command; return its exit status, and say in one line what went wrong.

    Parameters
    ----------
    program
        What the line begins with.
    work
        Called with what remembers signals; returns the exit status.
    """
    interruption = Interruption()
    try:
        with interruption, _guarded_output():
            return work(interruption)
    except OutputError as error:
        _let_go_of_output()
        _say(f"{program}: {error}")
        return error.exit_status
    except SuperposError as error:
        _say(f"{program}: {error}")
        return error.exit_status
    except KeyboardInterrupt:
        _say(f"{program}: interrupted; finished work is kept, the same command continues")
        return interruption.exit_status
    except BrokenPipeError:  # the reader of a pipe has gone
        _let_go_of_output()
        return 0


def left(status: int) -> int:
    """Return the status of a command that is its process's last act; with Ray left behind, end here."""
    if local := sys.modules.get("superpos.cluster.local"):
        local.end_process(status)
    return status


@contextlib.contextmanager
def _guarded_output() -> Iterator[None]:
    """Put a guarded stream in the place of standard output, and flush it at the end."""
    stream = sys.stdout
    if stream is None:  # closed by the caller: nothing is printed
        yield
        return
    guarded = GuardedOutput(stream)
    sys.stdout = cast("TextIO", guarded)
    try:
        yield
    finally:
        try:
            guarded.flush()
        finally:
            sys.stdout = stream


@contextlib.contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output: {error.strerror or error}") from error


def _let_go_of_output() -> None:
    """Point standard output nowhere: what is still in its buffer would fail again when Python ends."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # there is nobody left to tell
        print(line, file=sys.stderr, flush=True)  # noqa: T201 (this is the command line)
