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
from superpos.reading.compressed import format_of, unpacked
from superpos.reading.places import read_bytes
from superpos.reading.refusals import one_line

BYTE_ORDER_MARK = "\ufeff"
LONGEST_LINE = 1 << 26
"""Bytes of a line that is read, 64 MiB; a file without line ends would else be held in memory as a whole."""
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


def csv_rows(path: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file, each with the number of its last line, counted from 1.

    The file is read by lines, as `lines_of` does; a line ends at a line feed or a carriage return.

    Raises
    ------
    InputError
        If the file cannot be read, is not UTF-8, has a line or a cell that is too long, or quotes are not
        closed or stand where none may.
    """
    if csv.field_size_limit() < LONGEST_LINE:  # a limit of the whole process, 128 KiB at first
        csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(_text_lines(path), delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise InputError(f"{path}: line {max(1, reader.line_num)}: not CSV: {error}") from None
        if row is None:
            return
        yield reader.line_num, row


def _text_lines(path: Path) -> Iterator[str]:
    for number, offset, line in lines_of(path):
        text = decoded(line, f"{path}: line {number}", offset)
        if "\r" in text:
            yield from io.StringIO(text, newline="")  # which ends lines at carriage returns, too
        else:
            yield text


def lines_of(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield number (from 1), offset and bytes of every line of a file; a byte order mark is passed over.

    Lines end at line feeds only: text lines would end at a carriage return as well. A file whose name says
    that it is compressed is unpacked; offsets are those of what it holds.

    Raises
    ------
    InputError
        If the file cannot be read or unpacked, or a line has more than `LONGEST_LINE` bytes.
    """
    number, offset = 0, 0
    mark = BYTE_ORDER_MARK.encode("utf-8")
    _, codec = format_of(path)
    with unpacked(path) as stream:
        while True:
            try:
                line = stream.readline(LONGEST_LINE + 1)
            except OSError as error:
                if codec and error.errno is None:  # the library's own; the system's have a number
                    raise InputError(f"{path}: cannot be read as {codec}: {one_line(error)}") from error
                raise
            if not line:
                return
            number += 1
            if len(line) > LONGEST_LINE:
                raise InputError(f"{path}: line {number}: has more than {LONGEST_LINE:,} bytes")
            start = len(mark) if number == 1 and line.startswith(mark) else 0
            yield number, offset + start, line[start:]
            offset += len(line)
