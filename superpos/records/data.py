"""What the first half of the pipeline hands on: labelled tokens, models, activation shards, probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Float, Int


class FeatureStatus(StrEnum):
    """Whether a feature of a set can be probed."""

    OK = "ok"
    NO_POSITIVES = "no_positives"
    NO_NEGATIVES = "no_negatives"
    TOO_FEW = "too_few"
    DUPLICATE = "duplicate"
    """Another feature of the set, which is kept, is the same."""
    OPPOSITE = "opposite"
    """Another feature of the set, which is kept, is its complement."""


@dataclass(frozen=True, slots=True)
class FeatureCopy:
    """A feature that is left out because another one says the same."""

    feature: str
    of: str
    """The feature that is kept in its place."""
    status: FeatureStatus
    """`duplicate`, or `opposite` of one that is its complement or negative."""


@dataclass(frozen=True, slots=True)
class TokenExample:
    """One positive example of a feature, for people: text before the sample, the sample, text after."""

    before: str
    token: str
    after: str
    document: str


@dataclass(frozen=True, slots=True, eq=False)
class LabelledTokens:
    """A feature set on real text: token sequences, the probed positions and their labels.

    A sample is a span of tokens, mostly one token. Samples are ordered by (sequence, position), each position
    once. Sequences of one group (the same document, the same entity) stay on one side of a split.
    """

    feature_names: tuple[str, ...]
    token_ids: NDArray[np.int32]
    """All sequences one after another, (n_tokens,)."""
    sequence_starts: Int
    """Start of each sequence in `token_ids`, and the end of the last, (n_sequences + 1,)."""
    sequence_documents: Int
    """Index into `documents` of each sequence, (n_sequences,)."""
    sequence_groups: Int
    """Group of each sequence for splits, (n_sequences,)."""
    documents: tuple[str, ...]
    """Name of each document, a path below the corpus root or a line number."""
    sample_sequences: Int
    """Sequence of each sample, (n_samples,)."""
    sample_positions: Int
    """Position of each sample's last token within its sequence, (n_samples,)."""
    sample_lengths: Int
    """Tokens of each sample's span, which ends at its position, (n_samples,); 1 = a single token."""
    labels: Bool
    """(n_samples, n_features)."""
    members: Bool
    """Which samples belong to a feature, (n_samples, n_features): all, but for imported sets whose features
    have positions of their own. A label outside of its feature's samples is False and means nothing."""
    examples: tuple[TokenExample | None, ...]
    """One positive example a feature, None where there is none."""
    corpus_digest: str
    """SHA-256 over the texts that were read, in order."""
    tokenizer_digest: str
    """SHA-256 of the tokenizer file."""
    copies: tuple[FeatureCopy, ...] = ()
    """Features that are left out because another has the same labels; none where the set keeps them."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Where the text came from, counts, versions; JSON data for people."""

    @property
    def shares_samples(self) -> bool:
        """Whether every sample belongs to every feature."""
        return bool(self.members.all())


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Identity and shape of a model, known without loading its weights."""

    name: str
    """As the study names it: bundled name, folder, GGUF file, `package:NAME` or hub repository."""
    revision: str
    """Revision asked for; empty for what is local."""
    commit: str
    """Resolved hub commit; empty for what is local."""
    weights: str
    """`pretrained` or `random`."""
    seed: int
    """Seed of random weights, -1 for pretrained ones."""
    family: str
    """Architecture family: gpt_neox or llama, of others the `model_type` of the configuration."""
    n_layers: int
    d_model: int
    d_mlp: int
    vocab_size: int
    max_positions: int
    config_digest: str
    weights_digest: str
    """SHA-256 over the weight files; empty for random weights."""
    tokenizer_digest: str
    quantization: str = ""
    """Types of the tensors of the GGUF file that the model was made of, the most frequent first."""
    file_digest: str = ""
    """SHA-256 of that file; both empty for other models."""
    distribution: str = ""
    """Name and version of the installed distribution that holds the files; empty for other models."""
    d_attn: int = 0
    """Width of `attn.z`; 0 where attention has no one output projection."""
    absent: tuple[tuple[str, str], ...] = ()
    """Hookpoints that the model lacks, with the reason."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of activations: rows are samples in order."""

    path: str
    """Relative to the data folder, with forward slashes."""
    n_rows: int
    width: int
    dtype: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ActivationInfo:
    """What extraction says of one (hookpoint, layer)."""

    hookpoint: str
    layer: int
    status: str
    """`ok`, `non_finite`, or `constant` (every sample has the same activations)."""
    n_rows: int
    d_hook: int
    dtype: str
    agreement: float
    """Largest deviation from the batch-of-one float32 oracle, over the oracle's root mean square."""
    shards: tuple[Shard, ...]
    n_constant: int | None = None
    """Coordinates that do not vary over the samples; None where they were not counted."""


@dataclass(frozen=True, slots=True)
class ProbeMetrics:
    """Quality of one probe on the held-out samples; scores are NaN-free by `status`."""

    feature: str
    status: str
    """`converged`, `max_iter`, or the `FeatureStatus` that kept the feature out."""
    n_train: int
    n_test: int
    n_positive: int
    """Positives in both parts together."""
    accuracy: float | None
    balanced_accuracy: float | None
    f1: float | None
    mcc: float | None
    roc_auc: float | None
    average_precision: float | None
    norm: float | None
    """Euclidean norm of the raw coefficients."""
    nit: int
    C: float | None = None
    """Inverse strength of the penalty that cross-validation chose; None where it did not."""


@dataclass(frozen=True, slots=True, eq=False)
class ProbeSet:
    """Probes of every feature of one activation set, one row a feature that could be probed."""

    feature_names: tuple[str, ...]
    """The k features that were probed, in the order of the set."""
    metrics: tuple[ProbeMetrics, ...]
    """One entry for every feature of the set, also for those left out."""
    coef_scaled: Float
    """Coefficients on the scaled activations, (k, d)."""
    coef_raw: Float
    """Coefficients on the activations themselves: scaled ones over the scaler's scale, (k, d)."""
    intercept: Float
    """(k,)."""
    scale: Float
    """Scale of the scaler, (d,), or (k, d) where features have samples of their own."""
    train_rows: Bool
    """Which samples were trained on, (n_samples,), or (n_samples, k) in the same case."""
    label_permutation: str = ""
    """Of the control `shuffled_labels`, what changed places: `groups`, `rows`, or `mixed` over features."""
    permutation_note: str = ""
    """Why, and how many."""
