"""Build a feature set of any builder that has probes; say what its content depends on."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from superpos.datasets.corpus_sets import build_from_corpus
from superpos.datasets.duplicates import label_copies
from superpos.datasets.labels import count_labels, identical_features
from superpos.datasets.option_files import files_of, option_digest, with_files
from superpos.datasets.packages import packages_provenance
from superpos.datasets.sequences import chunk_length
from superpos.datasets.sources import Corpus, load_corpus, source_digest
from superpos.datasets.tokens import TokenTable, load_tokens
from superpos.errors import ArgumentError, InputError, shown
from superpos.kinds.builders import BUILDERS
from superpos.names import unfit_character, unfit_name
from superpos.records.data import FeatureStatus, LabelledTokens
from superpos.specs.datasets import DatasetSpec
from superpos.specs.versions import ALGORITHM_VERSIONS

SINGLE = "token"
"""Pooling of sets whose samples are single tokens."""


def set_poolings(spec: DatasetSpec) -> tuple[str, ...]:
    """Return how a set's samples become one vector each; none if the block of the study says how."""
    if sample_unit(spec) != "span":
        return (SINGLE,)
    return () if spec.kind.poolings is None else spec.kind.poolings(spec.options)


def sample_unit(spec: DatasetSpec) -> str:
    """Return whether a set's samples are single tokens (`token`) or spans (`span`)."""
    return "token" if spec.kind.sample_unit is None else spec.kind.sample_unit(spec.options)


def kind_identity(spec: DatasetSpec) -> dict[str, Any]:
    """Return what the builder adds to the identity: where it is from and its version; nothing for ours."""
    said = BUILDERS.identity(spec.builder)
    return {"kind": said} if said else {}


def settled(spec: DatasetSpec, table: TokenTable) -> DatasetSpec:
    """Return the set with the options in force, where the builder leaves one to the tokenizer."""
    options: Any = spec.options if spec.kind.settle is None else spec.kind.settle(spec, table)
    return spec if options == spec.options else replace(spec, options=options)


def options_identity(spec: DatasetSpec) -> dict[str, Any]:
    """Return what a builder is told with the content of its files in the place of their names."""
    options = asdict(spec.options)
    more = {} if spec.kind.content is None else spec.kind.content(spec.options)
    files = {name: with_files(options[name], option_digest) for name in spec.kind.files if name not in more}
    return {**options, **files, **more}


def dataset_identity(spec: DatasetSpec, tokenizer_path: Path, corpus: Corpus | None = None) -> dict[str, Any]:
    """Return what the content of a feature set depends on, as canonical JSON data.

    The name of the set and the place of corpus, files and tokenizer are no part of it, their content is.
    Files are read, nothing is tokenized. How sequences begin is always part of it; how they end, and that
    labels go by places in the text, only where it is so. Raises `InputError` as `load_corpus` and
    `load_tokens` do.
    """
    table = load_tokens(Path(tokenizer_path))
    spec = settled(spec, table)
    if spec.kind.text_labels:
        chunk_length(spec, table)
    more: dict[str, Any] = {}
    if table.back or len(table.front) > 1:
        more["ends"] = [list(table.front), list(table.back)]
    if table.by_offsets:
        more["alignment"] = "offsets"
    return {
        "builder": {
            "builder": spec.builder,
            "n_sequences": spec.n_sequences,
            "ctx_len": spec.ctx_len,
            "n_samples": spec.n_samples,
            "min_positives": spec.min_positives,
            "seed": spec.seed,
            "duplicates": spec.duplicates,
            "options": options_identity(spec),
            **spec.own_order,
        },
        "algorithm_version": ALGORITHM_VERSIONS["dataset"],
        "corpus_digest": corpus.digest if corpus else source_digest(spec.corpus),
        "tokenizer_digest": table.digest,
        "bos_id": table.bos_id,
        **more,
        **kind_identity(spec),
    }


def try_files(spec: DatasetSpec, tokenizer_path: Path) -> None:
    """Read the files that a builder is told of where that takes no time, so that a mistake shows early.

    Raises `InputError` as `build_dataset` does.
    """
    if spec.kind.try_files is not None:
        spec.kind.try_files(spec, tokenizer_path)


def build_dataset(spec: DatasetSpec, tokenizer_path: Path, corpus: Corpus | None = None) -> LabelledTokens:
    """Build the labelled tokens of a specification.

    Raises
    ------
    InputError
        If the corpus, a file or the tokenizer cannot be read, the corpus is too small, or a feature or a
        document has a name that no database holds.
    ArgumentError
        If the builder has no labelled tokens (its directions come without probes).
    """
    table = load_tokens(Path(tokenizer_path))
    kind = spec.kind
    if kind.build is not None:
        tokens: LabelledTokens = kind.build(spec, table)
    elif kind.text_labels is not None:
        read = corpus or load_corpus(spec.corpus)
        tokens = build_from_corpus(spec, kind.text_labels(spec, table, read), table, read)
    else:
        raise ArgumentError("builder", f"{spec.builder} makes directions without probes; nothing to label")
    _check_names(spec, tokens)
    return with_provenance(spec, tokens)


def _check_names(spec: DatasetSpec, tokens: LabelledTokens) -> None:
    """Refuse names that no database holds, whatever builder made them; readers say more of most of them."""
    read = [spec.corpus.label, *files_of(spec.options, spec.kind.files)]
    where = next(filter(None, read), f"datasets.{spec.name}")
    for what, names, unfit in (
        ("feature", tokens.feature_names, unfit_name),
        ("document", tokens.documents, unfit_character),
    ):
        for name in names:
            if why := unfit(name):
                raise InputError(f"{where}: {shown(name)} is no name of a {what}: {why}")


def with_provenance(spec: DatasetSpec, tokens: LabelledTokens) -> LabelledTokens:
    """Return the set with what every builder records alike."""
    names = tokens.feature_names
    usable = [
        count.status is FeatureStatus.OK for count in count_labels(names, tokens.labels, tokens.members)
    ]
    copies = label_copies(names, tokens.labels, tokens.members, usable)
    pairs = identical_features(tokens.labels, tokens.members)
    return replace(
        tokens,
        copies=copies if spec.duplicates == "drop" else (),
        provenance={
            **tokens.provenance,
            **packages_provenance(spec),
            "builder": spec.builder,
            "identical_features": [
                {"features": [names[i], names[j]], "relation": "same" if same else "opposite"}
                for i, j, same in pairs
            ],
            "versions": {
                "python": sys.version,
                "numpy": np.__version__,
                "tokenizers": tokenizers.__version__,
            },
        },
    )
