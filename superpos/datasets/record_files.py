"""Files of records: CSV, TSV, JSON lines, JSON, Parquet.

Files of lines may be compressed (`.csv.zst`, `.jsonl.gz`). Records are read one after another, of a table
only the columns that are asked for. Numbered classes that the `datasets` library declares come as their
names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from superpos.datasets.records import Record
from superpos.errors import InputError
from superpos.reading.compressed import format_of
from superpos.reading.places import opened
from superpos.reading.refusals import listed, parsing
from superpos.reading.texts import csv_rows, decoded, lines_of, parsed_json, read_json

BATCH_ROWS = 1024
"""Rows of a table in memory at a time."""
DELIMITERS = {".csv": ",", ".tsv": "\t"}
TABLE_FORMATS = (*DELIMITERS, ".parquet")
"""Endings of files with named columns."""
RECORD_FORMATS = (*DELIMITERS, ".jsonl", ".json", ".parquet")
COMPRESSIBLE = (*DELIMITERS, ".jsonl")
"""Those that may be compressed as a whole; Parquet is so inside."""
Choose = Callable[[Sequence[str]], Sequence[str]]
"""From the columns of a table to those that are read of it; raises `InputError` where one is missing."""


def holds_records(path: Path) -> bool:
    """Whether the name of a file says that it holds records.

    Raises
    ------
    InputError
        If it is compressed in a way, or holds a format, that is not read compressed.
    """
    ending, codec = format_of(path)
    if codec and ending not in COMPRESSIBLE:
        raise InputError(
            f"{path}: is not read compressed; files of {listed(COMPRESSIBLE)} are (.zst or .gz behind it)"
        )
    return ending in RECORD_FORMATS


def file_records(path: Path, choose: Choose) -> Iterator[Record]:
    """Yield the records of a file of one of `RECORD_FORMATS`.

    Raises
    ------
    InputError
        If the file cannot be read, is not what its name says, a line is not UTF-8, or a row has too many or
        too few cells; names file and line, row or item.
    """
    ending, _ = format_of(path)
    if ending in DELIMITERS:
        return _csv_records(path, DELIMITERS[ending], choose)
    if ending == ".parquet":
        return _parquet_records(path, choose)
    return _json_records(path) if ending == ".json" else _jsonl_records(path)


def _csv_records(path: Path, delimiter: str, choose: Choose) -> Iterator[Record]:
    """Yield the rows below the first one, which names the columns; empty lines are passed over."""
    rows = csv_rows(path, delimiter)
    line, header = next(((line, row) for line, row in rows if row), (1, []))
    names = [name.strip() for name in header]
    columns = choose(names)
    if repeated := next((name for name in columns if names.count(name) > 1), None):
        raise InputError(f"{path}: line {line}: there is more than one column {repeated!r}")
    places = [(name, names.index(name)) for name in columns]
    for number, row in rows:
        if len(row) == len(names):
            yield Record("line", number, {name: row[place] for name, place in places})
        elif row:
            raise InputError(f"{path}: line {number}: {len(row)} cells; the header has {len(names)} columns")


def _jsonl_records(path: Path) -> Iterator[Record]:
    """Yield the values of lines that are not empty."""
    for number, offset, line in lines_of(path):
        where = f"{path}: line {number}"
        text = decoded(line, where, offset)
        if text.strip():
            yield Record("line", number, parsed_json(text, where))


def _json_records(path: Path) -> Iterator[Record]:
    values = read_json(path)
    if not isinstance(values, list):
        raise InputError(f"{path}: holds no list; a corpus is a list of texts or of records with a text each")
    for number, value in enumerate(values, start=1):
        yield Record("item", number, value)


def _parquet_records(path: Path, choose: Choose) -> Iterator[Record]:
    """Yield the rows of a Parquet file, read by batches."""
    import pyarrow as pa
    from pyarrow import parquet

    def damaged() -> AbstractContextManager[None]:
        return parsing(path, "Parquet", pa.ArrowException)

    with opened(path) as stream, ExitStack() as held:
        with damaged():
            file = held.enter_context(parquet.ParquetFile(stream))
            names, metadata = file.schema_arrow.names, file.schema_arrow.metadata
        columns = list(choose(names))
        classes = {name: _class_names(metadata, name) for name in columns}
        with damaged():  # without threads: those of Arrow may read on while Python ends, and abort it
            batches = file.iter_batches(batch_size=BATCH_ROWS, columns=columns, use_threads=False)
        number = 0
        while True:
            with damaged():
                batch = next(batches, None)
                if batch is None:
                    return
                values = [_values(batch.column(name), f"{path}: ", number, name) for name in columns]
            for row in zip(*values, strict=True):
                number += 1
                yield Record("row", number, with_class_names(dict(zip(columns, row, strict=True)), classes))


def with_class_names(values: Mapping[str, Any], classes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return a row with the numbers of classes as their names; a number that has none becomes None."""
    return {
        key: _class_name(value, classes[key]) if classes.get(key) and isinstance(value, int) else value
        for key, value in values.items()
    }


def _class_name(number: int, names: Sequence[str]) -> str | None:
    return names[number] if 0 <= number < len(names) else None


def _class_names(metadata: Mapping[bytes, bytes] | None, column: str) -> Sequence[str]:
    """Return the names of numbered classes that the `datasets` library writes into its Parquet files."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(map(str, features[column]["names"]))
    except (KeyError, RecursionError, TypeError, ValueError):  # other columns, other writers
        return ()


def _values(column: Any, where: str, before: int, name: str) -> list[Any]:
    """Return the values of a column as Python's; names the first row whose bytes are no text."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        for number, item in enumerate(column, start=before + 1):
            try:
                item.as_py()
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{where}row {number}: column {name!r} is not UTF-8: byte "
                    f"0x{error.object[error.start]:02x} at offset {error.start}"
                ) from None
        raise
