"""Lists of named entities: a CSV file with a name and a label in each row, and what a surname is.

The surname is the last word of a name, words being separated by white space: particles ("van", "de") are no
part of it, a hyphenated surname is whole, and a suffix after it (Jr., Sr., II, III, IV) is passed over.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from superpos.errors import InputError, allowed

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


def read_entities(path: Path, name_column: str, label_column: str) -> tuple[Entity, ...]:
    """Read the names of a CSV file (UTF-8, with a header line) in its order.

    Names are brought to the composed Unicode form (NFC) with single spaces.

    Raises
    ------
    InputError
        If the file cannot be read, is not CSV or lacks a column; if a name or label is empty, a name occurs
        twice or with two labels, or two names with different labels are one up to their surname. It names
        file, line and column.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    found: dict[str, Entity] = {}
    shortened: dict[str, Entity] = {}
    try:
        header = [column.strip() for column in next(reader, [])]
        places = _columns(path, header, name_column, label_column)
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            entity = _entity(path, reader.line_num, header, row, places)
            where = f"{path}: line {entity.line}, column {name_column!r}"
            before = found.setdefault(entity.name, entity)
            if before is not entity and before.label == entity.label:
                raise InputError(f"{where}: {entity.name!r} is there already, in line {before.line}")
            if before is not entity:
                raise InputError(
                    f"{where}: {entity.name!r} is in two classes: {before.label!r} in line {before.line}, "
                    f"{entity.label!r} here"
                )
            alike = shortened.setdefault(entity.until_surname, entity)
            if alike.label != entity.label:
                raise InputError(
                    f"{where}: {entity.name!r} and {alike.name!r} (line {alike.line}) are one name up to the "
                    f"surname, in two classes: {entity.label!r} and {alike.label!r}"
                )
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not CSV: {error}") from None
    if not found:
        raise InputError(f"{path}: holds no names, only a header")
    return tuple(found.values())


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


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path}: no such list of entities; name a bundled list or a CSV file")
    try:
        # Spreadsheets write a byte order mark, which is no part of the first column's name.
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputError(f"{path}: not UTF-8: byte 0x{byte:02x} at offset {error.start}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _columns(path: Path, header: list[str], name_column: str, label_column: str) -> tuple[int, int]:
    """Return the places of both columns."""
    if name_column == label_column:
        raise InputError(f"{path}: name_column and label_column are both {name_column!r}; they must differ")
    for column in (name_column, label_column):
        if header.count(column) != 1:
            many = "there is no" if column not in header else "there is more than one"
            there = ", ".join(header) or "none, the file is empty"
            raise InputError(f"{path}: line 1: {many} column {column!r}; columns: {there}")
    return header.index(name_column), header.index(label_column)


def _entity(path: Path, line: int, header: list[str], row: list[str], places: tuple[int, int]) -> Entity:
    if len(row) != len(header):
        raise InputError(f"{path}: line {line}: {len(row)} cells; the header has {len(header)} columns")
    name, label = (unicodedata.normalize("NFC", " ".join(row[place].split())) for place in places)
    for value, place in ((name, places[0]), (label, places[1])):
        if not value:
            raise InputError(f"{path}: line {line}, column {header[place]!r}: is empty")
    return Entity(name, label, line)
