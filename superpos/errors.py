"""Errors whose message is one line a user can act on, each with the exit status of the command line.

What a message repeats of the user's input goes through `shown` (a value) or `plain` (a name): printable, on
one line and short, whatever the input holds.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable

LONGEST_VALUE = 100
"""Characters of a value that a message shows."""
LONGEST_MESSAGE = 2000
"""Characters of a message; one that is longer loses its middle."""
MOST_CHOICES = 40
"""Choices that a message lists."""
MOST_DIGITS = 40
"""Digits of a whole number that a message shows."""


class SuperposError(Exception):
    """Base of every error the package raises on purpose; `exit_status` is what the command returns.

    Its message is one line of at most `LONGEST_MESSAGE` characters.
    """

    exit_status = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(plain(" ".join(message.splitlines()), LONGEST_MESSAGE))


class InputError(SuperposError, ValueError):
    """What the user gave is wrong: the message names the file, the key, the value and what is allowed."""

    exit_status = 2


class ArgumentError(InputError):
    """An argument of a Python function is wrong; `argument` is its name."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(f"{plain(argument)}: {message}")
        self.argument = argument
        self.reason = message

    def __reduce__(self) -> tuple[type[ArgumentError], tuple[str, str]]:
        """Rebuild from both arguments, so that the error survives the trip from a worker."""
        return type(self), (self.argument, self.reason)


class NotPermutableError(ArgumentError):
    """Labels that no exchange of samples changes."""


class ShapeError(ArgumentError):
    """An array has the wrong shape."""


class NonFiniteError(ArgumentError):
    """An array or a number holds NaN or an infinity."""


class SymmetryError(ArgumentError):
    """A matrix that must be symmetric is not."""


class ContentChangedError(InputError):
    """Something that was rebuilt under its old key has other content than the results that hang on it."""


class FileLostError(InputError):
    """A file that the package wrote is gone or damaged; it can be made again."""


class DatabaseError(SuperposError):
    """The database cannot be used: it is unreachable, or at another schema revision."""

    exit_status = 3


class DatabaseAwayError(DatabaseError):
    """The database cannot be used now; it may be back soon."""


class DataFolderError(SuperposError):
    """The object store of the data folder cannot be used: it refuses, or has been away for too long."""

    exit_status = 3


class DataFolderAwayError(DataFolderError):
    """The object store of the data folder does not answer now; it may be back soon."""


class LeaseLostError(SuperposError):
    """Another run has what this one was working on: its result is not written."""


class StageError(SuperposError):
    """A stage ended with work left undone."""

    exit_status = 1


class ClusterLostError(StageError):
    """The Ray cluster that a run works on has ended."""


def shown(value: object) -> str:
    """Return a value as messages show it: its `repr`, printable, on one line, shortened."""
    return plain(_SHORT.repr(value), 2 * LONGEST_VALUE)


def plain(text: str, longest: int = LONGEST_VALUE) -> str:
    """Return text without quotes as messages show it: escapes for what is not printable, its middle cut out.

    Parameters
    ----------
    text
        Any text.
    longest
        Characters of the result.
    """
    length = f" ({len(text)} characters)"
    if not text.isprintable():
        text = "".join(map(_escaped, text))
    if len(text) <= longest:
        return text
    half = (longest - len(length) - 1) // 2
    return f"{text[:half]}…{text[-half:]}{length}"


def allowed(value: object, choices: Iterable[object]) -> str:
    """Say what is allowed instead of `value`, with the nearest choice where there is one."""
    names = [str(choice) for choice in choices]
    given = value if isinstance(value, str) else shown(value)
    near = difflib.get_close_matches(given[:LONGEST_VALUE], names, n=1)
    hint = f" (did you mean {shown(near[0])}?)" if near else ""
    more = f", … ({len(names)} in all)" if len(names) > MOST_CHOICES else ""
    return f"allowed: {', '.join(map(plain, names[:MOST_CHOICES]))}{more}{hint}"


def _escaped(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


class _Short(reprlib.Repr):
    """`reprlib` with limits of ours, and for whole numbers that Python refuses to write out."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 8
        self.maxstring = self.maxother = LONGEST_VALUE

    def repr_str(self, x: str, level: int) -> str:
        short = super().repr_str(x, level)
        return f"{short} ({len(x)} characters)" if len(x) > self.maxstring else short

    def repr_int(self, x: int, level: int) -> str:  # noqa: ARG002 (reprlib's signature)
        digits = int(x.bit_length() * 0.30103) + 1
        return repr(x) if digits <= MOST_DIGITS else f"a whole number of about {digits} digits"


_SHORT = _Short()
