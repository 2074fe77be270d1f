"""What `superpos datasets` says of a feature set, as data: counts, examples, correlations, use in a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from superpos.arrays import Float
from superpos.cli.dataset_sources import source_of
from superpos.datasets.artifacts import content_digest
from superpos.datasets.build import set_poolings
from superpos.datasets.duplicates import copy_reason
from superpos.datasets.imported import imported_copies, known_provenance, read_imported
from superpos.datasets.labels import (
    feature_counts,
    identical_features,
    phi_defined,
    phi_matrix,
    several_examples,
)
from superpos.datasets.notes import notes_of
from superpos.datasets.spellings import spelled_alike
from superpos.datasets.tokens import TokenTable
from superpos.records.data import LabelledTokens, TokenExample
from superpos.specs.datasets import DatasetSpec

_CALLED = {"n_documents": "documents of the corpus", "n_bytes": "bytes of the corpus"}
COSINE_ROWS = 2000
"""Rows of an imported file between which cosines are taken; of more, so many evenly spaced ones."""
LONGEST = 150
"""Characters of a value of the provenance that are shown."""
_UNINTERESTING = (
    "versions",
    "identical_features",
    "builder",
    "corpus",
    "tokens",
    "python",
    "positives_in_sequences",
    "labels_alike",
    "split_by_a_space",
)


@dataclass(frozen=True, slots=True)
class FeaturePage:
    """Counts and examples of one feature; a set without labels has neither."""

    feature: str
    n_positive: int = 0
    n_negative: int = 0
    status: str = ""
    examples: tuple[TokenExample, ...] = ()
    tokens: tuple[str, ...] = ()
    """Of a list of words: what the tokens of the word spell."""
    duplicate_of: str = ""
    """The feature that is kept in its place, of one that is left out as a copy."""

    @property
    def balance(self) -> float:
        """Share of positives."""
        return self.n_positive / max(1, self.n_positive + self.n_negative)


@dataclass(frozen=True, slots=True)
class SetPage:
    """A feature set for people and, by `as_json`, for programs."""

    name: str
    builder: str
    description: str
    source: str
    """What was read: corpus, list, folder or file."""
    features: tuple[FeaturePage, ...]
    usage: str
    """Lines of TOML with which a study uses the set; empty if none can with this tokenizer."""
    study: str = ""
    """A whole study of the set alone, as TOML; empty where no model is named."""
    tokenizer: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    quartiles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Of imported rows: minimum, quartiles and maximum of what the key names."""
    identical: tuple[tuple[str, str, str], ...] = ()
    """Pairs of features with the `same` or `opposite` labels on every sample."""
    phi: Float | None = None
    phi_meant: Any = None
    """Which entries of `phi` are defined, (n, n)."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    content_digest: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the page as JSON data; undefined phi coefficients are null."""
        page: dict[str, Any] = {
            key: getattr(self, key)
            for key in (
                "name",
                "builder",
                "description",
                "source",
                "tokenizer",
                "content_digest",
                "usage",
                "study",
            )
        }
        page |= dict(self.counts)
        page["notes"] = list(self.notes)
        page["features"] = [self._feature_json(feature) for feature in self.features]
        page["identical_features"] = [
            {"features": [first, second], "relation": relation} for first, second, relation in self.identical
        ]
        if self.phi is not None:
            page["phi"] = [
                [float(value) if meant else None for value, meant in zip(*rows, strict=True)]
                for rows in zip(self.phi, self.phi_meant, strict=True)
            ]
        page |= {f"{name}_quartiles": list(values) for name, values in self.quartiles.items()}
        page["provenance"] = dict(self.provenance)
        return page

    def _feature_json(self, feature: FeaturePage) -> dict[str, Any]:
        if self.phi is None:
            copy = {"status": feature.status, "duplicate_of": feature.duplicate_of}
            return (
                {"feature": feature.feature}
                | ({"tokens": list(feature.tokens)} if feature.tokens else {})
                | (copy if feature.duplicate_of else {})
            )
        return {
            "feature": feature.feature,
            "n_positive": feature.n_positive,
            "n_negative": feature.n_negative,
            "balance": feature.balance,
            "status": feature.status,
            "duplicate_of": feature.duplicate_of,
            "examples": [asdict(example) for example in feature.examples],
        }

    def interesting(self) -> dict[str, str]:
        """Return the provenance that matters to people, each value as short text."""
        return {
            _CALLED.get(name, name.replace("_", " ")): _short(value)
            for name, value in self.provenance.items()
            if name not in _UNINTERESTING and _short(value)
        }


