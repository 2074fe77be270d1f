"""Data sets that the `datasets` library keeps on disk: one table, or several named splits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from superpos.datasets.record_files import BATCH_ROWS, Choose, with_class_names
from superpos.datasets.records import Record
from superpos.errors import InputError
from superpos.reading.places import is_file
from superpos.reading.refusals import listed, parsing

_TABLE, _SPLITS = ("state.json", "dataset_info.json"), "dataset_dict.json"


def is_saved_set(folder: Path) -> bool:
    """Whether `datasets.save_to_disk` wrote a folder."""
    return is_file(folder / _SPLITS) or all(is_file(folder / name) for name in _TABLE)


def from_disk(folder: Path) -> Any:
    """Return what `datasets.load_from_disk` makes of a folder; raises `InputError` if it is damaged."""
    import datasets

    with damaged_set(folder), quiet_datasets():
        return datasets.load_from_disk(str(folder))


def saved_table(folder: Path, split: str) -> Any:
    """Return the `datasets.Dataset` of a folder: the split asked for, or the only one.

    Raises
    ------
    InputError
        If the folder is damaged, has no such split, or several and none is named; lists those it has.
    """
    import datasets

    loaded = from_disk(folder)
    if isinstance(loaded, datasets.DatasetDict):
        names = list(loaded)
        chosen = split or (names[0] if len(names) == 1 else "")
        if chosen not in names:
            what = f"no split {split!r}" if split else "several splits; name one of them"
            raise InputError(f"{folder}: {what}; splits: {listed(names)}")
        loaded = loaded[chosen]
    elif split and str(loaded.split) != split:
        has = f"it is {str(loaded.split)!r}" if loaded.split else "it has no splits"
        raise InputError(f"{folder}: no split {split!r}; {has}")
    return loaded.with_format(None)


def saved_records(table: Any, folder: Path, choose: Choose) -> Iterator[Record]:
    """Yield the rows of the table of a saved data set.

    Raises
    ------
    InputError
        If a column is missing or the rows cannot be read.
    """
    table = table.select_columns(list(choose(table.column_names)))
    classes = class_names(table)
    number = 0
    with damaged_set(folder):
        batches = table.with_format("arrow").iter(batch_size=BATCH_ROWS)
    while True:
        with damaged_set(f"{folder}: rows from {number + 1} on"):
            batch = next(batches, None)
            if batch is None:
                return
            batch.validate(full=True)  # Arrow trusts offsets in a file unless told not to
            names, columns = batch.column_names, [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            number += 1
            yield Record("row", number, with_class_names(dict(zip(names, row, strict=True)), classes))


def damaged_set(place: Path | str) -> AbstractContextManager[None]:
    """Return the context in which what `datasets` and Arrow raise about a saved set becomes one line."""
    import datasets
    import pyarrow as pa

    return parsing(
        place, "a saved data set", datasets.exceptions.DatasetsError, pa.ArrowException, ImportError,
        mend="write it again",
    )  # fmt: skip


def class_names(table: Any) -> dict[str, tuple[str, ...]]:
    """Return the names of the numbered classes (`ClassLabel`) of a table's columns that have them."""
    import datasets

    features = (table.features or {}).items()
    return {key: tuple(kind.names) for key, kind in features if isinstance(kind, datasets.ClassLabel)}


@contextmanager
def quiet_datasets() -> Iterator[None]:
    """Keep progress bars and warnings of the library off the terminal."""
    import datasets

    level, bars = datasets.logging.get_verbosity(), datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if not bars:
            datasets.enable_progress_bars()
