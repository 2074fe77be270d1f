"""The models of a study, resolved: keys, tokenizers, the places that a block asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from superpos.activations.inspection import check_token_ids, hook_width, inspect_model
from superpos.datasets.tokens import load_tokens
from superpos.errors import InputError
from superpos.hashing import content_key
from superpos.kinds.builders import Site
from superpos.kinds.weights import WEIGHTS
from superpos.records.data import ModelInfo
from superpos.records.plan import PlannedModel
from superpos.records.recorded import Recorded
from superpos.specs.models import ModelSpec, expand_sites
from superpos.specs.study import Block, Study
from superpos.specs.versions import ALGORITHM_VERSIONS
from superpos.stages.input_places import is_local, located

Tokenizer = tuple[str, tuple[int, ...], tuple[int, ...]]
"""Digest of its file, and the special tokens before and behind a text."""
RECORDED = "recorded"
"""Family of what activations that were recorded elsewhere are of."""


class ModelPlanner:
    """Reads each model of a study once. `model_info` may be overridden to plan over other inputs."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.models: dict[bytes, PlannedModel] = {}
        self.choices = {choice.label: choice for choice in study.models}
        self._known_models: dict[ModelSpec, PlannedModel] = {}
        self._inspected: dict[ModelSpec, ModelInfo] = {}
        self._known_tokenizers: dict[bytes, Tokenizer] = {}

    def model_info(self, spec: ModelSpec) -> ModelInfo:
        """Return what is read of a model."""
        return inspect_model(spec)

    def planned_model(self, spec: ModelSpec) -> PlannedModel:
        """Return a model with its key; one that was planned before is the same object."""
        own, spec = is_local(spec), located(spec)
        if spec in self._known_models:
            return self._known_models[spec]
        info = self.read_model(spec)
        identity = {
            "weights": info.weights,
            "seed": info.seed,
            "commit": info.commit,
            "config": info.config_digest,
            "weights_digest": info.weights_digest,
            "tokenizer": info.tokenizer_digest,
        }
        if of_scheme := WEIGHTS.identity(spec.weights):
            identity["scheme"] = of_scheme
        key = content_key("model", ALGORITHM_VERSIONS["model"], identity)
        planned = PlannedModel(key=key, name=Path(spec.name).name if own else spec.name, spec=spec, info=info)
        self._known_models[spec] = planned
        self.models.setdefault(key, planned)
        return planned

    def read_model(self, spec: ModelSpec) -> ModelInfo:
        """Return what is read of a model, which is the same for every seed of its weights."""
        alike = replace(spec, seed=0) if WEIGHTS.get(spec.weights).seeded else spec
        if alike not in self._inspected:
            self._inspected[alike] = self.model_info(alike)
        return replace(self._inspected[alike], seed=spec.seed)

    def tokenizer(self, model: PlannedModel, file: Path) -> Tokenizer:
        """Return what tells a model's tokenizer from others; read once a model."""
        if model.key not in self._known_tokenizers:
            table = load_tokens(file)
            ends = (*table.front, *table.back)
            check_token_ids(model.spec, model.info.vocab_size, ends, "what its tokenizer puts around a text")
            self._known_tokenizers[model.key] = (table.digest, table.front, table.back)
        return self._known_tokenizers[model.key]

    def models_at(self, labels: Sequence[str], hookpoint: str) -> tuple[Site, ...]:
        """Return the models of these labels that have a hookpoint; those that cannot be read say nothing."""
        found = []
        for label in labels:
            for spec in self.choices[label].specs:
                try:
                    info = self.read_model(located(spec))
                    found.append(Site(label, hook_width(info, hookpoint), info.n_layers))
                except InputError:  # vectors of a file need no model; whatever does names its mistake
                    continue
        return tuple(found)

    def sites(self, block: Block, info: ModelInfo) -> tuple[tuple[str, int], ...]:
        """Return the hook points and layers of a block in one model.

        Raises
        ------
        InputError
            Naming study, block and model where the model has no such place.
        """
        try:
            for hookpoint in block.hookpoints:
                hook_width(info, hookpoint)
            return expand_sites(block.hookpoints, block.layers or None, info.n_layers)
        except InputError as error:
            raise InputError(
                f"study {self.study.name}: blocks.{block.name}: model {info.name}: {error}"
            ) from error


def recorded_info(recorded: Recorded) -> ModelInfo:
    """Return what stands for the model of recorded activations: nothing is known of it but widths."""
    widths: dict[str, int] = {}
    for (hookpoint, _), width in recorded.places.items():
        part = {"mlp.act": "mlp", "attn.z": "attn"}.get(hookpoint, "model")
        widths[part] = max(width, widths.get(part, 0))
    widest = max(widths.values())
    return ModelInfo(
        name=recorded.model,
        revision="",
        commit="",
        weights="pretrained",
        seed=-1,
        family=RECORDED,
        n_layers=max(layer for _, layer in recorded.places) + 1,
        d_model=widths.get("model", widest),
        d_mlp=widths.get("mlp", 0),
        vocab_size=0,
        max_positions=0,
        config_digest="",
        weights_digest="",
        tokenizer_digest="",
        d_attn=widths.get("attn", 0),
    )
