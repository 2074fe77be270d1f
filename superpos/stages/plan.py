"""From a study to its plan: every key, resolved from the study and the content of its inputs.

Nothing is computed and nothing is written; a mistake in the study that only its inputs can show (a layer that
the model lacks, a folder without weights) is found here, before a run starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from superpos.activations.inspection import inspect_model, locate
from superpos.datasets.build import build_dataset, dataset_identity
from superpos.datasets.sources import load_corpus
from superpos.errors import InputError
from superpos.hashing import canonical_json, content_key, text_digest
from superpos.models import BUNDLED
from superpos.records.data import ModelInfo
from superpos.records.plan import (
    PlannedActivations,
    PlannedDataset,
    PlannedDirections,
    PlannedModel,
    PlannedTarget,
    StudyPlan,
)
from superpos.specs.axes import FitAxes, JointAxes
from superpos.specs.blocks import Product, disjoint, fit_axes, joint_axes
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.models import ModelSpec, expand_sites
from superpos.specs.probes import ProbeSettings
from superpos.specs.study import MEDIAN_RULE, Block, ModelChoice, Study
from superpos.specs.versions import ALGORITHM_VERSIONS

POOLING = "token"
"""Activations of single tokens; pooling over spans comes with the entity sets."""
SMALL_CORPUS = 8
"""Bytes for each token asked for up to which a user's text may be too small, and is tried beforehand."""


def plan_study(study: Study) -> StudyPlan:
    """Return the plan of a study.

    Raises
    ------
    InputError
        If a model, corpus, layer or hookpoint that the study names cannot be used.
    """
    return _Planner(study).plan()


def config_key(settings: dict[str, Any]) -> str:
    """Return 8 hexadecimal digits that stand for settings which are no axis of the views."""
    return text_digest(canonical_json(settings))[:8]


