"""Texts with labels, one sample each: at the last token, at the end, or over the tokens of the text.

| matter     | convention                                                                                |
|------------|-------------------------------------------------------------------------------------------|
| rows       | each text once; contradictory ones are left out, all counted (`labelled.rows`)            |
| features   | what the labels mean (`labelled.features`); a file each has texts of its own              |
| sample     | where the text is read (`labelled.reading`); one that is too long loses its front         |
| draw       | `n_samples` at most, as many of each combination of labels (`labelled.drawing`)           |
| groups     | texts that differ in capitals or white space alone, and those of one `group_key`          |

A text that several files have is one sequence, and a sample of the features of all of them. Sequences are in
the order of their texts, so that the order of the rows plays no part. `n_sequences` and `min_positives` of
the specification play none either.

Source of the idea: the data of Kantamneni et al., "Are Sparse Autoencoders Useful? A Case Study in Sparse
Probing" (2025), and of Marks and Tegmark, "The Geometry of Truth" (2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from superpos.arrays import Int
from superpos.datasets.corpus import Document, corpus_digest
from superpos.datasets.corpus_sets import MIN_SAMPLES
from superpos.datasets.groups import TEXTS, TEXTS_BY_KEY
from superpos.datasets.hub_rows import hub_content
from superpos.datasets.labelled.candidates import Candidates, read_candidates, text_groups
from superpos.datasets.labelled.drawing import Drawn, draw_texts
from superpos.datasets.labelled.options import LabelledTextOptions, read
from superpos.datasets.labelled.reading import POOLED, TextReader
from superpos.datasets.labels import examples_of
from superpos.datasets.option_files import option_digest, option_file, with_files
from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.kinds.builders import Builder
from superpos.reading.places import is_file
from superpos.records.data import LabelledTokens
from superpos.specs.datasets import HUB_PREFIX, DatasetSpec

SMALL_FILE = 1 << 22
"""Bytes of the files of a set, 4 MiB, that are read while a study is planned."""


def build(spec: DatasetSpec, table: TokenTable) -> LabelledTokens:
    """Return the labelled texts of a set.

    Raises
    ------
    InputError
        If a file cannot be read or has not what it should (file, row and key are named), the tokenizer has no
        position that is asked for, or fewer than 20 texts are left.
    """
    options = spec.told(LabelledTextOptions, "labelled_texts")
    reader = TextReader(spec, table)
    found = read_candidates(options)
    groups = text_groups(found.texts)
    if options.group_key and len(np.unique(groups)) < 2:
        raise InputError(
            f"{_where(options)}: group_key: all texts have one {options.group_key!r} (or are connected by "
            "equal texts), so that none could be held out; name another column"
        )
    drawn = draw_texts(spec, found.texts, groups, reader)
    if len(drawn.texts) < MIN_SAMPLES:
        left_out = ", ".join(f"{n} {name}" for name, n in {**found.rows, **drawn.counts}.items() if n)
        raise InputError(
            f"{_where(options)}: {len(drawn.texts)} texts; at least {MIN_SAMPLES} are needed (rows: "
            f"{left_out})"
        )
    return _assemble(options, table, found, groups, drawn)


def _assemble(
    options: LabelledTextOptions, table: TokenTable, found: Candidates, groups: Int, drawn: Drawn
) -> LabelledTokens:
    indices = sorted(drawn.texts)
    texts = [drawn.texts[index] for index in indices]
    used = [found.texts[index] for index in indices]
    lengths = np.array([len(item.ids) for item in texts], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    token_ids = np.concatenate([np.asarray(item.ids, dtype=np.int32) for item in texts])
    order = np.arange(len(texts), dtype=np.int64)
    positions = np.array([item.position for item in texts], dtype=np.int64)
    spans = np.array([item.length for item in texts], dtype=np.int64)
    labels = np.array([[bool(value) for value in item.truth] for item in used], dtype=np.bool_)
    members = np.array([[value is not None for value in item.truth] for item in used], dtype=np.bool_)
    documents = tuple(item.document for item in used)
    _, own_groups = np.unique(groups[indices], return_inverse=True)
    counts: dict[str, Any] = {name: drawn.counts[name] for name in sorted(drawn.counts)}
    return LabelledTokens(
        feature_names=found.names,
        token_ids=token_ids,
        sequence_starts=starts,
        sequence_documents=order,
        sequence_groups=own_groups.astype(np.int64),
        documents=documents,
        sample_sequences=order,
        sample_positions=positions,
        sample_lengths=spans,
        labels=labels,
        members=members,
        examples=examples_of(
            table.token_bytes, table.special, token_ids, starts, documents, order, order, positions, spans,
            labels,
        ),
        corpus_digest=corpus_digest([Document(item.document, item.text) for item in used]),
        tokenizer_digest=table.digest,
        provenance={
            "files": list(options.named_files),
            "position": options.position,
            "template": options.template,
            "rows": dict(found.rows),
            "texts_left_out": counts,
            "texts_drawn": len(texts),
            "texts_cut": sum(item.is_cut for item in texts),
            "bins_at": found.edges,
            "labels_alike": found.labels_alike,
            "groups": TEXTS_BY_KEY if options.group_key else TEXTS,
        },
    )  # fmt: skip


def _where(options: LabelledTextOptions) -> str:
    first, *more = options.named_files
    return f"{first} and {len(more)} more" if more else first


def _source(options: LabelledTextOptions, _corpus: str) -> str:
    first, *more = (Path(file).name for file in options.named_files)
    return f"{first} and {len(more)} more files" if more else first


def _features(options: LabelledTextOptions) -> tuple[str, ...] | None:
    """Return the features, where they are known without reading a file."""
    if options.files:
        return tuple(one.name for one in options.files)
    return options.label_keys or options.classes or None


def _content(options: LabelledTextOptions) -> Mapping[str, Any]:
    """Return what stands for the files: their content, of the hub the commit whatever revision means it."""

    def digest(file: str) -> str:
        is_hub = file.startswith(HUB_PREFIX)
        return hub_content(options.hub_spec(file)) if is_hub else option_digest(file)

    values = {name: with_files(getattr(options, name), digest) for name in options.FILES}
    return {"file": values["file"], "files": [asdict(one) for one in values["files"]], "revision": ""}


def _try_files(spec: DatasetSpec, _tokenizer: Path) -> None:
    """Read files of at most `SMALL_FILE` bytes."""
    options = spec.told(LabelledTextOptions)
    places = [option_file(file) for file in options.named_files]
    if all(map(is_file, places)) and sum(place.stat().st_size for place in places) <= SMALL_FILE:
        read_candidates(options)


KIND = Builder(
    name="labelled_texts",
    version=1,
    rank=7,
    meaning="Labels of whole texts, read at one place of each.",
    feature="a label of the text",
    samples="texts: a token, or a span",
    options=LabelledTextOptions,
    read=read,
    content=_content,
    build=build,
    without_corpus="the texts are those of `file` or `files`; leave it out",
    documents="texts",
    sample_unit=lambda options: "span" if options.position in POOLED else "token",
    poolings=lambda options: (options.position,) if options.position in POOLED else (),
    features=_features,
    source=_source,
    try_files=_try_files,
)
