"""Numbers of latents with a text each, from a file: their names, or a list in its order.

| file     | a line is                                                                                  |
|----------|--------------------------------------------------------------------------------------------|
| `.jsonl` | an object with `index` and `description`, as Neuronpedia exports explanations               |
| `.csv`   | a number and a text; a header may call the columns (`index`, `description` in any order)    |
| `.txt`   | a number                                                                                    |

`.gz` or `.zst` may follow. Numbers are counted from 0. White space within a text is one blank.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from superpos.errors import InputError, shown
from superpos.reading.compressed import format_of
from superpos.reading.texts import csv_rows, decoded, lines_of, parsed_json

SUFFIXES = (".jsonl", ".csv", ".txt")
"""What the names of files end in, compression left out."""
INDEX, TEXT = "index", "description"
"""Keys of an object, or names of columns."""


class Line(NamedTuple):
    """One line of a file of latents."""

    number: int
    """Of the line, from 1."""
    latent: int
    text: str
    """Empty if there is none."""


def latent_lines(path: Path) -> Iterator[Line]:
    """Yield the latents that a file names, in its order.

    Raises
    ------
    InputError
        If the file ends in none of `SUFFIXES`, cannot be read, or a line has no number of a latent.
    """
    suffix, _ = format_of(path)
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: cannot be read as a list of latents; allowed: {', '.join(SUFFIXES)}")
    yield from _of_csv(path) if suffix == ".csv" else _of_lines(path, suffix)


def _of_lines(path: Path, suffix: str) -> Iterator[Line]:
    for number, offset, data in lines_of(path):
        text = decoded(data, str(path), offset).strip()
        where = f"{path}: line {number}"
        if not text:
            continue
        if suffix == ".txt":
            yield Line(number, _latent(text, where), "")
            continue
        entry = parsed_json(text, where)
        if not isinstance(entry, dict) or INDEX not in entry:
            raise InputError(f"{where}: {shown(entry)} is no object with the key {INDEX}")
        yield Line(number, _latent(entry[INDEX], where), _text(entry.get(TEXT), where))


def _of_csv(path: Path) -> Iterator[Line]:
    index, text = 0, 1
    for place, (number, row) in enumerate((number, row) for number, row in csv_rows(path) if row):
        names = [field.strip().lower() for field in row]
        if place == 0 and INDEX in names:
            index, text = names.index(INDEX), names.index(TEXT) if TEXT in names else len(names)
            continue
        where = f"{path}: line {number}"
        if len(row) <= index:
            raise InputError(
                f"{where}: has {len(row)} fields, and the number of the latent is field {index + 1}"
            )
        yield Line(number, _latent(row[index], where), _text(row[text] if text < len(row) else "", where))


def _latent(value: Any, where: str) -> int:
    """Return the number of a latent; Neuronpedia writes it as text."""
    text = value.strip() if isinstance(value, str) else str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise InputError(f"{where}: {shown(value)} is no number of a latent, counted from 0")
    return int(text)


def _text(value: Any, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{where}: {TEXT} = {shown(value)} is not text")
    return " ".join(value.split())


def read_labels(path: Path, n_latents: int) -> dict[int, str]:
    """Return the text of each latent that has one; of several the first counts.

    Raises
    ------
    InputError
        As `latent_lines`, or for the number of a latent that is not there.
    """
    found: dict[int, str] = {}
    for line in latent_lines(path):
        check_latent(line.latent, n_latents, f"{path}: line {line.number}")
        if line.text:
            found.setdefault(line.latent, line.text)
    if not found:
        raise InputError(f"{path}: holds no text of any latent ({INDEX}, {TEXT})")
    return found


def read_list(path: Path, n_latents: int) -> tuple[int, ...]:
    """Return the latents of a list in its order.

    Raises
    ------
    InputError
        As `latent_lines`, for one that is not there or named twice, and for an empty list.
    """
    found: dict[int, int] = {}
    for line in latent_lines(path):
        where = f"{path}: line {line.number}"
        check_latent(line.latent, n_latents, where)
        if line.latent in found:
            raise InputError(f"{where}: latent {line.latent} stands in line {found[line.latent]} already")
        found[line.latent] = line.number
    if not found:
        raise InputError(f"{path}: holds no number of a latent")
    return tuple(found)


def check_latent(latent: int, n_latents: int, where: str) -> None:
    """Raise `InputError` for a latent that is not there."""
    if not 0 <= latent < n_latents:
        raise InputError(f"{where}: latent {latent} is not there; there are 0 to {n_latents - 1}")
