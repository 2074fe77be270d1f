"""Rows of a file of labelled texts: each text once, with what its rows say of it.

| a row with                           | what becomes of it                                                  |
|--------------------------------------|---------------------------------------------------------------------|
| no text, or white space alone        | left out, counted (`empty`)                                         |
| no label (nothing, empty text, NaN)  | left out, counted (`without_label`)                                 |
| the text and the label of another    | the text is kept once, the row counted (`repeated`)                 |
| the text of one with another label   | all rows of the text are left out and counted (`contradictory`)     |
| something that is no text or no label | the file is refused; the message names row and key                 |

Texts are compared character by character, labels as they are written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from superpos.datasets.hub_rows import hub_records
from superpos.datasets.labelled.options import LabelledTextOptions
from superpos.datasets.option_files import option_file
from superpos.datasets.record_tables import Part, record_parts
from superpos.datasets.records import Record, plain_value
from superpos.errors import InputError, shown
from superpos.names import unfit_name
from superpos.reading.places import exists
from superpos.reading.refusals import listed
from superpos.specs.datasets import HUB_PREFIX
from superpos.specs.names import UNSTORABLE

Label = str | tuple[str, ...] | tuple[str | None, ...]
"""One label; the labels of a text, sorted; or what each of several columns says, None where it says none."""
COUNTED = ("read", "empty", "without_label", "repeated", "contradictory")
"""What is counted of the rows of a file."""


@dataclass(slots=True)
class TextRows:
    """What the rows of one text say."""

    label: Label
    document: str
    """Names the first of them."""
    where: str
    """Its place, for messages."""
    groups: set[str] = field(default_factory=set)
    n_rows: int = 0
    contradicted: bool = False


@dataclass(slots=True)
class FileRows:
    """The texts of a file, each with its rows."""

    where: str
    texts: dict[str, TextRows] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTED, 0)))


def read_rows(options: LabelledTextOptions, file: str) -> FileRows:
    """Read the rows of a file that a set names.

    Raises
    ------
    InputError
        If there is no such file, it holds no records or lacks a column, or a row has something that is no
        text, no label or no group; names the file, the row and the key.
    ArgumentError
        If a split is named where there are none.
    """
    found = FileRows(file)
    counts = found.counts
    reader = RowReader(options)
    for part, record in islice(_records(options, file, reader), options.max_rows or None):
        counts["read"] += 1
        where = f"{part.where}: {record.unit} {record.number}"
        text, label, group = reader.row(record, where)
        if not text.strip() or label is None:
            counts["without_label" if text.strip() else "empty"] += 1
            continue
        row = found.texts.setdefault(text, TextRows(label, f"{part.name}:{record.number}", where))
        row.n_rows += 1
        row.contradicted |= row.label != label
        row.groups |= {group} if group else set()
    for text in [text for text, row in found.texts.items() if row.contradicted]:
        counts["contradictory"] += found.texts.pop(text).n_rows
    counts["repeated"] = sum(row.n_rows - 1 for row in found.texts.values())
    return found


def _records(options: LabelledTextOptions, file: str, reader: RowReader) -> Iterator[tuple[Part, Record]]:
    for part in parts_of(options, file):
        for record in part.records(partial(reader.columns, part.where)):
            yield part, record


def parts_of(options: LabelledTextOptions, file: str) -> list[Part]:
    """Return the files of records under a name; raises `InputError` if there are none."""
    if file.startswith(HUB_PREFIX):
        spec = options.hub_spec(file)
        wanted = tuple(RowReader(options).wanted)
        return [Part(file, spec.path, partial(hub_records, spec, wanted))]
    path = option_file(file)
    if not exists(path):
        raise InputError(f"{file}: no such file or folder of labelled texts")
    parts = record_parts(path, options.split)
    if not parts:
        raise InputError(
            f"{path}: holds no records; labelled texts come as .csv, .tsv, .jsonl (each also .zst or .gz), "
            ".json or .parquet, in a folder of Parquet files, or in one that datasets.save_to_disk wrote"
        )
    return parts


class RowReader:
    """Takes text, label and group from records."""

    def __init__(self, options: LabelledTextOptions) -> None:
        self.options = options
        self.label_keys = options.label_keys or (options.label_key,)
        self.wanted = {options.text_key: "text", **dict.fromkeys(self.label_keys, "label")}
        """Keys or columns, and what each is for."""
        if options.group_key:
            self.wanted.setdefault(options.group_key, "group")
        self._several: bool | None = None
        """Whether labels are lists, once one is known."""

    def columns(self, where: str, present: Sequence[str]) -> list[str]:
        """Return the columns to read; raises `InputError` if one is not among those present."""
        for key, kind in self.wanted.items():
            if key not in present:
                raise InputError(f"{where}: no column {key!r} for the {kind}; columns: {listed(present)}")
        return list(self.wanted)

    def row(self, record: Record, where: str) -> tuple[str, Label | None, str]:
        """Return text, label and group of a record; no label is None, no group empty text.

        Raises
        ------
        InputError
            For what is no text, no label or no group.
        """
        values = record.values
        if not isinstance(values, dict):
            raise InputError(f"{where}: {shown(values)} is no record of keys and values")
        if self.options.text_key not in values:
            raise InputError(f"{where}: no text under {self.options.text_key!r}; it has {listed(values)}")
        text = plain_value(values[self.options.text_key])
        if not isinstance(text, str):
            raise InputError(
                f"{where}: no text under {self.options.text_key!r} but {shown(text)}; a text is a string"
            )
        if (half := UNSTORABLE.search(text)) and half.group() != "\0":
            raise InputError(
                f"{where}: under {self.options.text_key!r}: half a surrogate pair at character "
                f"{half.start()}, no text"
            )
        group = self._single(values.get(self.options.group_key), self.options.group_key, where)
        return text, self._label(values, where), group or ""

    def _label(self, values: dict[str, Any], where: str) -> Label | None:
        if self.options.label_keys:
            each = tuple(self._single(values.get(key), key, where) for key in self.label_keys)
            return each if any(one is not None for one in each) else None
        key = self.options.label_key
        value = plain_value(values.get(key))
        if self.options.label_separator and isinstance(value, str):
            value = [part for part in value.split(self.options.label_separator) if part.strip()] or None
        several = isinstance(value, list)
        label = self._many(value, key, where) if isinstance(value, list) else self._single(value, key, where)
        if label is not None and self._several not in (None, several):
            kinds = ("one label", "a list of labels")
            raise InputError(
                f"{where}: under {key!r} is {kinds[several]}, in rows before it {kinds[not several]}; "
                "give all rows lists, or none"
            )
        self._several = self._several if label is None else several
        return label

    def _many(self, values: list[Any], key: str, where: str) -> tuple[str, ...]:
        found = (self._single(value, key, where) for value in values)
        return tuple(sorted({one for one in found if one is not None}))

    def _single(self, value: Any, key: str, where: str) -> str | None:
        """Return a label or a group as it is written, None for nothing, empty text and NaN."""
        value = plain_value(value)
        if not isinstance(value, str | bool | int | float):
            raise InputError(
                f"{where}: under {key!r} is {shown(value)}; a label is a string, a number, true or false"
                + ("" if self.options.label_keys or key != self.options.label_key else ", or a list of these")
            )
        text = str(value).strip()
        if not text or text.lower() == "nan":
            return None
        if why := unfit_name(text):
            raise InputError(f"{where}: under {key!r} is {shown(text)}, which is no label: {why}")
        return text
