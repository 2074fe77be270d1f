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

import numpy as np

from superpos.datasets.builders.alignment import align_ids, seen_text
from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.sequences import TokenLabels
from superpos.datasets.sources import Corpus, Document
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError
from superpos.specs.builders import RegexOptions
from superpos.specs.datasets import DatasetSpec


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
    options = spec.options
    if not isinstance(options, RegexOptions):
        raise ArgumentError("options", f"{type(options).__name__} is not what builder regex is told")
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
