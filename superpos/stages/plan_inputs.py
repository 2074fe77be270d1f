"""The inputs of a study, resolved: models, feature sets, activation sets, directions without probes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from superpos.activations.inspection import check_token_ids, tokenizer_file
from superpos.datasets.build import (
    SINGLE,
    build_dataset,
    dataset_identity,
    set_poolings,
    settled,
    try_files,
)
from superpos.datasets.imported import (
    imported_copies,
    imported_identity,
    known_provenance,
    read_imported,
    resolved_import,
    word_tokens,
)
from superpos.datasets.notes import foreseen, notes_of
from superpos.datasets.recorded import read_recorded, recorded_identity
from superpos.datasets.sources import Corpus, load_corpus
from superpos.datasets.tokens import load_tokens
from superpos.errors import InputError
from superpos.hashing import canonical_json, content_key, text_digest
from superpos.reading.refusals import listed
from superpos.records.data import FeatureCopy
from superpos.records.plan import PlannedActivations, PlannedDataset, PlannedDirections, PlannedModel
from superpos.records.recorded import Recorded
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.hook_names import EMBED_LAYER
from superpos.specs.models import ModelSpec
from superpos.specs.study import Block, ModelChoice, Study
from superpos.specs.versions import ALGORITHM_VERSIONS
from superpos.stages.input_places import absolute, corpus_label
from superpos.stages.plan_models import ModelPlanner, recorded_info

UNKNOWN_LAYER = -1
"""Layer of directions that do not say where they live."""
SMALL_CORPUS = 8
"""Bytes for each token asked for up to which a user's text may be too small, and is tried beforehand."""


def config_key(settings: dict[str, Any]) -> str:
    """Return 8 hexadecimal digits that stand for settings which are no axis of the views."""
    return text_digest(canonical_json(settings))[:8]


