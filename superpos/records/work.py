"""Missing work as data: what a stage fetches, and what it hands back to be inserted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from superpos.arrays import Float
from superpos.records.data import FeatureCopy, FeatureStatus, ProbeSet, Shard, TokenExample
from superpos.records.fits import JointFit
from superpos.records.psms import PsmRecord
from superpos.records.travelling import Travelling
from superpos.specs.axes import FitAxes, JointAxes
from superpos.specs.probes import ProbeSettings


class FeatureSummary(NamedTuple):
    """What SQL keeps of a feature."""

    feature: str
    n_positive: int
    n_negative: int
    status: FeatureStatus
    example: TokenExample | None
    duplicate_of: str = ""
    """The feature that is kept in its place; empty unless it is a copy."""


@dataclass(frozen=True, slots=True, eq=False)
class DatasetSummary:
    """What SQL keeps of a built feature set."""

    n_documents: int
    n_sequences: int
    n_tokens: int
    n_samples: int
    phi: Float | None
    """Phi coefficients between labels, (n, n); None where there are no labels."""
    path: str
    """Artifact relative to the data folder; empty where there is none."""
    content_digest: str
    provenance: Mapping[str, Any]
    features: tuple[FeatureSummary, ...]


@dataclass(frozen=True, slots=True)
class ActivationWork:
    """One activation set that is planned (or must be read), with the identity of its inputs."""

    activation_id: int
    key: bytes
    model_key: bytes
    dataset_key: bytes
    hookpoint: str
    layer: int
    pooling: str
    dtype: str


@dataclass(frozen=True, slots=True)
class DirectionWork:
    """One set of probes to train."""

    direction_id: int
    key: bytes
    activation_key: bytes
    dataset_key: bytes
    activation_digest: str
    shards: tuple[Shard, ...]
    settings: ProbeSettings
    label_replicate: int


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Directions as SQL keeps them, in every space that they have; or an imported matrix instead."""

    raw: Float | None
    """(k, d)."""
    scaled: Float | None
    """(k, d); None for directions without probes."""
    whitened: Float | None
    """(k, r), with the inner products of the whitened directions; None where there is no covariance."""
    matrix: Float | None
    """Imported similarity matrix, (k, k)."""
    pattern: Float | None = None
    """(k, d); SQL does not keep it, the stage `psms` finds it where samples are read."""


@dataclass(frozen=True, slots=True)
class SourceWork:
    """Directions without probes that are missing: rows of a matrix of a model, or of a file."""

    direction_id: int
    key: bytes
    dataset_key: bytes
    model_key: bytes | None
    hookpoint: str


@dataclass(frozen=True, slots=True, eq=False)
class TargetWork:
    """One target matrix to build."""

    target_id: int
    key: bytes
    direction_key: bytes
    space: str
    kind: str
    replicate: int
    similarity: str
    rbf_scale: float
    fit_two_classes: bool
    phi: Float | None
    """Phi coefficients of the labels of the features that have directions, (k, k); None without labels."""
    directions: Directions
    reference: Directions | None
    """Directions of the true labels, for `median` under a control of labels; else None."""
    drawn: Float | str | None = None
    """Of a control of tokens or samples what it drew, (k, d), or why there is nothing."""


@dataclass(frozen=True, slots=True)
class SampledWork:
    """Targets that take the samples themselves, all of one layer, or all of one matrix of a model."""

    targets: tuple[tuple[int, bytes], ...]
    """Id and key of each; their arrays are read when the work is handed out."""
    directions: tuple[DirectionWork, ...] = ()
    """Probe sets of the targets: their samples, their split and their settings are the same."""
    source: SourceWork | None = None
    """Of rows of a matrix instead."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the targets, as failures and leases name them."""
        return tuple(key.hex() for _, key in self.targets)


@dataclass(frozen=True, slots=True, eq=False)
class JointDone(Travelling):
    """A joint fit that the database holds already."""

    vectors: Float
    logits: Float
    start_radius: float


@dataclass(frozen=True, slots=True, eq=False)
class JointWork(Travelling):
    """One joint fit with the re-optimisations that are missing; all that a worker needs, and no secret."""

    psm_id: int
    joint_axes_id: int
    psm_key: bytes
    axes_key: bytes
    target: Float
    """Target similarity matrix, (n, n)."""
    similarity: str
    rbf_scale: float
    axes: JointAxes
    done: JointDone | None
    """The joint fit, if it exists."""
    fits: tuple[tuple[int, bytes, FitAxes], ...]
    """fit_axes_id, key and axes of the missing re-optimisations, sigma 0 first."""
    unperturbed: Mapping[FitAxes, Float]
    """Final similarities at sigma 0 that the database holds, by the axes of sigma 0."""
    keep_vectors: bool
    """Whether final vectors are wanted in the database."""


@dataclass(frozen=True, slots=True, eq=False)
class FitResult(Travelling):
    """One re-optimised fit as SQL keeps it: column values, and arrays where they are kept."""

    fit_axes_id: int
    columns: Mapping[str, Any]
    vectors: Float | None = None
    similarities: Float | None = None
    polished: Float | None = None
    """Vectors of Powell's end after its polish, where `distance_polish` is to be checked."""


@dataclass(frozen=True, slots=True)
class CellFailure(Travelling):
    """Work that ended without a result."""

    stage: str
    key: str
    reason: str
    message: str
    final: bool = False
    """Whether another attempt would cost too much: it is quarantined at once."""


@dataclass(frozen=True, slots=True, eq=False)
class JointResult(Travelling):
    """What a worker returns for one piece of joint work."""

    psm_id: int
    joint_axes_id: int
    key: bytes
    joint: JointFit | None
    """None if the database held it already."""
    distance: float
    entropy: float
    seconds: float
    fits: tuple[FitResult, ...]
    failures: tuple[CellFailure, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PsmResult:
    """A target matrix under the key that equal matrices share."""

    target_id: int
    key: bytes
    record: PsmRecord


@dataclass(frozen=True, slots=True, eq=False)
class DirectionResult:
    """Probes of one activation set, or why there are none."""

    direction_id: int
    probes: ProbeSet | None
    reason: str
    activation_digest: str
    whitened: Float | None = None
    """Directions in the space `whitened`, (k, r), where the study asks for it."""


@dataclass(frozen=True, slots=True, eq=False)
class PsmToResample:
    """A matrix of a probe set that is to be known better."""

    psm_id: int
    space: str
    similarity: str
    rbf_scale_resolved: float
    matrix: Float
    """The matrix itself, (k, k)."""


@dataclass(frozen=True, slots=True, eq=False)
class CeilingWork:
    """Matrices of one probe set without a noise ceiling."""

    direction: DirectionWork
    C: float | None
    """What cross-validation chose; None where it did not choose."""
    psms: tuple[PsmToResample, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CeilingResult:
    """How well one matrix is known."""

    psm_id: int
    low: Float
    """Lower ends of the intervals, (k, k); NaN where unknown."""
    high: Float
    standard_error: Float
    """(k, k); NaN where unknown."""
    reliability: float | None
    n_resamples: int
    drawn: Float
    """Similarities of the pairs i < j, row by row, of every bootstrap, (B, k (k - 1) / 2); NaN likewise."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceResult:
    """Directions without probes, or an imported matrix; or why there are none."""

    direction_id: int
    feature_names: tuple[str, ...]
    vectors: Float | None
    """(k, d)."""
    matrix: Float | None
    """(k, k)."""
    similarity: str
    """The similarity that `matrix` is of; empty for vectors."""
    reason: str = ""
    copies: tuple[FeatureCopy, ...] = ()
    """Features that have no row because another one has the same."""
