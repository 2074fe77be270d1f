"""Names that a study gives to its parts, and texts that every database can hold.

A name is a column of the views, stands in file names of a report and is typed on the command line: it is
printable, on one line, and no step in a path. Text that is no name (a description, a pattern, a word of a
list) may hold whatever a database can.
"""

from __future__ import annotations

import re
import warnings

from superpos.errors import ArgumentError, plain, shown

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
LONGEST_NAME = 200
"""Characters of a name."""


def check_text(argument: str, text: str) -> str:
    """Return `text` if every database can hold it.

    Raises
    ------
    ArgumentError
        For NUL, which PostgreSQL has no place for, and for lone surrogates, which no encoding has.
    """
    if found := UNSTORABLE.search(text):
        what = "the character NUL" if found.group() == "\0" else "half of a surrogate pair"
        raise ArgumentError(argument, f"{shown(text)} holds {what}, which no database can store")
    return text


def check_name(argument: str, name: str) -> str:
    """Return `name` if a part of a study may be called so.

    Raises
    ------
    ArgumentError
        For a name that is empty or blank, longer than `LONGEST_NAME`, `.` or `..`, or that holds what is not
        printable: control characters, line ends, bidirectional marks, invisible characters, blanks other
        than the plain one, lone surrogates.
    """
    if not name.strip():
        raise ArgumentError(argument, f"{shown(name)} is an empty name")
    if len(name) > LONGEST_NAME:
        raise ArgumentError(argument, f"{shown(name)} is too long for a name; at most {LONGEST_NAME}")
    if name in (".", ".."):
        raise ArgumentError(argument, f"{shown(name)} is a step in a path and no name")
    if not name.isprintable():
        wrong = next(character for character in name if not character.isprintable())
        raise ArgumentError(
            argument, f"{shown(name)} holds U+{ord(wrong):04X}; a name is made of printable characters"
        )
    return name


def check_texts(argument: str, texts: tuple[str, ...], *, minimum: int = 0) -> None:
    """Raise `ArgumentError` for empty or repeated texts, and for fewer than `minimum`."""
    seen: set[str] = set()
    for text in texts:
        if not text.strip():
            raise ArgumentError(argument, "holds an empty name")
        if text in seen:
            raise ArgumentError(argument, f"{shown(text)} occurs twice")
        seen.add(check_text(argument, text))
    if len(texts) < minimum:
        raise ArgumentError(argument, f"holds {len(texts)}; at least {minimum} are needed")


def check_names(argument: str, names: tuple[str, ...], *, minimum: int = 0) -> None:
    """Raise `ArgumentError` as `check_texts`, and for what no part of a study may be called."""
    check_texts(argument, names, minimum=minimum)
    for name in names:
        check_name(argument, name)


def check_pattern(argument: str, text: str) -> None:
    """Refuse text that is no regular expression, with an `ArgumentError`."""
    check_text(argument, text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # a set like [[a], which may mean more one day
            re.compile(text)
    except re.error as error:
        said = f"{shown(text)} is not a regular expression: {plain(str(error))}"
        raise ArgumentError(argument, said) from None
    except (OverflowError, RecursionError) as error:
        raise ArgumentError(argument, f"{shown(text)} is too large a regular expression ({error})") from None
