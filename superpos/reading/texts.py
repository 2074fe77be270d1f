"""Text, JSON and CSV of any origin; a byte order mark at the front of JSON and CSV is no part of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superpos.errors import InputError
from superpos.reading.places import opened, read_bytes

BYTE_ORDER_MARK = "\ufeff"
_OTHER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


@dataclass(frozen=True, slots=True)
class LongNumber:
    """A whole number of more digits than Python converts."""

    digits: str

    def __repr__(self) -> str:
        """Say how long it is."""
        return f"a whole number of {len(self.digits)} digits"


def decoded(data: bytes, where: str, offset: int = 0) -> str:
    """Return bytes as text.

    Raises
    ------
    InputError
        If they are not UTF-8; names the first offending byte and its place in the file.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte, place = data[error.start], offset + error.start
        other = next((name for mark, name in _OTHER_MARKS.items() if data.startswith(mark)), "")
        hint = f" (it begins like {other}; save it as UTF-8)" if other and place == 0 else ""
        raise InputError(f"{where}: not UTF-8: byte 0x{byte:02x} at offset {place}{hint}") from None


def read_text(path: Path) -> str:
    """Return a file's text, line ends and marks untouched; raises as `decoded`, or if it cannot be read."""
    return decoded(read_bytes(path), str(path))


def parsed_json(text: str, where: str) -> Any:
    """Return the value of a JSON text.

    A whole number of more digits than Python converts is a `LongNumber`: mostly nobody asked for its key.

    Raises
    ------
    InputError
        If it is not JSON or nested too deeply; names line and column where the text has several lines.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    try:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # a number of thousands of digits
            return json.loads(text, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        place = f" (line {error.lineno}, column {error.colno})" if "\n" in text.strip() else ""
        raise InputError(f"{where}: not JSON: {error.msg}{place}") from None
    except RecursionError:
        raise InputError(f"{where}: not read: lists or records are nested too deeply") from None


def _whole_number(digits: str) -> int | LongNumber:
    try:
        return int(digits)
    except ValueError:
        return LongNumber(digits)


def read_json(path: Path) -> Any:
    """Return the value of a JSON file; raises as `read_text` and `parsed_json`."""
    return parsed_json(read_text(path), str(path))


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that holds an object; raises as `read_json`, or for anything else."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a JSON object")
    return content


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file, each with the number of its last line, counted from 1.

    Raises
    ------
    InputError
        If the file cannot be read, is not UTF-8, or quotes are not closed or stand where none may.
    """
    # Spreadsheets write a byte order mark, which is no part of the first column's name.
    text = read_text(path).removeprefix(BYTE_ORDER_MARK)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise InputError(f"{path}: line {max(1, reader.line_num)}: not CSV: {error}") from None
        if row is None:
            return
        yield reader.line_num, row


def lines_of(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield number (from 1), offset and bytes of every line of a file; a byte order mark is passed over.

    Lines end at line feeds only: text lines would end at a carriage return as well.
    """
    offset = 0
    mark = BYTE_ORDER_MARK.encode("utf-8")
    with opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            start = len(mark) if number == 1 and line.startswith(mark) else 0
            yield number, offset + start, line[start:]
            offset += len(line)
