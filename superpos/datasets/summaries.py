"""What SQL keeps of a feature set: counts, statuses, phi coefficients, digest, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from superpos.datasets.artifacts import content_digest
from superpos.datasets.imported import imported_copies, known_provenance, read_imported, word_tokens
from superpos.datasets.labels import feature_counts, phi_matrix
from superpos.datasets.packages import packages_provenance
from superpos.datasets.spellings import spelled_alike
from superpos.datasets.tokens import load_tokens
from superpos.datasets.words import words_provenance
from superpos.hashing import array_digest, canonical_json, text_digest
from superpos.records.data import FeatureCopy, FeatureStatus, LabelledTokens, TokenExample
from superpos.records.work import DatasetSummary, FeatureSummary
from superpos.specs.datasets import DatasetSpec


def summarise(tokens: LabelledTokens, relative: str) -> DatasetSummary:
    """Return the summary of labelled tokens whose file is `relative` to the data folder."""
    return DatasetSummary(
        n_documents=len(tokens.documents),
        n_sequences=len(tokens.sequence_documents),
        n_tokens=len(tokens.token_ids),
        n_samples=len(tokens.sample_sequences),
        phi=phi_matrix(tokens.labels, tokens.members),
        path=relative,
        content_digest=content_digest(tokens),
        provenance=tokens.provenance,
        features=tuple(
            FeatureSummary(
                count.feature, count.n_positive, count.n_negative, count.status, example, count.duplicate_of
            )
            for count, example in zip(feature_counts(tokens), tokens.examples, strict=True)
        ),
    )


def summarise_imported(spec: DatasetSpec) -> DatasetSummary:
    """Return the summary of imported directions or an imported matrix; raises as `read_imported`."""
    rows = read_imported(spec)
    names, values = rows
    file = getattr(spec.options, "file", "")
    provenance = {
        "builder": spec.builder,
        "file": Path(file).name,
        "labels_alike": spelled_alike(names),
        **packages_provenance(spec),
        **known_provenance(spec),
    }
    copies = imported_copies(spec, rows)
    return _without_samples(names, 0, provenance, array_digest(values), [None] * len(names), copies)


def summarise_words(spec: DatasetSpec, tokenizer_path: Path) -> DatasetSummary:
    """Return the summary of a list of words; the example of each is how its tokens read."""
    table = load_tokens(tokenizer_path)
    ids = word_tokens(spec, table)
    words = spec.options.words
    provenance = {
        "builder": spec.builder,
        **words_provenance(words, ids, table),
        "labels_alike": spelled_alike(words),
    }
    examples = [TokenExample("", "".join(parts), "", "") for parts in provenance["tokens"].values()]
    digest = text_digest(canonical_json([list(one) for one in ids]))
    return _without_samples(words, sum(map(len, ids)), provenance, digest, examples)


def _without_samples(
    names: Sequence[str],
    n_tokens: int,
    provenance: Mapping[str, Any],
    digest: str,
    examples: Sequence[TokenExample | None],
    copies: Sequence[FeatureCopy] = (),
) -> DatasetSummary:
    """Return the summary of a set that has names and no labels: no counts, no phi."""
    left_out = {copy.feature: (copy.status, copy.of) for copy in copies}
    return DatasetSummary(
        n_documents=0,
        n_sequences=0,
        n_tokens=n_tokens,
        n_samples=0,
        phi=None,
        path="",
        content_digest=text_digest(canonical_json({"names": list(names), "content": digest})),
        provenance=provenance,
        features=tuple(
            FeatureSummary(name, 0, 0, status, one, of)
            for name, one in zip(names, examples, strict=True)
            for status, of in [left_out.get(name, (FeatureStatus.OK, ""))]
        ),
    )