class InputPlanner(ModelPlanner):
    """Collects inputs by key, so that what two blocks share is planned once.

    `model_info`, `tokenized` and `imported` read files; whoever plans over other inputs overrides them.
    """

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.datasets: dict[bytes, PlannedDataset] = {}
        self.activations: dict[bytes, PlannedActivations] = {}
        self.directions: dict[bytes, PlannedDirections] = {}
        self.copies: dict[bytes, tuple[FeatureCopy, ...]] = {}
        self.specs = {spec.name: spec for spec in study.datasets}
        self._known_datasets: dict[tuple[str, str, tuple[int, ...], tuple[int, ...]], PlannedDataset] = {}
        self._known_recorded: dict[str, tuple[PlannedDataset, PlannedModel, Recorded]] = {}
        self._in_force: dict[str, list[DatasetSpec]] = {}
        """Sets by name, with the options that each tokenizer settled on."""
        self.notes: list[str] = []
        self._corpus: tuple[CorpusSpec, Corpus] | None = None
        """The text that was read last: sets in a row often share it."""

    def tokenized(self, spec: DatasetSpec, model: PlannedModel) -> PlannedDataset:
        """Return a feature set on text or words under the tokenizer of a model."""
        tokenizer = tokenizer_file(model.spec)
        if spec.ctx_len > model.info.max_positions:
            raise InputError(
                f"datasets.{spec.name}.ctx_len: {spec.ctx_len} is longer than the {model.info.max_positions} "
                f"positions of model {model.name}"
            )
        known = (spec.name, *self.tokenizer(model, tokenizer))
        if spec.kind.words:
            for word in word_tokens(spec, load_tokens(tokenizer)):  # one of several tokens is refused here
                check_token_ids(model.spec, model.info.vocab_size, word, f"datasets.{spec.name}: a word")
        if known in self._known_datasets:
            return self._known_datasets[known]
        spec = settled(spec, load_tokens(tokenizer))
        self._in_force.setdefault(spec.name, []).append(spec)
        spec = absolute(spec)
        identity, copies = self._identity(spec, tokenizer)
        key = content_key("dataset", ALGORITHM_VERSIONS["dataset"], identity)
        self.copies[key] = copies
        planned = PlannedDataset(
            key=key,
            name=spec.name,
            corpus=corpus_label(spec),
            spec=spec,
            identity=identity,
            tokenizer_model=model.spec,
        )
        self._known_datasets[known] = planned
        first = self.datasets.setdefault(key, planned)
        if first.name != spec.name:
            self.notes.append(_same_set(spec.name, first.name))
        return planned

    def in_force(self, spec: DatasetSpec) -> DatasetSpec:
        """Return a set with the options that all tokenizers of the study settled on, as it is if they differ.

        A study that leaves an option to the tokenizer is one with a study that says what the tokenizer chose.
        """
        found = self._in_force.get(spec.name, [spec])
        return found[0] if all(one == found[0] for one in found) else spec

    def _identity(self, spec: DatasetSpec, tokenizer: Path) -> tuple[dict[str, Any], tuple[FeatureCopy, ...]]:
        """Return the identity of a feature set, and its copies if it was tried.

        A little text of the user's is tried, for it may not do.
        """
        try_files(spec, tokenizer)
        if not spec.has_probes or spec.corpus.kind not in ("text", "stdlib"):
            return dataset_identity(spec, tokenizer), ()  # the hub is not read while planning
        if self._corpus is None or self._corpus[0] != spec.corpus:
            self._corpus = (spec.corpus, load_corpus(spec.corpus))
        corpus = self._corpus[1]
        small = corpus.provenance["n_bytes"] <= SMALL_CORPUS * spec.n_sequences * spec.ctx_len
        known = foreseen(spec, corpus) if spec.kind.text_labels else {}
        copies: tuple[FeatureCopy, ...] = ()
        if spec.corpus.kind == "text" and small:
            tried = build_dataset(spec, tokenizer, corpus)
            known, copies = dict(tried.provenance), tried.copies
        self.notes += [f"data set {spec.name}: {line}" for line in notes_of(known)]
        return dataset_identity(spec, tokenizer, corpus), copies

    def plan_sources(self, block: Block, name: str) -> Iterator[PlannedDirections]:
        """Yield the directions of a set that needs no probes."""
        spec = self.specs[name]
        options = spec.options
        if spec.kind.rows:
            dataset = self.imported(spec, block.models)
            options = dataset.spec.options
            where = getattr(options, "hookpoint", ""), getattr(options, "layer", UNKNOWN_LAYER)
            yield self._source(dataset.key, None, *where, "imported")
        elif spec.kind.words:
            for label in block.models:
                for model_spec in self.choices[label].specs:
                    model = self.planned_model(model_spec)
                    dataset = self.tokenized(spec, model)
                    for matrix in options.matrices:
                        yield self._source(dataset.key, model.key, matrix, EMBED_LAYER, "embedding")

    def imported(self, spec: DatasetSpec, models: Sequence[str]) -> PlannedDataset:
        """Return a feature set whose directions or matrix come from a file, beside models of the study."""
        known = (spec.name, " ".join(models), (), ())
        if known not in self._known_datasets:
            spec = resolved_import(absolute(spec), lambda hookpoint: self.models_at(models, hookpoint))
            identity = imported_identity(spec)
            rows = read_imported(spec)  # a file that cannot be used is refused before anything starts
            self.notes += [f"data set {spec.name}: {line}" for line in notes_of(known_provenance(spec))]
            key = content_key("dataset", ALGORITHM_VERSIONS["dataset"], identity)
            self.copies[key] = imported_copies(spec, rows)
            planned = PlannedDataset(
                key=key,
                name=spec.name,
                corpus=corpus_label(spec),
                spec=spec,
                identity=identity,
                tokenizer_model=None,
            )
            self._known_datasets[known] = planned
            self.datasets.setdefault(key, planned)
        return self._known_datasets[known]

    def _source(
        self, dataset: bytes, model: bytes | None, hookpoint: str, layer: int, method: str
    ) -> PlannedDirections:
        values = {"hookpoint": hookpoint, "layer": layer, "method": method}
        parents = [dataset] if model is None else [dataset, model]
        key = content_key("directions", ALGORITHM_VERSIONS["directions"], values, parents)
        planned = PlannedDirections(
            key=key,
            dataset_key=dataset,
            model_key=model,
            activation_key=None,
            hookpoint=hookpoint,
            layer=layer,
            pooling="",
            method=method,
            settings=None,
            label_replicate=-1,
            config_key=config_key({}),
        )
        return self.directions.setdefault(key, planned)

    def plan_activations(
        self, block: Block, names: Sequence[str], choice: ModelChoice
    ) -> Iterator[PlannedActivations]:
        """Yield the activation sets of these feature sets under a model, every seed of its weights."""
        for spec in choice.specs if names else ():
            model = self.planned_model(spec)
            for hookpoint, layer in self.sites(block, model.info):
                for name in names:
                    dataset = self.tokenized(self.specs[name], model)
                    for pooling in set_poolings(dataset.spec) or block.poolings:
                        yield self._activations(model, dataset, hookpoint, layer, pooling, choice.dtype)

    def plan_recorded(self, block: Block, names: Sequence[str]) -> Iterator[PlannedActivations]:
        """Yield the activation sets of feature sets that bring their own, of the layers of the block."""
        for name in names:
            dataset, model, recorded = self._recorded(self.specs[name])
            there = {layer for _, layer in recorded.places if layer >= 0}
            if block.layers and there and (missing := set(block.layers) - there):
                raise InputError(
                    f"study {self.study.name}: blocks.{block.name}.layers: {min(missing)} is no layer of "
                    f"data set {name}, which has {listed(map(str, sorted(there)))}"
                )
            for hookpoint, layer in recorded.places:
                if block.layers and layer >= 0 and layer not in block.layers:
                    continue
                yield self._activations(model, dataset, hookpoint, layer, SINGLE, recorded.dtype)

    def _activations(
        self,
        model: PlannedModel,
        dataset: PlannedDataset,
        hookpoint: str,
        layer: int,
        pooling: str,
        dtype: str,
    ) -> PlannedActivations:
        values: dict[str, Any] = {"hookpoint": hookpoint, "layer": layer, "pooling": pooling, "dtype": dtype}
        key = content_key("activations", ALGORITHM_VERSIONS["activations"], values, [model.key, dataset.key])
        planned = PlannedActivations(key=key, model_key=model.key, dataset_key=dataset.key, **values)
        return self.activations.setdefault(key, planned)

    def _recorded(self, spec: DatasetSpec) -> tuple[PlannedDataset, PlannedModel, Recorded]:
        """Return a feature set that brings its activations, and what stands for their model."""
        if spec.name not in self._known_recorded:
            spec = absolute(spec)
            recorded = read_recorded(spec)
            spec = replace(spec, n_samples=recorded.n_samples)
            identity = recorded_identity(spec)
            key = content_key("dataset", ALGORITHM_VERSIONS["dataset"], identity)
            tokens = recorded.labelled()  # labels that cannot be used are refused before anything starts
            self.notes += [f"data set {spec.name}: {line}" for line in notes_of(tokens.provenance)]
            self.copies[key] = tokens.copies
            dataset = PlannedDataset(
                key=key, name=spec.name, corpus="", spec=spec, identity=identity, tokenizer_model=None
            )
            info = recorded_info(recorded)
            shape = {"n_layers": info.n_layers, "widths": [info.d_model, info.d_mlp, info.d_attn]}
            of_model = {"recorded": recorded.model, **shape}
            model_key = content_key("model", ALGORITHM_VERSIONS["model"], of_model)
            model = PlannedModel(model_key, recorded.model, ModelSpec(recorded.model), info)
            first = self.datasets.setdefault(key, dataset)
            if first.name != spec.name:
                self.notes.append(_same_set(spec.name, first.name))
            self._known_recorded[spec.name] = (dataset, self.models.setdefault(model_key, model), recorded)
        return self._known_recorded[spec.name]


def _same_set(name: str, first: str) -> str:
    """Return what is said of a set that has the content of another."""
    return f"data set {name}: is the same as {first}; its results have that name alone"
