"""How code of other packages is run: whatever it does, the program says in a line what went wrong.

A module may end the process when it is imported, print into what another program reads, or never come back.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from superpos.errors import InputError, plain

LONGEST_TRIAL = 60.0
"""Seconds after which the trial of a kind is given up."""


class _TooLongError(BaseException):
    """No `Exception`, which a stranger's loop may catch and go on."""


@contextlib.contextmanager
def strangers(where: str, doing: str = "", limited: bool = False) -> Iterator[None]:
    """Run code of others: `with strangers("my-kinds 1.0: energy 'gauss'", "cannot be imported")`.

    What it prints goes to standard error: standard output may be JSON.

    Parameters
    ----------
    where
        What messages begin with: the package and the kind.
    doing
        What messages say after that.
    limited
        Whether it is given up after `LONGEST_TRIAL`; only the main thread of a Unix process can be stopped.

    Raises
    ------
    InputError
        Whatever was raised, `SystemExit` included. `KeyboardInterrupt` is the user's and goes on.
    """
    begin = f"{where} {doing}".rstrip()
    try:
        with _apart(LONGEST_TRIAL if limited else 0.0):
            yield
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except _TooLongError as error:
        raise InputError(f"{where}: its trial does not end within {LONGEST_TRIAL:g} s") from error
    except BaseException as error:
        raise InputError(f"{begin}: {_said(error)}") from error


@contextlib.contextmanager
def _apart(seconds: float) -> Iterator[None]:
    """Send what is printed to standard error, and raise `_TooLongError` after so many seconds."""
    if threading.current_thread() is not threading.main_thread():  # both belong to the whole process
        yield
        return
    with contextlib.redirect_stdout(sys.stderr):
        if not seconds or not hasattr(signal, "setitimer"):
            yield
            return
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        if 0 < left <= seconds:  # a clock of the caller's is faster
            yield
            return
        before = signal.signal(signal.SIGALRM, _give_up)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def _give_up(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise _TooLongError


def _said(error: BaseException) -> str:
    """Return an error as a message of ours says it: its class unless the message is ours already."""
    return str(error) if isinstance(error, InputError) else plain(f"{type(error).__name__}: {error}", 300)
