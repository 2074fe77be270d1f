"""Regular expressions over a document's text: a token is positive if it holds a character of a match.

| matter                | convention                                                                     |
|-----------------------|--------------------------------------------------------------------------------|
| where patterns look   | the whole text of the document, before it is cut into sequences, in the        |
|                       | Unicode normal form that the tokenizer makes of it, if it makes one            |
| which matches         | those of `re.finditer`: leftmost first, not overlapping                        |
| empty matches         | hold no character and contribute nothing                                       |
| flags                 | `ignore_case`, others within the pattern: `(?m)` for `^` and `$` at line ends  |
| a token with more     | positive too: ` (the` shares `(` with a match of `[(]`                         |
| a character cut apart | every token with one of its bytes holds it                                     |

Documents whose tokens do not spell their text (see `alignment`) are left out and counted among the documents
without labels. Provenance counts the matches in the documents that were read (`matches`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from superpos.datasets.alignment import align_ids, seen_text
from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.sequences import TokenLabels
from superpos.datasets.sources import Corpus, Document
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError
from superpos.kinds.builders import Builder
from superpos.specs.builder_tables import read_features
from superpos.specs.datasets import DatasetSpec
from superpos.specs.names import check_name, check_names, check_pattern
from superpos.specs.toml_table import Table


@dataclass(frozen=True, slots=True)
class SpanPattern:
    """A regular expression over a document's text: tokens that share a character with a match."""

    name: str
    regex: str
    ignore_case: bool = False

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_name(f"features.{self.name}", self.name)
        if not self.regex:
            raise ArgumentError(f"features.{self.name}", "is empty; give a regular expression")
        check_pattern(f"features.{self.name}", self.regex)


@dataclass(frozen=True, slots=True)
class RegexOptions:
    """Features of the builder `regex`."""

    features: tuple[SpanPattern, ...]
    """Names to a regular expression, or a table with `regex` and `ignore_case`; two or more."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("features", tuple(feature.name for feature in self.features), minimum=2)


def spans_of(pattern: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    """Return start and end of every match that holds a character."""
    return [match.span() for match in pattern.finditer(text) if match.end() > match.start()]


def text_labels(spec: DatasetSpec, table: TokenTable, corpus: Corpus) -> TextLabels:  # noqa: ARG001 (one signature for all builders)
    """Return the features of tokens by the matches that they share a character with.

    Raises
    ------
    ArgumentError
        If the specification carries the options of another builder.
    """
    options = spec.told(RegexOptions, "regex")
    names = tuple(feature.name for feature in options.features)
    patterns = [
        re.compile(feature.regex, re.IGNORECASE if feature.ignore_case else 0) for feature in options.features
    ]
    matches = dict.fromkeys(names, 0)

    def label(document: Document, ids: list[int]) -> TokenLabels | None:
        text = seen_text(document.text, table)
        aligned = align_ids(text, ids, table)
        if aligned is None:
            return None
        labels = np.zeros((len(ids), len(names)), dtype=np.bool_)
        for column, (name, pattern) in enumerate(zip(names, patterns, strict=True)):
            spans = spans_of(pattern, text)
            matches[name] += len(spans)
            labels[:, column] = aligned.sharing(spans, len(text))
        return TokenLabels(labels)

    return TextLabels(names, label, provenance={"matches": matches})


def _read(table: Table) -> RegexOptions:
    return table.build(RegexOptions, features=read_features(table, _read_pattern))


def _read_pattern(name: str, value: Any, table: Table) -> SpanPattern:
    """Read a regular expression, or a table with one and `ignore_case`."""
    one = table.inside(name, value if isinstance(value, dict) else {"regex": value})
    fields: dict[str, Any] = {
        "regex": one.take("regex", str),
        "ignore_case": one.take("ignore_case", bool, False),
    }
    one.finish()
    return table.build(SpanPattern, {f"features.{name}": name}, name=name, **fields)


KIND = Builder(
    name="regex",
    version=1,
    rank=4,
    meaning="Regular expressions over the text of a document.",
    feature="a regular expression; true for tokens inside a match",
    options=RegexOptions,
    read=_read,
    text_labels=text_labels,
)
