"""Data sets that the `datasets` library keeps on disk: one table, or several named splits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from superpos.datasets.corpus import Document
from superpos.datasets.record_files import BATCH_ROWS
from superpos.datasets.records import Record, RecordReader
from superpos.errors import InputError
from superpos.specs.datasets import CorpusSpec

_TABLE, _SPLITS = ("state.json", "dataset_info.json"), "dataset_dict.json"


def is_saved_set(folder: Path) -> bool:
    """Whether `datasets.save_to_disk` wrote a folder."""
    return (folder / _SPLITS).is_file() or all((folder / name).is_file() for name in _TABLE)


def saved_table(folder: Path, split: str) -> Any:
    """Return the `datasets.Dataset` of a folder: the split asked for, or the only one.

    Raises
    ------
    InputError
        If the folder is damaged, has no such split, or several and none is named; lists those it has.
    """
    import datasets

    try:
        with quiet_datasets():
            loaded = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, TypeError, datasets.exceptions.DatasetsError) as error:
        raise InputError(
            f"{folder}: a saved data set that cannot be read: {one_line(error)}; write it again"
        ) from error
    if isinstance(loaded, datasets.DatasetDict):
        names = list(loaded)
        chosen = split or (names[0] if len(names) == 1 else "")
        if chosen not in names:
            what = f"no split {split!r}" if split else "several splits; name one of them"
            raise InputError(f"{folder}: {what}; splits: {', '.join(names) or 'none'}")
        loaded = loaded[chosen]
    elif split and str(loaded.split) != split:
        has = f"it is {str(loaded.split)!r}" if loaded.split else "it has no splits"
        raise InputError(f"{folder}: no split {split!r}; {has}")
    return loaded.with_format(None)


def saved_documents(folder: Path, spec: CorpusSpec) -> Iterator[Document]:
    """Yield the documents of a saved data set, read by batches of rows.

    Raises
    ------
    InputError
        As `saved_table`, or if a column is missing or a row has no text or label.
    """
    table = saved_table(folder, spec.split)
    reader = RecordReader.of(spec, str(folder), folder.name, label_names(table, spec.label_key))
    columns = reader.columns(table.column_names)
    return reader.documents(_rows(table.select_columns(columns), folder))


def _rows(table: Any, folder: Path) -> Iterator[Record]:
    number = 0
    batches = table.iter(batch_size=BATCH_ROWS)
    while True:
        try:
            batch = next(batches, None)
        except (OSError, ValueError) as error:
            raise InputError(f"{folder}: rows from {number + 1} on: {one_line(error)}") from error
        if batch is None:
            return
        for row in zip(*batch.values(), strict=True):
            number += 1
            yield Record("row", number, dict(zip(batch, row, strict=True)))


def label_names(table: Any, label_key: str) -> tuple[str, ...]:
    """Return the names of numbered labels (`ClassLabel`), empty if the labels are no such numbers."""
    import datasets

    feature = (table.features or {}).get(label_key)
    return tuple(feature.names) if isinstance(feature, datasets.ClassLabel) else ()


def one_line(error: BaseException) -> str:
    """Return the message of an error on one line, cut where it gets long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."


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
