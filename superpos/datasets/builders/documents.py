"""Labels of whole documents: programming language, natural language, source, topic.

| matter        | convention                                                                             |
|---------------|----------------------------------------------------------------------------------------|
| positive      | every sampled token of a document with the label; classes exclude one another          |
| classes       | those of the options in their order, else every label of `min_documents` or more, sorted |
| other labels  | their documents are not read                                                           |
| no samples    | in the first `skip_tokens` tokens of a sequence: a label needs some text before it     |
| balance       | classes take turns when documents are drawn, each class in random order                |

Balance by turns gives every class the same number of documents until one has no more; further sequences of
its documents are then taken where it is short of positives. Provenance counts documents of each label.

Source of the idea: the programming and natural language sets and the text distribution set of Gurnee et al.,
Finding Neurons in a Haystack (2023).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from superpos.datasets.corpus_sets import TextLabels
from superpos.datasets.sequences import TokenLabels, chunk_length
from superpos.datasets.sources import Corpus, Document
from superpos.datasets.spellings import spelled_alike
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError, InputError, allowed
from superpos.kinds.builders import Builder
from superpos.specs.axes import check_count
from superpos.specs.datasets import FOLDER_LABEL, DatasetSpec
from superpos.specs.names import check_names

SHOWN = 12
"""Labels that a message lists."""


@dataclass(frozen=True, slots=True)
class DocumentOptions:
    """Classes of the builder `documents`; empty = every label that enough documents of the corpus have."""

    classes: tuple[str, ...] = ()
    """Labels to keep, two or more; empty = every label of enough documents."""
    min_documents: int = 10
    """Labels of fewer documents are left out when `classes` is empty."""
    skip_tokens: int = 8
    """Tokens at the start of a sequence that are never sampled: a label needs some text before it."""

    def __post_init__(self) -> None:
        """Check; raises `ArgumentError`."""
        check_names("classes", self.classes, minimum=2 if self.classes else 0)
        object.__setattr__(self, "min_documents", check_count("min_documents", self.min_documents, 2))
        object.__setattr__(self, "skip_tokens", check_count("skip_tokens", self.skip_tokens, 0))


def document_classes(options: DocumentOptions, corpus: Corpus, label: str) -> tuple[str, ...]:
    """Return the labels that are features.

    Parameters
    ----------
    options
        Of the builder.
    corpus
        Documents with labels.
    label
        Name of the corpus in messages.

    Raises
    ------
    InputError
        If no document has a label, a class that was asked for has no document, or fewer than two labels have
        enough documents.
    """
    counts = Counter(document.label for document in corpus.documents if document.label)
    if not counts:
        raise InputError(
            f"{label}: no document has a label; name the column or key of the label with label_key "
            f"({FOLDER_LABEL!r} for the first folder of a file's path), or join corpora with names"
        )
    for name in options.classes:
        if name not in counts:
            raise InputError(f"{label}: classes: no document has the label {name!r}; {allowed(name, counts)}")
    if options.classes:
        return options.classes
    enough = sorted(name for name, count in counts.items() if count >= options.min_documents)
    if len(enough) < 2:
        largest = ", ".join(f"{name} {count}" for name, count in counts.most_common(SHOWN))
        raise InputError(
            f"{label}: min_documents: {len(enough)} of {len(counts)} labels have {options.min_documents} "
            f"documents, at least 2 are needed; the largest: {largest}"
        )
    return tuple(enough)


def text_labels(spec: DatasetSpec, table: TokenTable, corpus: Corpus) -> TextLabels:
    """Return the label of each document for all its tokens.

    Raises
    ------
    InputError
        As `document_classes`.
    ArgumentError
        If `skip_tokens` leaves no token of a sequence, or the specification carries the options of another
        builder.
    """
    options = spec.told(DocumentOptions, "documents")
    length = chunk_length(spec, table)
    if options.skip_tokens >= length:
        raise ArgumentError(
            "skip_tokens", f"{options.skip_tokens} leaves none of the {length} tokens of a sequence"
        )
    names = document_classes(options, corpus, spec.corpus.label)
    column = {name: index for index, name in enumerate(names)}
    strata = np.array([column.get(document.label, -1) for document in corpus.documents], dtype=np.int64)

    def label(document: Document, ids: list[int]) -> TokenLabels | None:
        if document.label not in column:
            return None
        labels = np.zeros((len(ids), len(names)), dtype=np.bool_)
        labels[:, column[document.label]] = True
        return TokenLabels(labels, np.arange(len(ids)) % length >= options.skip_tokens)

    counts = Counter(document.label for document in corpus.documents)
    provenance = {
        "labels_alike": spelled_alike(filter(None, counts), names),
        "documents_of_class": {name: counts[name] for name in names},
        "documents_of_other_labels": int(np.count_nonzero(strata < 0)),
    }
    return TextLabels(names, label, provenance=provenance, strata=strata)


def _foreseen(spec: DatasetSpec, corpus: Corpus) -> dict[str, Any]:
    counts = Counter(document.label for document in corpus.documents if document.label)
    return {"labels_alike": spelled_alike(counts, spec.told(DocumentOptions).classes or None)}


KIND = Builder(
    name="documents",
    version=1,
    rank=6,
    meaning="Labels of whole documents.",
    feature="the label of the document",
    options=DocumentOptions,
    text_labels=text_labels,
    needs_corpus=True,
    labelled_corpus=True,
    foreseen=_foreseen,
)
