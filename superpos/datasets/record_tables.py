"""Files and folders of records: what there is under a name, as parts that are read one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from superpos.datasets.record_files import Choose, file_records, holds_records
from superpos.datasets.records import Record
from superpos.datasets.saved_sets import is_saved_set, saved_records, saved_table
from superpos.datasets.text_files import files_below
from superpos.errors import ArgumentError, InputError, shown
from superpos.reading.places import is_folder
from superpos.reading.refusals import listed


class Part(NamedTuple):
    """A file of records, or a saved data set."""

    where: str
    """What messages name."""
    name: str
    """Begins the names of its documents."""
    records: Callable[[Choose], Iterator[Record]]


def record_parts(path: Path, split: str) -> list[Part]:
    """Return the parts of a file of records, a saved data set or a folder of Parquet files; none of others.

    Parameters
    ----------
    path
        A file or a folder that exists.
    split
        Split to read; empty where there is one only.

    Raises
    ------
    InputError
        If a split is missing or has to be named.
    ArgumentError
        If a split is named where there are none.
    """
    if not is_folder(path):
        refuse_split(split, f"{path} is a single file")
        return [_file_part(path, path.name)] if holds_records(path) else []
    if is_saved_set(path):
        table = saved_table(path, split)
        return [Part(str(path), path.name, partial(saved_records, table, path))]
    tables = files_below(path, (".parquet",))
    if not tables:
        refuse_split(split, f"{path} is no saved data set and holds no Parquet files")
    return [_file_part(file, name) for name, file in _of_split(tables, split, path)]


def refuse_split(split: str, why: str) -> None:
    """Raise `ArgumentError` if a split is named where there are none."""
    if split:
        raise ArgumentError("split", f"{shown(split)} does not apply: {why}")


def _file_part(file: Path, name: str) -> Part:
    return Part(str(file), name, partial(file_records, file))


def _of_split(tables: list[tuple[str, Path]], split: str, folder: Path) -> list[tuple[str, Path]]:
    """Return the files whose name or folder says that they are of the split."""
    chosen = [
        (name, file)
        for name, file in tables
        if not split or split in (file.stem.split("-")[0], *name.split("/")[:-1])
    ]
    if tables and not chosen:
        raise InputError(
            f"{folder}: no Parquet file of split {split!r}; files: {listed(name for name, _ in tables)}"
        )
    return chosen
