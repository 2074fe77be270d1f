"""Lists that ship with the package: people with one fact each, prompts, bigrams, groups of words.

What each file rests on stands in `NOTES.md` beside it. Files are read when they are asked for.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

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

MIN_ORDERED = 3
"""Words that have an order: two have one in any case."""
_ORDER = "order"
"""Table of the orders of the lists of words."""


class ListOrder(NamedTuple):
    """Where words stand in a list with an order."""

    name: str
    """Of the list."""
    places: tuple[int, ...]
    """Of each word, from 0."""
    size: int
    """Words of the whole list: the period where it is cyclic."""
    cyclic: bool
    """Whether the first follows the last."""

    @property
    def label(self) -> str:
        """`linear` or `cyclic`."""
        return "cyclic" if self.cyclic else "linear"

    @property
    def is_whole(self) -> bool:
        """Whether every word of the list is there."""
        return len(self.places) == self.size


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
    return tuple(name for name in _table(_TOKEN_LISTS) if name != _ORDER)


def token_list(name: str) -> tuple[str, ...]:
    """Return the words of a group in their natural order, without spaces around them.

    Raises
    ------
    InputError
        If no group has this name.
    """
    return _words(_TOKEN_LISTS, name, "token list", token_lists())


def order_of_words(words: Sequence[str]) -> ListOrder | None:
    """Return the order of words that stand in one list with an order; None where no such list has them all.

    A word counts by its spelling alone, so that probed features of these names have the order, too. Fewer
    than three words have none.
    """
    table = _table(_TOKEN_LISTS)
    if len(words) < MIN_ORDERED or len(set(words)) < len(words):
        return None
    for name, kind in table[_ORDER].items():
        places = {word: place for place, word in enumerate(table[name])}
        if all(word in places for word in words):
            return ListOrder(name, tuple(places[word] for word in words), len(places), kind == "cyclic")
    return None


def _file(name: str, known: dict[str, str], kind: str) -> Path:
    if name not in known:
        raise InputError(f"{shown(name)}: no such {kind}; {allowed(name, known)}")
    return _FOLDER / f"{name}.csv"


def _pairs(file: Path, columns: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    with file.open(encoding="utf-8", newline="") as stream:
        return tuple((row[columns[0]], row[columns[1]]) for row in csv.DictReader(stream))


def _words(file: Path, name: str, kind: str, known: Collection[str] | None = None) -> tuple[str, ...]:
    table = _table(file)
    known = table if known is None else known
    if name not in known:
        raise InputError(f"{shown(name)}: no such {kind}; {allowed(name, known)}")
    return tuple(table[name])


@cache
def _table(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))
