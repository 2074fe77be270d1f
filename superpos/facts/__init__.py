"""Lists that ship with the package: people with one fact each, prompts, bigrams, groups of words.

What each file rests on stands in `NOTES.md` beside it. Files are read when they are asked for.
"""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any

from superpos.errors import InputError, allowed, shown

FACTS: dict[str, str] = {
    "athlete_sport": "athletes by the sport they are known for",
    "political_party": "politicians of the United States by party",
    "occupation": "politicians, actors, researchers, singers, journalists, athletes",
    "is_alive": "people who are alive, people who are dead",
    "sex_or_gender": "women and men",
}
"""Fact lists by name, each with one line on what it holds."""
BIGRAMS: dict[str, str] = {
    "compound_words": "compound words of general English",
    "python_words": "pairs of words that are frequent in the standard library of Python",
}
"""Bigram lists by name, each with one line on what it holds."""
NEUTRAL = "neutral"
"""Name of the prompts that suit a list of any kind."""

_FOLDER = Path(__file__).resolve().parent
_TEMPLATES = _FOLDER / "templates.toml"
_TOKEN_LISTS = _FOLDER / "token_lists.toml"


def fact_file(name: str) -> Path:
    """Return the CSV file of a fact list; its columns are `name` and `label`.

    Raises
    ------
    InputError
        If no fact list has this name.
    """
    return _file(name, FACTS, "fact list")


def fact_list(name: str) -> tuple[tuple[str, str], ...]:
    """Return name and label of each person of a fact list, in the order of its file.

    Raises
    ------
    InputError
        If no fact list has this name.
    """
    return _pairs(fact_file(name), ("name", "label"))


def templates(name: str) -> tuple[str, ...]:
    """Return the prompts for a fact list, or the neutral ones; each ends with the place `{name}`.

    Raises
    ------
    InputError
        If there are no prompts of this name.
    """
    return _words(_TEMPLATES, name, "templates")


def bigram_file(name: str) -> Path:
    """Return the CSV file of a bigram list; its columns are `first` and `second`.

    Raises
    ------
    InputError
        If no bigram list has this name.
    """
    return _file(name, BIGRAMS, "bigram list")


def bigrams(name: str) -> tuple[tuple[str, str], ...]:
    """Return the first and second word of each entry of a bigram list, in the order of its file.

    Raises
    ------
    InputError
        If no bigram list has this name.
    """
    return _pairs(bigram_file(name), ("first", "second"))


def token_lists() -> tuple[str, ...]:
    """Return the names of the groups of words."""
    return tuple(_table(_TOKEN_LISTS))


def token_list(name: str) -> tuple[str, ...]:
    """Return the words of a group in their natural order, without spaces around them.

    Raises
    ------
    InputError
        If no group has this name.
    """
    return _words(_TOKEN_LISTS, name, "token list")


def _file(name: str, known: dict[str, str], kind: str) -> Path:
    if name not in known:
        raise InputError(f"{shown(name)}: no such {kind}; {allowed(name, known)}")
    return _FOLDER / f"{name}.csv"


def _pairs(file: Path, columns: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    with file.open(encoding="utf-8", newline="") as stream:
        return tuple((row[columns[0]], row[columns[1]]) for row in csv.DictReader(stream))


def _words(file: Path, name: str, kind: str) -> tuple[str, ...]:
    table = _table(file)
    if name not in table:
        raise InputError(f"{shown(name)}: no such {kind}; {allowed(name, table)}")
    return tuple(table[name])


def _table(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))
