"""Lists of named entities: a CSV file with a name and a label in each row, and what a surname is.

A name that comes again with its label counts once. A name with two labels says nothing about either and is
left out, and so are two names of different labels that are one up to their surname. All are counted.

The surname is the last word of a name, words being separated by white space: particles ("van", "de") are no
part of it, a hyphenated surname is whole, and a suffix after it (Jr., Sr., II, III, IV) is passed over.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from superpos.datasets.option_files import option_file
from superpos.errors import InputError, allowed, shown
from superpos.names import unfit_name
from superpos.reading.compressed import format_of
from superpos.reading.places import is_file
from superpos.reading.refusals import listed
from superpos.reading.texts import csv_rows

if TYPE_CHECKING:  # which reads lists and texts itself
    from superpos.datasets.builders.entities import EntityOptions

SUFFIX = r"(?:Jr|Sr)\.?|III|II|IV"
"""What may follow a surname, as a regular expression."""
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Entity:
    """A name with its label; `line` is where the file says so, counted from 1."""

    name: str
    label: str
    line: int

    @property
    def until_surname(self) -> str:
        """The name up to the end of its surname."""
        return self.name[: surname_place(self.name)[1]]


def surname_place(name: str) -> tuple[int, int]:
    """Return where the surname begins and ends in a name, in characters; the whole of a name of one word."""
    words = [(match.start(), match.end()) for match in _WORD.finditer(name)]
    while len(words) > 1 and re.fullmatch(SUFFIX, name[slice(*words[-1])]):
        words.pop()
    start, end = words[-1]
    stripped = len(name[start:end].rstrip(",;"))
    return start, start + stripped if stripped else end


class EntityList(NamedTuple):
    """The names of a list and the classes of which a set is made."""

    path: Path
    entities: tuple[Entity, ...]
    classes: tuple[str, ...]
    left_out: dict[str, int]
    """Rows that give no name of their own, by reason."""


def read_list(options: EntityOptions) -> EntityList:
    """Read the list that a set names; raises as `read_entities` and `choose_classes`."""
    path = option_file(options.entities)
    listed, left_out = read_entities(path, options.name_column, options.label_column)
    classes = choose_classes(listed, options.classes, path, options.label_column)
    return EntityList(path, listed, classes, left_out)


def read_entities(
    path: Path, name_column: str, label_column: str
) -> tuple[tuple[Entity, ...], dict[str, int]]:
    """Read the names of a CSV file (UTF-8, with a header line) in its order; count rows that give none.

    Names are brought to the composed Unicode form (NFC) with single spaces.

    Raises
    ------
    InputError
        If the file cannot be read, is not CSV or lacks a column; if a name or label is empty; if no name is
        left. It names file, line and column.
    """
    if not is_file(path):
        raise InputError(f"{path}: no such list of entities; name a bundled list or a CSV file")
    rows = csv_rows(path, "\t" if format_of(path)[0] == ".tsv" else ",")
    listed: list[Entity] = []
    header = [column.strip() for column in next(rows, (0, []))[1]]
    places = _columns(path, header, name_column, label_column)
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        listed.append(_entity(path, line, header, row, places))
    if not listed:
        raise InputError(f"{path}: holds no names, only a header")
    labels: dict[str, set[str]] = {}
    for entity in listed:
        labels.setdefault(entity.until_surname, set()).add(entity.label)
    kept: dict[str, Entity] = {}
    for entity in listed:
        if len(labels[entity.until_surname]) == 1:
            kept.setdefault(entity.name, entity)
    torn = sum(len(labels[entity.until_surname]) > 1 for entity in listed)
    if not kept:
        raise InputError(f"{path}: column {label_column!r}: every name has two labels; a name has one")
    left_out = {"names_repeated": len(listed) - torn - len(kept), "names_contradictory": torn}
    return tuple(kept.values()), left_out


def choose_classes(
    entities: tuple[Entity, ...], asked: tuple[str, ...], path: Path, label_column: str
) -> tuple[str, ...]:
    """Return the classes to keep: those asked for, in their order, else all, sorted.

    Raises
    ------
    InputError
        If one that is asked for is not there, or there are fewer than two.
    """
    there = sorted({entity.label for entity in entities})
    for label in asked:
        if label not in there:
            raise InputError(
                f"{path}: no name has {label!r} in column {label_column!r}; {allowed(label, there)}"
            )
    if len(there) < 2:
        raise InputError(
            f"{path}: column {label_column!r} holds one class only, {there[0]!r}; at least two are needed"
        )
    return asked or tuple(there)


def _columns(path: Path, header: list[str], name_column: str, label_column: str) -> tuple[int, int]:
    """Return the places of both columns."""
    if name_column == label_column:
        raise InputError(f"{path}: name_column and label_column are both {name_column!r}; they must differ")
    for column in (name_column, label_column):
        if header.count(column) != 1:
            many = "there is no" if column not in header else "there is more than one"
            there = listed(header) if header else "none, the file is empty"
            raise InputError(f"{path}: line 1: {many} column {column!r}; columns: {there}")
    return header.index(name_column), header.index(label_column)


def _entity(path: Path, line: int, header: list[str], row: list[str], places: tuple[int, int]) -> Entity:
    if len(row) != len(header):
        raise InputError(f"{path}: line {line}: {len(row)} cells; the header has {len(header)} columns")
    name, label = (unicodedata.normalize("NFC", " ".join(row[place].split())) for place in places)
    for value, place in ((name, places[0]), (label, places[1])):
        if not value:
            raise InputError(f"{path}: line {line}, column {header[place]!r}: is empty")
        if why := unfit_name(value):
            raise InputError(f"{path}: line {line}, column {header[place]!r}: {shown(value)}: {why}")
    return Entity(name, label, line)
