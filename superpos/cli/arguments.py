"""What arguments may be, and the parser that says in one line what is wrong with one."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any, NoReturn

from superpos.errors import LONGEST_MESSAGE, MOST_DIGITS, InputError, allowed, plain, shown
from superpos.reading.places import is_there

CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)$")


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line and what is near; options are written in full."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        if found := CHOICE.search(message):
            value, choices = found.group(1), found.group(2).replace("'", "").split(", ")
            message = f"{message[: found.start()]}{shown(value)} is unknown; {allowed(value, choices)}"
        self.exit(2, f"{self.prog}: {plain(message, LONGEST_MESSAGE)} (see `{self.prog} --help`)\n")


def add_command(commands: Any, name: str, function: str, text: str) -> argparse.ArgumentParser:
    """Add a command that `module:function` of this package runs; return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(function=function)
    return parser


def similarity(text: str) -> str:
    """Return the name of a similarity; raises `ArgumentTypeError` for an unknown one."""
    from superpos.kinds.similarities import SIMILARITIES

    try:
        SIMILARITIES.get(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(getattr(error, "reason", str(error))) from None
    return text


def positive(text: str) -> int:
    """Return a whole number from 1."""
    return whole_number(text, 1)


def natural(text: str) -> int:
    """Return a whole number from 0."""
    return whole_number(text, 0)


def numbers(text: str) -> list[int]:
    """Return whole numbers with commas between."""
    return [natural(part) for part in text.split(",")]


def any_path(text: str) -> Path:
    """Return a path that a file system takes, whether or not something is there."""
    try:
        path = Path(text).expanduser()
        is_there(path)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise argparse.ArgumentTypeError(f"{shown(text)} is no path ({reason})") from None
    return path


def whole_number(text: str, minimum: int) -> int:
    """Return a whole number; raises `ArgumentTypeError` for text that is none, or one below the minimum."""
    if not (text.isascii() and text.isdigit() and len(text) < MOST_DIGITS) or int(text) < minimum:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number of at least {minimum}")
    return int(text)
