"""Documents with a name each, and their digest.

digest of a corpus = SHA-256 over, for each document in order, the UTF-8 bytes of its name and of its text,
each preceded by its length as eight little-endian bytes. Where documents have labels or were made of
something else than plain text, eight bytes 0xff come first and every document gives its label and its source
too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from superpos.errors import InputError, shown
from superpos.names import unfit_character, unfit_name

_LABELLED = b"\xff" * 8


@dataclass(frozen=True, slots=True)
class Document:
    """One text with its name: a path below the corpus root, or file and number of the line or row."""

    name: str
    text: str
    label: str = ""
    """Class of the document, where the corpus names one."""
    source: str = ""
    """What the text was made of where it was not plain text: the lines of CoNLL-U."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents in order with the digest that stands for their content."""

    documents: tuple[Document, ...]
    digest: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Where the text came from and what was left out; JSON data for people."""


@dataclass(slots=True)
class Gathered:
    """Documents that are kept, and how many are not, by reason."""

    documents: list[Document] = field(default_factory=list)
    n_bytes: int = 0
    skipped: dict[str, int] = field(default_factory=dict)


def corpus_digest(documents: Sequence[Document]) -> str:
    """Return the SHA-256 over names and texts in order, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    more = any(document.label or document.source for document in documents)
    if more:
        digest.update(_LABELLED)
    for document in documents:
        parts = [document.name, document.text, *([document.label, document.source] if more else [])]
        for part in (text.encode("utf-8") for text in parts):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


def gather(source: Iterable[Document], limit: int, where: str, skipped: dict[str, int]) -> Gathered:
    """Keep the first document of every text, at most `limit` (0 = all), in order.

    White space is no text. A text that comes again with the same label is left out; one that comes under two
    labels says nothing about either, and is left out wherever it stands. Counts are added to `skipped`.

    Raises
    ------
    InputError
        If a text cannot be written as UTF-8, or a document has a name or a label that no database holds.
    """
    skipped |= {"empty": 0, "duplicate": 0, "two_labels": 0}
    documents: list[Document] = []
    sizes: list[int] = []
    first: dict[bytes, int] = {}
    contradicted: set[int] = set()
    for document in source:
        if not document.text.strip():
            skipped["empty"] += 1
            continue
        try:
            data = document.text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(
                f"{where}: {document.name!a}: half a surrogate pair at character {error.start}, no text"
            ) from None
        if why := unfit_character(document.name) or unfit_name(document.label):
            raise InputError(
                f"{where}: {shown(document.name)}: its name or label {shown(document.label)} is none: {why}"
            )
        place = first.setdefault(hashlib.sha256(data).digest(), len(documents))
        if place == len(documents):
            documents.append(document)
            sizes.append(len(data))
            if len(documents) == limit:
                break
        elif documents[place].label == document.label:
            skipped["duplicate"] += 1
        else:
            skipped["two_labels"] += 1
            contradicted.add(place)
    skipped["two_labels"] += len(contradicted)
    kept = [index for index in range(len(documents)) if index not in contradicted]
    return Gathered([documents[index] for index in kept], sum(sizes[index] for index in kept), skipped)
