"""Rows of a data set of the hub: some columns of the first rows of a split, at a commit.

They are streamed, and what was read is kept beside the corpora of the hub (`hub_source`), a JSON object a
line, so that the same rows are read again without a network.
"""

from __future__ import annotations

import gc
import gzip
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from superpos.datasets.hub_source import (
    DEFAULT_SPLIT,
    READ_AGAIN,
    keep,
    kept_file,
    open_table,
    resolve_commit,
    streamed_records,
)
from superpos.datasets.record_files import Choose
from superpos.datasets.records import Record, plain_value
from superpos.errors import InputError
from superpos.hashing import canonical_json, text_digest
from superpos.reading.texts import lines_of, parsed_json
from superpos.specs.datasets import CorpusSpec


def hub_content(spec: CorpusSpec) -> str:
    """Return what stands for the content of a data set in keys: its name and commit; nothing is read of it.

    Raises
    ------
    InputError
        As `resolve_commit`.
    """
    return text_digest(canonical_json({"repository": spec.path, "commit": resolve_commit(spec)}))


def hub_records(spec: CorpusSpec, columns: Sequence[str], choose: Choose) -> Iterator[Record]:
    """Yield the first `max_documents` rows.

    Parameters
    ----------
    spec
        Repository, configuration, split, revision and number of rows.
    columns
        Those that are read.
    choose
        Refuses a table that lacks one.

    Raises
    ------
    InputError
        If the hub cannot be reached and nothing was kept, or it lacks configuration, split or column.
    """
    commit = resolve_commit(spec)
    what = {
        "repository": spec.path,
        "commit": commit,
        "config": spec.config,
        "split": spec.split or DEFAULT_SPLIT,
        "columns": sorted(columns),
        "rows": spec.max_documents,
    }
    file = kept_file(text_digest(canonical_json(what)), "rows", ".jsonl.gz")
    if file.is_file():
        yield from _kept(file)
        return
    records, is_snapshot = _read(spec, commit, choose)
    if not is_snapshot:  # which may lack files
        lines = [json.dumps(record.values, default=_text) for record in records]
        keep(file, lambda temporary: _write(temporary, lines))
    yield from records


def _read(spec: CorpusSpec, commit: str, choose: Choose) -> tuple[list[Record], bool]:
    table, is_snapshot = open_table(spec, commit)
    rows = streamed_records(table, spec, commit, choose)
    try:
        return list(islice(rows, spec.max_documents)), is_snapshot
    finally:  # as for corpora: a stream must not outlive its reader
        rows.close()
        del rows, table
        gc.collect()


def _write(file: Path, lines: list[str]) -> None:
    with gzip.open(file, "wt", encoding="ascii") as stream:
        stream.writelines(f"{line}\n" for line in lines)


def _kept(file: Path) -> Iterator[Record]:
    try:
        for number, _, line in lines_of(file):
            yield Record(
                "row", number, parsed_json(line.decode("ascii", "replace"), f"{file}: line {number}")
            )
    except InputError as error:
        raise InputError(f"{error}; {READ_AGAIN}") from error


def _text(value: Any) -> str:
    """Return what JSON has no form for as text."""
    found = plain_value(value)
    return found if isinstance(found, str) else repr(found)
