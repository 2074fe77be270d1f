"""Records (a line of JSONL, a row of a table) as documents: which value is the text, which the label.

The text is one string, or a list of strings that are one document each. Numbers of lines, rows and items
count from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from superpos.datasets.corpus import Document
from superpos.errors import InputError, shown
from superpos.names import unfit_name
from superpos.reading.refusals import listed
from superpos.specs.datasets import CorpusSpec

DEFAULT_TEXT_KEY = "text"
FALLBACK_TEXT_KEY = "content"
"""Read where a record lacks the default key."""


class Record(NamedTuple):
    """A record and where it stands: `line` or `row`, and its number."""

    unit: str
    number: int
    values: Any
    """A mapping, or the text itself."""


@dataclass(frozen=True, slots=True)
class RecordReader:
    """How the records of one file or table become documents."""

    where: str
    """File or table that messages name."""
    name: str
    """Begins the names of its documents: `name:number`, `name:number.item` of a list."""
    text_key: str
    label_key: str = ""

    @classmethod
    def of(cls, spec: CorpusSpec, where: str, name: str) -> RecordReader:
        """Return the reader for a corpus."""
        return cls(where, name, spec.text_key, spec.label_key)

    def columns(self, present: Sequence[str]) -> list[str]:
        """Return the columns to read of a table that has `present`.

        Raises
        ------
        InputError
            If the text or the label is not among them.
        """
        text = next((key for key in self._text_keys() if key in present), None)
        for kind, key, missing in (
            ("text", " or ".join(map(repr, self._text_keys())), text is None),
            ("label", repr(self.label_key), bool(self.label_key) and self.label_key not in present),
        ):
            if missing:
                raise InputError(f"{self.where}: no column {key} for the {kind}; columns: {listed(present)}")
        return list(dict.fromkeys(key for key in (text, self.label_key) if key))

    def documents(self, records: Iterable[Record]) -> Iterator[Document]:
        """Yield the documents of records in order.

        Raises
        ------
        InputError
            If a record has no text, or no label where labels are asked for; names file and number.
        """
        for record in records:
            label = self._label(record) if self.label_key else ""
            text = self._text(record)
            name = f"{self.name}:{record.number}"
            if isinstance(text, str):
                yield Document(name, text, label)
            else:
                for item, part in enumerate(text, start=1):
                    yield Document(f"{name}.{item}", part, label)

    def _text_keys(self) -> tuple[str, ...]:
        fallback = (FALLBACK_TEXT_KEY,) if self.text_key == DEFAULT_TEXT_KEY else ()
        return (self.text_key, *fallback)

    def _text(self, record: Record) -> str | list[str]:
        if isinstance(record.values, str):
            return record.values
        keys = self._text_keys()
        present = [key for key in keys if key in record.values] if isinstance(record.values, dict) else []
        if not present:
            has = f"; it has {listed(record.values)}" if isinstance(record.values, dict) else ""
            raise InputError(f"{self._at(record)}: no text under {' or '.join(map(repr, keys))}{has}")
        value = record.values[present[0]]
        items = [plain_value(item) for item in (value if isinstance(value, list) else [value])]
        wrong = next((item for item in items if not isinstance(item, str)), None)
        if wrong is not None:
            raise InputError(
                f"{self._at(record)}: no text under {present[0]!r} but {shown(wrong)}; "
                "a text is a string or a list of strings"
            )
        return items if isinstance(value, list) else items[0]

    def _label(self, record: Record) -> str:
        value = record.values.get(self.label_key) if isinstance(record.values, dict) else None
        if value is None or value == "" or value != value:  # the last is a number that is none
            raise InputError(f"{self._at(record)}: no label under {self.label_key!r}")
        if not isinstance(value, str | bool | int | float):
            raise InputError(
                f"{self._at(record)}: no label under {self.label_key!r} but {shown(value)}; "
                "a label is a string or a number"
            )
        name = str(value)
        if why := unfit_name(name):
            raise InputError(
                f"{self._at(record)}: under {self.label_key!r} is {shown(name)}, which is no label: {why}"
            )
        return name

    def _at(self, record: Record) -> str:
        return f"{self.where}: {record.unit} {record.number}"


def plain_value(value: Any) -> Any:
    """Return text of bytes, empty text for nothing and for NaN; other values as they are."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value
    return "" if value is None or value != value else value  # the last is a number that is none
