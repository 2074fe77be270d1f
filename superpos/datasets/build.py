"""Build a feature set: read a corpus, draw sequences and positions, label them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from superpos.datasets.labels import examples_of, identical_features
from superpos.datasets.python_syntax import PYTHON_FEATURES, python_labels
from superpos.datasets.sampling import choose_positions
from superpos.datasets.sequences import Labeller, draw_sequences
from superpos.datasets.sources import Corpus, load_corpus
from superpos.datasets.text_features import TEXT_FEATURES, text_feature_table
from superpos.datasets.tokens import TokenTable, begin_token_of, load_tokens, tokenizer_file
from superpos.errors import InputError
from superpos.hashing import file_digest
from superpos.records.data import LabelledTokens
from superpos.seeding import generator
from superpos.specs.datasets import DatasetSpec
from superpos.specs.versions import ALGORITHM_VERSIONS


def dataset_identity(spec: DatasetSpec, tokenizer_path: Path, corpus: Corpus | None = None) -> dict[str, Any]:
    """Return what the content of a feature set depends on, as canonical JSON data.

    The name of the set and the place of corpus and tokenizer are no part of it, their content is. Files are
    read, nothing is tokenized. Raises `InputError` as `load_corpus` and `load_tokens` do.
    """
    file = tokenizer_file(Path(tokenizer_path))
    return {
        "builder": {
            "builder": spec.builder,
            "n_sequences": spec.n_sequences,
            "ctx_len": spec.ctx_len,
            "n_samples": spec.n_samples,
            "min_positives": spec.min_positives,
            "seed": spec.seed,
        },
        "algorithm_version": ALGORITHM_VERSIONS["dataset"],
        "corpus_digest": (corpus or load_corpus(spec.corpus)).digest,
        "tokenizer_digest": file_digest(file),
        "bos_id": begin_token_of(file),
    }


def build_dataset(spec: DatasetSpec, tokenizer_path: Path, corpus: Corpus | None = None) -> LabelledTokens:
    """Build the labelled tokens of a specification.

    Sequences are chunks of at most `ctx_len` tokens, the leading special token (if the tokenizer has one)
    included, that start at multiples of the chunk length in documents drawn at random; special tokens are
    never sampled.

    Raises
    ------
    InputError
        If the corpus or the tokenizer cannot be read, or the corpus is too small.
    """
    corpus = corpus or load_corpus(spec.corpus)
    table = load_tokens(Path(tokenizer_path))
    names, labeller = _labeller(spec.builder, table)
    drawn = draw_sequences(spec, corpus, table, labeller, len(names))
    lead = [table.bos_id] if table.bos_id >= 0 else []
    sequences = sorted(drawn.sequences, key=lambda item: (item.document, item.start))
    if len(sequences) < spec.n_sequences:
        raise InputError(
            f"{spec.corpus.label}: corpus too small: {len(sequences)} sequences of up to {spec.ctx_len} "
            f"tokens in {drawn.read - drawn.unlabelled} usable documents, {spec.n_sequences} asked for"
        )
    owners = np.repeat(np.arange(len(sequences)), [len(item.ids) for item in sequences])
    places = np.concatenate([np.arange(len(item.ids)) + len(lead) for item in sequences])
    labels = np.concatenate([item.labels for item in sequences])
    eligible = np.flatnonzero(~table.special[np.concatenate([item.ids for item in sequences])])
    if len(eligible) < spec.n_samples:
        raise InputError(
            f"{spec.corpus.label}: corpus too small: {len(eligible)} positions in {len(sequences)} "
            f"sequences, {spec.n_samples} samples asked for"
        )
    draw = generator("sample", name=f"{spec.builder}/positions", seed=spec.seed)
    chosen = eligible[
        choose_positions(labels[eligible], owners[eligible], spec.n_samples, spec.min_positives, draw)
    ]
    used = sorted({item.document for item in sequences})
    renumbered = {document: index for index, document in enumerate(used)}
    token_ids = np.concatenate([np.asarray(lead + item.ids, dtype=np.int32) for item in sequences])
    lengths = [len(lead) + len(item.ids) for item in sequences]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    documents = tuple(corpus.documents[document].name for document in used)
    sequence_documents = np.array([renumbered[item.document] for item in sequences], dtype=np.int64)
    return LabelledTokens(
        feature_names=names,
        token_ids=token_ids,
        sequence_starts=starts,
        sequence_documents=sequence_documents,
        documents=documents,
        sample_sequences=owners[chosen].astype(np.int64),
        sample_positions=places[chosen].astype(np.int64),
        labels=np.ascontiguousarray(labels[chosen]),
        examples=examples_of(
            table.token_bytes,
            table.special,
            token_ids,
            starts,
            documents,
            sequence_documents,
            owners[chosen],
            places[chosen],
            labels[chosen],
        ),
        corpus_digest=corpus.digest,
        tokenizer_digest=table.digest,
        provenance={
            **corpus.provenance,
            "builder": spec.builder,
            "documents_read": drawn.read,
            "documents_used": len(used),
            "documents_not_labelled": drawn.unlabelled,
            "documents_too_short": drawn.too_short,
            "sequences_enriched": drawn.enriched,
            "positives_in_sequences": dict(zip(names, map(int, labels.sum(axis=0)), strict=True)),
            "identical_features": [
                {"features": [names[i], names[j]], "relation": "same" if same else "opposite"}
                for i, j, same in identical_features(labels[chosen])
            ],
            "versions": {
                "python": sys.version,
                "numpy": np.__version__,
                "tokenizers": tokenizers.__version__,
            },
        },
    )


def _labeller(builder: str, table: TokenTable) -> tuple[tuple[str, ...], Labeller]:
    """Return the feature names of a builder and the function from a document's ids to its labels."""
    if builder == "text_features":
        features = text_feature_table(table.token_bytes)
        return TEXT_FEATURES, lambda ids: np.asarray(
            features[np.asarray(ids, dtype=np.int64)], dtype=np.bool_
        )
    return PYTHON_FEATURES, lambda ids: python_labels([table.token_bytes[index] for index in ids])