class _Planner:
    """Collects rows by key, so that what two blocks share is planned once."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.models: dict[bytes, PlannedModel] = {}
        self.datasets: dict[bytes, PlannedDataset] = {}
        self.activations: dict[bytes, PlannedActivations] = {}
        self.directions: dict[bytes, PlannedDirections] = {}
        self.targets: dict[bytes, PlannedTarget] = {}
        self.joint_axes: dict[bytes, tuple[JointAxes, str]] = {}
        self.fit_axes: dict[bytes, tuple[FitAxes, str]] = {}
        self._choices = {choice.label: choice for choice in study.models}
        self._specs = {spec.name: spec for spec in study.datasets}
        self._known_models: dict[ModelSpec, PlannedModel] = {}
        self._known_datasets: dict[tuple[str, str], PlannedDataset] = {}

    def plan(self) -> StudyPlan:
        products = [product for block in self.study.blocks for product in self._block(block)]
        specification = self.study.as_dict()
        return StudyPlan(
            study=self.study,
            digest=text_digest(canonical_json([specification, ALGORITHM_VERSIONS])),
            algorithm_versions=dict(ALGORITHM_VERSIONS),
            models=tuple(self.models.values()),
            datasets=tuple(self.datasets.values()),
            activations=tuple(self.activations.values()),
            directions=tuple(self.directions.values()),
            targets=tuple(self.targets.values()),
            joint_axes=self.joint_axes,
            fit_axes=self.fit_axes,
            blocks=disjoint(products),
        )

    def _block(self, block: Block) -> Iterator[Product]:
        """Yield one product a similarity: gauges may be allowed under one and not the other."""
        activations = [
            a.key for label in block.models for a in self._activations(block, self._choices[label])
        ]
        fit_keys = tuple(self._fit_axes(axes) for axes in fit_axes(block))
        for similarity in block.similarities:
            targets = tuple(
                target
                for activation in activations
                for settings in block.probes
                for target in self._targets(block, similarity, activation, settings)
            )
            joint_keys = tuple(self._joint_axes(axes) for axes in joint_axes(block, similarity))
            yield Product(block.name, (tuple(dict.fromkeys(targets)), joint_keys, fit_keys))

    def _model(self, spec: ModelSpec) -> PlannedModel:
        folder = Path(spec.name).expanduser()
        is_folder = spec.name not in BUNDLED and folder.is_dir()
        if is_folder:  # workers and later runs may start elsewhere
            spec = replace(spec, name=str(folder.resolve()))
        if spec in self._known_models:
            return self._known_models[spec]
        info = inspect_model(spec)
        identity = {
            "weights": info.weights,
            "seed": info.seed,
            "commit": info.commit,
            "config": info.config_digest,
            "weights_digest": info.weights_digest,
            "tokenizer": info.tokenizer_digest,
        }
        key = content_key("model", ALGORITHM_VERSIONS["model"], identity)
        planned = PlannedModel(key, Path(spec.name).name if is_folder else spec.name, spec, info)
        self._known_models[spec] = planned
        self.models.setdefault(key, planned)
        return planned

    def _dataset(self, spec: DatasetSpec, model: PlannedModel) -> PlannedDataset:
        if not model.info.tokenizer_digest:
            raise InputError(f"model {model.name}: has no tokenizer.json, which feature sets need")
        if spec.ctx_len > model.info.max_positions:
            raise InputError(
                f"datasets.{spec.name}.ctx_len: {spec.ctx_len} is longer than the {model.info.max_positions} "
                f"positions of model {model.name}"
            )
        known = (spec.name, model.info.tokenizer_digest)
        if known in self._known_datasets:
            return self._known_datasets[known]
        tokenizer = locate(model.spec)[0] / "tokenizer.json"
        if spec.corpus.kind == "text":
            path = Path(spec.corpus.path).expanduser().resolve()
            spec = replace(spec, corpus=replace(spec.corpus, path=str(path)))
            identity = _identity_of_text(spec, tokenizer)
        else:
            identity = dataset_identity(spec, tokenizer)
        key = content_key("dataset", ALGORITHM_VERSIONS["dataset"], identity)
        planned = PlannedDataset(key, spec.name, corpus_label(spec.corpus), spec, identity, model.spec)
        self._known_datasets[known] = planned
        self.datasets.setdefault(key, planned)
        return planned

    def _activations(self, block: Block, choice: ModelChoice) -> Iterator[PlannedActivations]:
        for spec in choice.specs:
            model = self._model(spec)
            for site in self._sites(block, model.info):
                for name in block.datasets:
                    dataset = self._dataset(self._specs[name], model)
                    values = {
                        "hookpoint": site[0],
                        "layer": site[1],
                        "pooling": POOLING,
                        "dtype": choice.dtype,
                    }
                    version = ALGORITHM_VERSIONS["activations"]
                    key = content_key("activations", version, values, [model.key, dataset.key])
                    planned = PlannedActivations(
                        key, model.key, dataset.key, site[0], site[1], POOLING, choice.dtype
                    )
                    self.activations.setdefault(key, planned)
                    yield planned

    def _sites(self, block: Block, info: ModelInfo) -> tuple[tuple[str, int], ...]:
        try:
            return expand_sites(block.hookpoints, block.layers or None, info.n_layers)
        except InputError as error:
            raise InputError(
                f"study {self.study.name}: blocks.{block.name}: model {info.name}: {error}"
            ) from error

    def _directions(self, activation: bytes, settings: ProbeSettings, label_replicate: int) -> bytes:
        values = {**asdict(settings), "label_replicate": label_replicate}
        key = content_key("directions", ALGORITHM_VERSIONS["directions"], values, [activation])
        rest = {k: v for k, v in asdict(settings).items() if k not in ("method", "C", "split_seed")}
        self.directions.setdefault(
            key, PlannedDirections(key, activation, settings, label_replicate, config_key(rest))
        )
        return key

    def _targets(
        self, block: Block, similarity: str, activation: bytes, settings: ProbeSettings
    ) -> Iterator[bytes]:
        scales = block.rbf_scales if similarity == "rbf" else (0.0,)
        kinds = {choice.kind for choice in block.targets}
        if MEDIAN_RULE in scales and "shuffled_labels" in kinds and "features" not in kinds:
            raise InputError(
                f"study {self.study.name}: blocks.{block.name}.targets: shuffled_labels under rbf_scales "
                "'median' use the C of the features; add 'features'"
            )
        for choice in block.targets:
            for replicate in choice.replicates:
                label_replicate = replicate if choice.kind == "shuffled_labels" else -1
                directions = self._directions(activation, settings, label_replicate)
                for space in block.spaces:
                    for scale in scales:
                        yield self._target(directions, space, choice.kind, replicate, similarity, scale)

    def _target(
        self, directions: bytes, space: str, kind: str, replicate: int, similarity: str, scale: float
    ) -> bytes:
        values = {
            "space": space,
            "kind": kind,
            "replicate": replicate,
            "similarity": similarity,
            "rbf_scale": scale,
        }
        key = content_key("target", ALGORITHM_VERSIONS["target"], values, [directions])
        self.targets.setdefault(
            key, PlannedTarget(key, directions, space, kind, replicate, similarity, scale)
        )
        return key

    def _joint_axes(self, axes: JointAxes) -> bytes:
        version = ALGORITHM_VERSIONS["joint_axes"]
        key = content_key("joint_axes", version, asdict(axes))
        self.joint_axes.setdefault(key, (axes, config_key({"max_iter": axes.max_iter, "gtol": axes.gtol})))
        return key

    def _fit_axes(self, axes: FitAxes) -> bytes:
        version = ALGORITHM_VERSIONS["fit_axes"]
        key = content_key("fit_axes", version, asdict(axes))
        names = ("backend", "xtol", "ftol", "max_iter", "gtol")
        self.fit_axes.setdefault(key, (axes, config_key({name: getattr(axes, name) for name in names})))
        return key


def _identity_of_text(spec: DatasetSpec, tokenizer: Path) -> dict[str, Any]:
    """Return the identity of a feature set on a user's text; a little text is tried, for it may not do."""
    corpus = load_corpus(spec.corpus)
    if corpus.provenance["n_bytes"] <= SMALL_CORPUS * spec.n_sequences * spec.ctx_len:
        build_dataset(spec, tokenizer, corpus)
    return dataset_identity(spec, tokenizer, corpus)


def corpus_label(corpus: CorpusSpec) -> str:
    """Return the `corpus` column of the views: `stdlib`, or the name of the file or folder."""
    return corpus.label if corpus.kind == "stdlib" else Path(corpus.path).expanduser().resolve().name
