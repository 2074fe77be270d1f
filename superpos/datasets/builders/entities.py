"""Named entities: the text ends at a name, the sample is the span of the surname's tokens.

A list says which label each name has (see `entity_lists`); every class is a feature, true for the names of
the class, so features are exclusive. The text before a name is

- `templates`: a prompt that ends at the name, each name in some of them, drawn at random;
- `sentences`: a sentence of the corpus that contains the name, cut after it (see `entity_sentences`).

Each text is a sequence of its own with one sample: the tokens of the surname, which end the text (a suffix
such as Jr. is cut off: what follows the surname changes nothing before it in a causal model). Encoders read
their separator behind it. A text longer than the context loses its front. A surname that a vocabulary cannot
write (`[UNK]`) is left out and counted. `n_sequences` and `min_positives` of the specification play no part;
`n_samples` limits the texts (see `entity_texts`).

Groups of a split: all sequences of a name stay together. With sentences, so do all of a document, and hence
everything that names and documents connect; if more than half of the samples are connected so, names alone
decide, and the provenance says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from superpos.arrays import Int
from superpos.datasets.builders.entity_lists import Entity, read_list
from superpos.datasets.builders.entity_spans import surname_tokens, writes_surname
from superpos.datasets.builders.entity_texts import (
    EntityText,
    TextSource,
    choose_texts,
    from_sentences,
    from_templates,
)
from superpos.datasets.corpus_sets import MIN_SAMPLES
from superpos.datasets.groups import NAMES, NAMES_AND_DOCUMENTS, NAMES_ONLY
from superpos.datasets.labels import examples_of
from superpos.datasets.spellings import spelled_alike
from superpos.datasets.tokens import TokenTable
from superpos.errors import ArgumentError, InputError
from superpos.records.data import LabelledTokens
from superpos.specs.builders import EntityOptions
from superpos.specs.datasets import DatasetSpec


def build(spec: DatasetSpec, table: TokenTable) -> LabelledTokens:
    """Return the labelled surnames of a list of entities.

    Raises
    ------
    InputError
        If the list has a mistake (see `read_entities`), a class that is asked for is not there, the corpus
        cannot be read, or fewer than 20 texts are found.
    """
    options = spec.options
    if not isinstance(options, EntityOptions):
        raise ArgumentError("options", f"{type(options).__name__} is not what builder entities is told")
    path, listed, classes = read_list(options)
    kept = tuple(entity for entity in listed if entity.label in classes)
    make = from_templates if options.contexts == "templates" else from_sentences
    source = make(spec, options, kept)
    texts, dropped = choose_texts(spec, options, kept, classes, source.texts)
    if table.by_offsets:
        written = [item for item in texts if writes_surname(table, item.text, item.surname)]
        dropped = {**dropped, "surnames_not_written": len(texts) - len(written)}
        texts = written
    if len(texts) < MIN_SAMPLES:
        raise InputError(
            f"{path}: {len(texts)} texts for {len(kept)} names ({options.contexts}); at least {MIN_SAMPLES} "
            "are needed"
        )
    made = _assemble(spec, options, table, kept, classes, texts, source, dropped)
    alike = spelled_alike({entity.label for entity in listed}, classes)
    return replace(made, provenance={**made.provenance, "labels_alike": alike})


def _assemble(
    spec: DatasetSpec,
    options: EntityOptions,
    table: TokenTable,
    entities: tuple[Entity, ...],
    classes: tuple[str, ...],
    texts: Sequence[EntityText],
    source: TextSource,
    dropped: Mapping[str, int],
) -> LabelledTokens:
    room = spec.ctx_len - table.n_ends
    sequences: list[list[int]] = []
    spans: list[int] = []
    cut = Counter[str](sequences=0, surnames=0)
    for item in texts:
        ids, count = surname_tokens(table, item.text, item.surname)
        cut["sequences"] += len(ids) > room
        cut["surnames"] += count > room
        sequences.append([*table.front, *ids[-room:], *table.back])
        spans.append(min(count, room))
    owners = [entities[item.entity] for item in texts]
    lengths = np.array([len(ids) for ids in sequences], dtype=np.int64)
    token_ids = np.concatenate([np.asarray(ids, dtype=np.int32) for ids in sequences])
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    used = sorted({item.document for item in texts})
    documents = tuple(source.documents[document] for document in used)
    sequence_documents = np.searchsorted(used, [item.document for item in texts]).astype(np.int64)
    groups, rule = _groups([owner.until_surname for owner in owners], sequence_documents, options)
    own = np.array([classes.index(owner.label) for owner in owners])
    labels = own[:, None] == np.arange(len(classes))
    sample_sequences = np.arange(len(texts), dtype=np.int64)
    sample_positions = lengths - 1 - len(table.back)
    sample_lengths = np.array(spans, dtype=np.int64)
    return LabelledTokens(
        feature_names=classes,
        token_ids=token_ids,
        sequence_starts=starts,
        sequence_documents=sequence_documents,
        sequence_groups=groups,
        documents=documents,
        sample_sequences=sample_sequences,
        sample_positions=sample_positions,
        sample_lengths=sample_lengths,
        labels=labels,
        members=np.ones_like(labels),
        examples=examples_of(
            table.token_bytes, table.special, token_ids, starts, documents, sequence_documents,
            sample_sequences, sample_positions, sample_lengths, labels,
        ),
        corpus_digest=source.digest,
        tokenizer_digest=table.digest,
        provenance={
            **source.provenance,
            **dropped,
            "entities": options.entities,
            "contexts": options.contexts,
            "names_listed": _by_class(classes, [entity.label for entity in entities]),
            "names_used": _by_class(classes, [entities[index].label for index in {i.entity for i in texts}]),
            "samples": _by_class(classes, [owner.label for owner in owners]),
            "sequences_cut": cut["sequences"],
            "surnames_cut": cut["surnames"],
            "tokens_of_a_surname": float(np.mean(sample_lengths)),
            "groups": rule,
        },
    )  # fmt: skip


def _groups(names: list[str], documents: Int, options: EntityOptions) -> tuple[Int, str]:
    """Return the group of every sequence, (n_sequences,), and the rule that made them."""
    _, by_name = np.unique(np.array(names), return_inverse=True)
    if options.contexts == "templates":
        return by_name.astype(np.int64), NAMES
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_names, n_documents = int(by_name.max()) + 1, int(documents.max()) + 1
    edges = (np.ones(len(names), dtype=np.int8), (by_name, documents + n_names))
    size = n_names + n_documents
    _, component = connected_components(coo_array(edges, shape=(size, size)), directed=False)
    _, together = np.unique(component[by_name], return_inverse=True)
    if 2 * int(np.bincount(together).max()) > len(names):
        return by_name.astype(np.int64), NAMES_ONLY
    return together.astype(np.int64), NAMES_AND_DOCUMENTS


def _by_class(classes: tuple[str, ...], labels: list[str]) -> dict[str, int]:
    counts = Counter(labels)
    return {label: counts[label] for label in classes}