def labelled_page(
    spec: DatasetSpec,
    tokens: LabelledTokens,
    table: TokenTable | None,
    n_examples: int,
    usage: str,
    tokenizer: str,
) -> SetPage:
    """Return the page of labelled tokens with at most `n_examples` examples of each feature.

    Samples without a text (no table) have no examples.
    """
    names = tokens.feature_names
    counts = feature_counts(tokens)
    examples: tuple[tuple[TokenExample, ...], ...] = ((),) * len(names)
    if table is not None:
        examples = several_examples(tokens, table.token_bytes, table.special, n_examples)
    pairs = identical_features(tokens.labels, tokens.members)
    spans = tokens.sample_lengths > 1
    notes = list(notes_of(tokens.provenance))
    if len(names) == 2 and pairs and not pairs[0][2]:
        notes.append(
            "two exclusive classes: their directions are opposite by construction, so they are fitted only "
            "with `fit_two_classes = true` in the block"
        )
    if not tokens.shares_samples:
        notes.append("features have samples of their own: scaler and split are per feature")
    if spans.any():
        own = " and ".join(set_poolings(spec))
        how = (
            f", whose {own} is taken"
            if own
            else "; the study's `poolings` says how their activations become one"
        )
        shortest, longest = int(tokens.sample_lengths.min()), int(tokens.sample_lengths.max())
        notes.append(f"samples are spans of {shortest} to {longest} tokens{how}")
    return SetPage(
        name=spec.name,
        builder=spec.builder,
        description=spec.description,
        source=source_of(spec),
        features=tuple(
            FeaturePage(
                count.feature,
                count.n_positive,
                count.n_negative,
                str(count.status),
                shown,
                duplicate_of=count.duplicate_of,
            )
            for count, shown in zip(counts, examples, strict=True)
        ),
        usage=usage,
        tokenizer=tokenizer,
        counts={
            "n_documents": len(tokens.documents),
            "n_sequences": len(tokens.sequence_documents),
            "n_tokens": len(tokens.token_ids),
            "n_samples": len(tokens.sample_sequences),
            "n_groups": len(np.unique(tokens.sequence_groups)),
        },
        notes=tuple(notes),
        identical=tuple((names[i], names[j], "same" if same else "opposite") for i, j, same in pairs),
        phi=phi_matrix(tokens.labels, tokens.members),
        phi_meant=phi_defined(tokens.labels, tokens.members),
        provenance=tokens.provenance,
        content_digest=content_digest(tokens),
    )


def imported_page(spec: DatasetSpec, usage: str) -> SetPage:
    """Return the page of imported directions or of an imported similarity matrix.

    Raises
    ------
    InputError
        As `read_imported`.
    """
    rows = read_imported(spec)
    names, values = rows
    copies = {copy.feature: copy for copy in imported_copies(spec, rows)}
    notes = [f"{copy.feature} is left out ({copy_reason(copy, 'row')})" for copy in copies.values()]
    notes += notes_of({"labels_alike": spelled_alike(names), **known_provenance(spec)})
    if spec.matrix_of:
        off = values[np.triu_indices(len(values), 1)]
        quartiles = {spec.matrix_of: _quartiles(off)}
        eigenvalue = float(np.linalg.eigvalsh(values)[0])
        notes.append(
            f"a finished {spec.matrix_of} similarity matrix; smallest eigenvalue {eigenvalue:.3g}"
            + (" (not positive semidefinite, so no vectors have it)" if eigenvalue < -1e-6 else "")
        )
    else:
        norms = np.linalg.norm(values, axis=1)
        chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), COSINE_ROWS)).astype(np.int64))
        units = values[chosen] / norms[chosen, None]
        cosines = (units @ units.T)[np.triu_indices(len(chosen), 1)]
        quartiles = {"norm": _quartiles(norms), "cosine": _quartiles(cosines)}
        if len(chosen) < len(values):
            notes.append(f"cosines of {len(chosen)} evenly spaced rows of {len(values)}")
    return SetPage(
        name=spec.name,
        builder=spec.builder,
        description=spec.description,
        source=source_of(spec),
        features=tuple(
            FeaturePage(name, status=str(copies[name].status), duplicate_of=copies[name].of)
            if name in copies
            else FeaturePage(name)
            for name in names
        ),
        usage=usage,
        counts={"n_features": values.shape[0], "width": values.shape[1]},
        notes=tuple(notes),
        quartiles=quartiles,
    )


def _quartiles(values: Float) -> tuple[float, ...]:
    return tuple(float(value) for value in np.quantile(values, [0.0, 0.25, 0.5, 0.75, 1.0]))


def _short(value: Any) -> str:
    """Return a value as short text, empty if it says nothing: zeros, empty lists, empty tables."""
    if isinstance(value, Mapping):
        parts = {name: _short(inner) for name, inner in value.items()}
        text = ", ".join(f"{name} {inner}" for name, inner in parts.items() if inner)
    elif isinstance(value, list | tuple):
        text = ", ".join(filter(None, map(_short, value)))
    elif isinstance(value, float):
        text = f"{value:.4g}"
    elif isinstance(value, int) and not isinstance(value, bool):
        text = f"{value:,}" if value else ""
    else:
        text = str(value) if value else ""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
