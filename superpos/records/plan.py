"""A study resolved to keys: every row it needs, named before anything is computed.

All keys follow from the study file and the content of its inputs, so two machines plan the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from superpos.records.data import FeatureCopy, ModelInfo
from superpos.specs.axes import FitAxes, JointAxes
from superpos.specs.blocks import Product
from superpos.specs.datasets import DatasetSpec
from superpos.specs.models import ModelSpec
from superpos.specs.probes import ProbeSettings
from superpos.specs.study import Study


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """A model by the name the views show."""

    key: bytes
    name: str
    spec: ModelSpec
    info: ModelInfo


@dataclass(frozen=True, slots=True)
class PlannedDataset:
    """A feature set, on a corpus under one tokenizer, or imported (then without either)."""

    key: bytes
    name: str
    corpus: str
    spec: DatasetSpec
    identity: Mapping[str, Any]
    tokenizer_model: ModelSpec | None
    """A model that carries the tokenizer; None for imported directions and matrices."""


@dataclass(frozen=True, slots=True)
class PlannedActivations:
    """One layer of one hookpoint of one model on one data set."""

    key: bytes
    model_key: bytes
    dataset_key: bytes
    hookpoint: str
    layer: int
    pooling: str
    dtype: str


@dataclass(frozen=True, slots=True)
class PlannedDirections:
    """Directions of every feature of one set: probes on one activation set, matrix rows, or imported."""

    key: bytes
    dataset_key: bytes
    model_key: bytes | None
    """None for imported directions and matrices."""
    activation_key: bytes | None
    """None for directions without probes."""
    hookpoint: str
    """Of the activations; `embed` or `unembed` for matrix rows; as stated (or empty) for imported ones."""
    layer: int
    pooling: str
    """Empty for directions without probes."""
    method: str
    """A method of probes, `embedding`, or `imported`."""
    settings: ProbeSettings | None
    """None for directions without probes."""
    label_replicate: int
    """-1 for the labels as they are."""
    config_key: str


@dataclass(frozen=True, slots=True)
class PlannedTarget:
    """One target similarity matrix."""

    key: bytes
    direction_key: bytes
    space: str
    kind: str
    replicate: int
    similarity: str
    rbf_scale: float
    fit_two_classes: bool
    """Whether two exclusive classes, whose directions are opposite, are fitted nevertheless."""


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """Every row of a study, parents before children."""

    study: Study
    digest: str
    """SHA-256 of the specification and the algorithm versions."""
    algorithm_versions: Mapping[str, int]
    models: tuple[PlannedModel, ...]
    datasets: tuple[PlannedDataset, ...]
    activations: tuple[PlannedActivations, ...]
    directions: tuple[PlannedDirections, ...]
    targets: tuple[PlannedTarget, ...]
    joint_axes: Mapping[bytes, tuple[JointAxes, str]]
    """Key to axes and configuration key."""
    fit_axes: Mapping[bytes, tuple[FitAxes, str]]
    blocks: tuple[Product, ...]
    """Disjoint products of target keys, joint axes keys and fit axes keys."""
    notes: tuple[str, ...] = ()
    """What is to be said of the inputs before anything runs, a line each; no part of any key."""
    copies: Mapping[bytes, tuple[FeatureCopy, ...]] = field(default_factory=dict)
    """Features that data sets leave out as copies, by key, of the sets that were read while planning."""

    @property
    def n_cells(self) -> int:
        """Number of re-optimised fits."""
        return sum(block.size for block in self.blocks)
