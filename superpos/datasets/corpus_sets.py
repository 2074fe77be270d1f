"""Feature sets on text: sequences drawn from a corpus, tokens labelled, positions chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from superpos.arrays import Int
from superpos.datasets.groups import document_groups
from superpos.datasets.labels import examples_of
from superpos.datasets.sampling import choose_positions
from superpos.datasets.sequences import Drawn, Labeller, draw_sequences
from superpos.datasets.sources import Corpus
from superpos.datasets.tokens import TokenTable
from superpos.errors import InputError
from superpos.records.data import LabelledTokens
from superpos.seeding import generator
from superpos.specs.datasets import DatasetSpec

MIN_SAMPLES = 20
"""Fewer samples than this are no feature set."""


class TextLabels(NamedTuple):
    """What a builder says of text: the names of its features, and how a document's tokens are labelled."""

    names: tuple[str, ...]
    labeller: Labeller
    sparse: bool = False
    """Whether few tokens can be sampled: where a text has fewer than asked for, all are taken."""
    provenance: Mapping[str, Any] = {}
    strata: Int | None = None
    """Stratum of each document of the corpus; strata take turns, negative ones are not read; None = all
    alike."""


def build_from_corpus(
    spec: DatasetSpec, features: TextLabels, table: TokenTable, corpus: Corpus
) -> LabelledTokens:
    """Return the labelled tokens of a feature set on text.

    Sequences are chunks of at most `ctx_len` tokens, the special tokens before and behind them included, that
    start at multiples of the chunk length in documents drawn at random; special tokens are never sampled.

    Raises
    ------
    InputError
        If the corpus is too small.
    """
    names = features.names
    drawn = draw_sequences(spec, corpus, table, features.labeller, len(names), features.strata)
    front, back = (np.array(ids, dtype=np.int32) for ids in (table.front, table.back))
    sequences = sorted(drawn.sequences, key=lambda item: (item.document, item.start))
    if len(sequences) < (2 if features.sparse else spec.n_sequences):
        raise InputError(
            f"{spec.corpus.label}: corpus too small: {len(sequences)} sequences of up to {spec.ctx_len} "
            f"tokens in {drawn.read - drawn.unlabelled - drawn.without_samples} usable documents, "
            f"{spec.n_sequences} asked for"
        )
    owners = np.repeat(np.arange(len(sequences)), [len(item.ids) for item in sequences])
    places = np.concatenate([np.arange(len(item.ids)) + len(front) for item in sequences])
    labels = np.concatenate([item.labels for item in sequences])
    eligible = np.flatnonzero(np.concatenate([item.eligible for item in sequences]))
    wanted = MIN_SAMPLES if features.sparse else spec.n_samples
    if len(eligible) < wanted:
        raise InputError(
            f"{spec.corpus.label}: corpus too small: {len(eligible)} positions in {len(sequences)} "
            f"sequences, {wanted} samples asked for"
        )
    n_samples = min(spec.n_samples, len(eligible))
    draw = generator("sample", name=f"{spec.builder}/positions", seed=spec.seed)
    chosen = eligible[
        choose_positions(labels[eligible], owners[eligible], n_samples, spec.min_positives, draw)
    ]
    used = sorted({item.document for item in sequences})
    renumbered = {document: index for index, document in enumerate(used)}
    token_ids = np.concatenate([part for item in sequences for part in (front, item.ids, back)])
    lengths = [table.n_ends + len(item.ids) for item in sequences]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    documents = tuple(corpus.documents[document].name for document in used)
    sequence_documents = np.array([renumbered[item.document] for item in sequences], dtype=np.int64)
    groups, rule = document_groups(sequence_documents)
    sample_lengths = np.ones(n_samples, dtype=np.int64)
    return LabelledTokens(
        feature_names=names,
        token_ids=token_ids,
        sequence_starts=starts,
        sequence_documents=sequence_documents,
        sequence_groups=groups,
        documents=documents,
        sample_sequences=owners[chosen].astype(np.int64),
        sample_positions=places[chosen].astype(np.int64),
        sample_lengths=sample_lengths,
        labels=np.ascontiguousarray(labels[chosen]),
        members=np.ones((n_samples, len(names)), dtype=np.bool_),
        examples=examples_of(
            table.token_bytes,
            table.special,
            token_ids,
            starts,
            documents,
            sequence_documents,
            owners[chosen],
            places[chosen],
            sample_lengths,
            labels[chosen],
        ),
        corpus_digest=corpus.digest,
        tokenizer_digest=table.digest,
        provenance={
            **corpus.provenance,
            **features.provenance,
            **_counts(drawn, len(used)),
            "groups": rule,
            "positives_in_sequences": dict(zip(names, map(int, labels.sum(axis=0)), strict=True)),
        },
    )


def _counts(drawn: Drawn, n_used: int) -> dict[str, int]:
    """Return what was read on the way."""
    return {
        "documents_read": drawn.read,
        "documents_used": n_used,
        "documents_not_labelled": drawn.unlabelled,
        "documents_too_short": drawn.too_short,
        "documents_without_samples": drawn.without_samples,
        "sequences_enriched": drawn.enriched,
    }
