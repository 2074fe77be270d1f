"""Reads any corpus that a specification names, and says what stands for its content."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from superpos.datasets.corpus import Corpus, Document, corpus_digest, gather
from superpos.datasets.divided import divided
from superpos.datasets.record_tables import Part, record_parts
from superpos.datasets.records import RecordReader
from superpos.datasets.stdlib_source import stdlib_documents
from superpos.datasets.text_files import file_documents, folder_documents
from superpos.errors import ArgumentError, InputError
from superpos.hashing import canonical_json, text_digest
from superpos.reading.distributions import named_path
from superpos.reading.places import exists, is_folder
from superpos.specs.datasets import FOLDER_LABEL, HUB_PREFIX, CorpusSpec

__all__ = ["Corpus", "Document", "corpus_digest", "load_corpus", "source_digest"]


def load_corpus(spec: CorpusSpec, min_documents: int = 1) -> Corpus:
    """Read the documents of a corpus, each text once.

    Texts are divided into documents as the specification says. A document that stands under two labels says
    nothing about either and is left out; what is left out is counted in the provenance. In a union the name
    of the part is the label of its documents, whatever labels they had, and begins their names.

    Raises
    ------
    InputError
        If the path is missing or the hub cannot be reached; a file is not UTF-8, not JSON, not Parquet or not
        CoNLL-U; a split, column, text, label or heading is missing; or there are fewer documents than
        `min_documents`. Names the file and the line, row or item.
    ArgumentError
        If the specification names no corpus, or asks for labels, a split or a division into documents that
        this kind does not have.
    """
    if spec.kind == "none":
        raise ArgumentError("corpus", "this feature set reads no text")
    if spec.kind == "hub":
        corpus = _load_hub(spec)
    elif spec.kind == "union":
        corpus = _load_union(spec)
    else:
        corpus = _load_files(spec)
    if len(corpus.documents) < max(1, min_documents):
        skipped = ", ".join(
            f"{count} {reason}" for reason, count in corpus.provenance["skipped"].items() if count
        )
        raise InputError(
            f"{_where(spec)}: corpus too small: {len(corpus.documents)} documents with text, "
            f"at least {max(1, min_documents)} needed{f' (left out: {skipped})' if skipped else ''}"
        )
    common = {"corpus": spec.label, "n_documents": len(corpus.documents)}
    if spec.documents != "file":
        common["documents"] = spec.documents
    if spec.documents == "heading":
        common["heading"] = spec.heading_pattern
    return replace(corpus, provenance={**common, **corpus.provenance})


def source_digest(spec: CorpusSpec) -> str:
    """Return what stands for the content of a corpus in a key; empty if there is no corpus.

    Files are read. Of the hub nothing is read but which commit a revision is: the digest is that of
    repository, commit and what would be read.
    """
    if spec.kind == "none":
        return ""
    if spec.kind == "hub":
        from superpos.datasets.hub_source import hub_digest, resolve_commit

        return hub_digest(spec, resolve_commit(spec))
    if spec.kind == "union":
        return _union_digest(spec, [source_digest(part) for _, part in spec.parts])
    return load_corpus(spec).digest


def _where(spec: CorpusSpec) -> str:
    if spec.kind == "stdlib":
        return "the standard library"
    return f"{HUB_PREFIX}{spec.path}" if spec.kind == "hub" else spec.label


def _load_files(spec: CorpusSpec) -> Corpus:
    skipped: dict[str, int] = {}
    source = _stdlib(spec, skipped) if spec.kind == "stdlib" else _text_documents(spec)
    gathered = gather(divided(source, spec, _where(spec)), spec.max_documents, _where(spec), skipped)
    provenance: dict[str, Any] = {"n_bytes": gathered.n_bytes, "skipped": gathered.skipped}
    if spec.kind == "stdlib":
        provenance["python"] = sys.version
    return Corpus(tuple(gathered.documents), corpus_digest(gathered.documents), provenance)


def _load_hub(spec: CorpusSpec) -> Corpus:
    from superpos.datasets.hub_source import load_hub_corpus

    return load_hub_corpus(spec)


def _load_union(spec: CorpusSpec) -> Corpus:
    parts = [(name, load_corpus(part)) for name, part in spec.parts]
    digest = _union_digest(spec, [corpus.digest for _, corpus in parts])
    source = (
        replace(document, name=f"{name}/{document.name}", label=name)
        for name, corpus in parts
        for document in corpus.documents
    )
    gathered = gather(source, spec.max_documents, _where(spec), {})
    provenance = {
        "n_bytes": gathered.n_bytes,
        "skipped": gathered.skipped,
        "parts": {name: dict(corpus.provenance) for name, corpus in parts},
    }
    return Corpus(tuple(gathered.documents), digest, provenance)


def _union_digest(spec: CorpusSpec, digests: list[str]) -> str:
    names = [name for name, _ in spec.parts]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ArgumentError("parts", f"{repeated!r} occurs twice; each part has a name of its own")
    parts = [list(pair) for pair in zip(names, digests, strict=True)]
    return text_digest(canonical_json({"union": parts, "max_documents": spec.max_documents}))


def _stdlib(spec: CorpusSpec, skipped: dict[str, int]) -> Iterator[Document]:
    if spec.label_key != FOLDER_LABEL:
        _refuse(spec, "label_key", f"the standard library has no labels but {FOLDER_LABEL!r}")
    _refuse(spec, "split", "the standard library has no splits")
    return stdlib_documents(skipped, spec.label_key)


def _text_documents(spec: CorpusSpec) -> Iterator[Document]:
    """Return the documents of a file, a folder, or a saved data set."""
    path = named_path(spec.path)
    if not exists(path):
        raise InputError(
            f"{spec.path}: no such file or folder; a corpus is 'stdlib', '{HUB_PREFIX}owner/name', a file or "
            "a folder"
        )
    if parts := record_parts(path, spec.split):
        return _record_documents(parts, spec)
    if is_folder(path):
        return folder_documents(path, spec.label_key)
    _refuse(spec, "label_key", f"{path} is one text; labels come with records, or with folders")
    return file_documents(path, path.name)


def _record_documents(parts: Iterable[Part], spec: CorpusSpec) -> Iterator[Document]:
    for part in parts:
        reader = RecordReader.of(spec, part.where, part.name)
        yield from reader.documents(part.records(reader.columns))


def _refuse(spec: CorpusSpec, key: str, why: str) -> None:
    if getattr(spec, key):
        raise ArgumentError(key, f"{getattr(spec, key)!r} does not apply: {why}")
