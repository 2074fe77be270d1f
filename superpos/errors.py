"""Errors whose message is one line a user can act on, each with the exit status of the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SuperposError(Exception):
    """Base of every error the package raises on purpose; `exit_status` is what the command returns."""

    exit_status = 1


class InputError(SuperposError, ValueError):
    """What the user gave is wrong: the message names the file, the key, the value and what is allowed."""

    exit_status = 2


class ArgumentError(InputError):
    """An argument of a Python function is wrong; `argument` is its name."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(f"{argument}: {message}")
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


class DatabaseError(SuperposError):
    """The database cannot be used: it is unreachable, or at another schema revision."""

    exit_status = 3


class StageError(SuperposError):
    """A stage ended with work left undone."""

    exit_status = 1


def allowed(value: object, choices: Iterable[object]) -> str:
    """Say what is allowed instead of `value`, with the nearest choice where there is one."""
    names = [str(choice) for choice in choices]
    near = difflib.get_close_matches(str(value), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"allowed: {', '.join(names)}{hint}"
