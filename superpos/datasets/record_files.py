"""Files of records: JSON lines, JSON, Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from superpos.datasets.corpus import Document
from superpos.datasets.records import Record, RecordReader
from superpos.errors import InputError
from superpos.reading.places import opened
from superpos.reading.refusals import parsing
from superpos.reading.texts import decoded, lines_of, parsed_json, read_json

BATCH_ROWS = 1024
"""Rows of a table in memory at a time."""


def jsonl_documents(path: Path, reader: RecordReader) -> Iterator[Document]:
    """Yield the documents of a file with one JSON value a line; empty lines are passed over.

    Raises
    ------
    InputError
        If a line is not UTF-8 or not JSON, or its record is not as `RecordReader.documents` wants it.
    """
    return reader.documents(_lines(path))


def _lines(path: Path) -> Iterator[Record]:
    for number, offset, line in lines_of(path):
        where = f"{path}: line {number}"
        text = decoded(line, where, offset)
        if text.strip():
            yield Record("line", number, parsed_json(text, where))


def json_documents(path: Path, reader: RecordReader) -> Iterator[Document]:
    """Yield the documents of a JSON file: a list of texts or of records; raises as `jsonl_documents`."""
    values = read_json(path)
    if not isinstance(values, list):
        raise InputError(f"{path}: holds no list; a corpus is a list of texts or of records with a text each")
    return reader.documents(Record("item", number, value) for number, value in enumerate(values, start=1))


def parquet_documents(path: Path, reader: RecordReader) -> Iterator[Document]:
    """Yield the documents of a Parquet file, read by batches of rows.

    Raises
    ------
    InputError
        If the file is not Parquet, lacks a column, or a row is not as `RecordReader.documents` wants it.
    """
    return _rows(path, reader)


def _rows(path: Path, reader: RecordReader) -> Iterator[Document]:
    import pyarrow as pa
    from pyarrow import parquet

    def damaged() -> AbstractContextManager[None]:
        return parsing(path, "Parquet", pa.ArrowException)

    with opened(path) as stream, ExitStack() as held:
        with damaged():
            file = held.enter_context(parquet.ParquetFile(stream))
            names, metadata = file.schema_arrow.names, file.schema_arrow.metadata
        columns = reader.columns(names)
        named = replace(reader, label_names=_label_names(metadata, reader.label_key))
        with damaged():
            batches = file.iter_batches(batch_size=BATCH_ROWS, columns=columns)
        number = 0
        while True:
            with damaged():
                batch = next(batches, None)
                if batch is None:
                    return
                values = [_values(batch.column(name), f"{path}: ", number, name) for name in columns]
            rows = enumerate(zip(*values, strict=True), start=number + 1)
            yield from named.documents(
                Record("row", index, dict(zip(columns, row, strict=True))) for index, row in rows
            )
            number += batch.num_rows


def _label_names(metadata: Mapping[bytes, bytes] | None, label_key: str) -> Sequence[str]:
    """Return the names of numbered labels that the `datasets` library writes into its Parquet files."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(map(str, features[label_key]["names"]))
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
