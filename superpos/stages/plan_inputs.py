"""The inputs of a study, resolved: models, feature sets, activation sets, directions without probes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from superpos.activations.inspection import check_token_ids, hook_width, inspect_model, tokenizer_file
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
from superpos.datasets.option_files import with_files
from superpos.datasets.packages import packages_label
from superpos.datasets.recorded import read_recorded, recorded_identity
from superpos.datasets.sources import Corpus, load_corpus
from superpos.datasets.tokens import load_tokens
from superpos.errors import InputError
from superpos.hashing import canonical_json, content_key, text_digest
from superpos.kinds.builders import Site
from superpos.kinds.weights import WEIGHTS
from superpos.models import BUNDLED
from superpos.reading.distributions import is_package, named_path
from superpos.reading.places import by_its_name, exists, is_folder, resolved, user_path
from superpos.reading.refusals import listed
from superpos.records.data import FeatureCopy, ModelInfo
from superpos.records.plan import PlannedActivations, PlannedDataset, PlannedDirections, PlannedModel
from superpos.records.recorded import Recorded
from superpos.specs.datasets import CorpusSpec, DatasetSpec
from superpos.specs.hook_names import EMBED_LAYER
from superpos.specs.models import ModelSpec, expand_sites
from superpos.specs.study import Block, ModelChoice, Study
from superpos.specs.versions import ALGORITHM_VERSIONS

Tokenizer = tuple[str, tuple[int, ...], tuple[int, ...]]
"""Digest of its file, and the special tokens before and behind a text."""
UNKNOWN_LAYER = -1
"""Layer of directions that do not say where they live."""
RECORDED = "recorded"
"""Family of what activations that were recorded elsewhere are of."""
SMALL_CORPUS = 8
"""Bytes for each token asked for up to which a user's text may be too small, and is tried beforehand."""


def config_key(settings: dict[str, Any]) -> str:
    """Return 8 hexadecimal digits that stand for settings which are no axis of the views."""
    return text_digest(canonical_json(settings))[:8]


class InputPlanner:
    """Collects inputs by key, so that what two blocks share is planned once.

    `model_info`, `tokenized` and `imported` read files; whoever plans over other inputs overrides them.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.models: dict[bytes, PlannedModel] = {}
        self.datasets: dict[bytes, PlannedDataset] = {}
        self.activations: dict[bytes, PlannedActivations] = {}
        self.directions: dict[bytes, PlannedDirections] = {}
        self.copies: dict[bytes, tuple[FeatureCopy, ...]] = {}
        self.choices = {choice.label: choice for choice in study.models}
        self.specs = {spec.name: spec for spec in study.datasets}
        self._known_models: dict[ModelSpec, PlannedModel] = {}
        self._inspected: dict[ModelSpec, ModelInfo] = {}
        self._known_tokenizers: dict[bytes, Tokenizer] = {}
        self._known_datasets: dict[tuple[str, str, tuple[int, ...], tuple[int, ...]], PlannedDataset] = {}
        self._known_recorded: dict[str, tuple[PlannedDataset, PlannedModel, Recorded]] = {}
        self._in_force: dict[str, list[DatasetSpec]] = {}
        """Sets by name, with the options that each tokenizer settled on."""
        self.notes: list[str] = []
        self._corpus: tuple[CorpusSpec, Corpus] | None = None
        """The text that was read last: sets in a row often share it."""

    def model_info(self, spec: ModelSpec) -> ModelInfo:
        """Return what is read of a model."""
        return inspect_model(spec)

    def _model(self, spec: ModelSpec) -> PlannedModel:
        is_local, spec = _is_local(spec), _located(spec)
        if spec in self._known_models:
            return self._known_models[spec]
        info = self._info(spec)
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
        planned = PlannedModel(
            key=key, name=Path(spec.name).name if is_local else spec.name, spec=spec, info=info
        )
        self._known_models[spec] = planned
        self.models.setdefault(key, planned)
        return planned

    def _info(self, spec: ModelSpec) -> ModelInfo:
        """Return what is read of a model, which is the same for every seed of its weights."""
        alike = replace(spec, seed=0) if WEIGHTS.get(spec.weights).seeded else spec
        if alike not in self._inspected:
            self._inspected[alike] = self.model_info(alike)
        return replace(self._inspected[alike], seed=spec.seed)

    def tokenized(self, spec: DatasetSpec, model: PlannedModel) -> PlannedDataset:
        """Return a feature set on text or words under the tokenizer of a model."""
        tokenizer = tokenizer_file(model.spec)
        if spec.ctx_len > model.info.max_positions:
            raise InputError(
                f"datasets.{spec.name}.ctx_len: {spec.ctx_len} is longer than the {model.info.max_positions} "
                f"positions of model {model.name}"
            )
        known = (spec.name, *self._tokenizer(model, tokenizer))
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

    def _tokenizer(self, model: PlannedModel, file: Path) -> Tokenizer:
        """Return what tells a model's tokenizer from others; read once a model."""
        if model.key not in self._known_tokenizers:
            table = load_tokens(file)
            ends = (*table.front, *table.back)
            check_token_ids(model.spec, model.info.vocab_size, ends, "what its tokenizer puts around a text")
            self._known_tokenizers[model.key] = (table.digest, table.front, table.back)
        return self._known_tokenizers[model.key]

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
                    model = self._model(model_spec)
                    dataset = self.tokenized(spec, model)
                    for matrix in options.matrices:
                        yield self._source(dataset.key, model.key, matrix, EMBED_LAYER, "embedding")

    def imported(self, spec: DatasetSpec, models: Sequence[str]) -> PlannedDataset:
        """Return a feature set whose directions or matrix come from a file, beside models of the study."""
        known = (spec.name, " ".join(models), (), ())
        if known not in self._known_datasets:
            spec = resolved_import(absolute(spec), lambda hookpoint: self._models_at(models, hookpoint))
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

    def _models_at(self, labels: Sequence[str], hookpoint: str) -> tuple[Site, ...]:
        """Return the models of these labels that have a hookpoint; those that cannot be read say nothing."""
        found = []
        for label in labels:
            for spec in self.choices[label].specs:
                try:
                    info = self._info(_located(spec))
                    found.append(Site(label, hook_width(info, hookpoint), info.n_layers))
                except InputError:  # vectors of a file need no model; whatever does names its mistake
                    continue
        return tuple(found)

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
            model = self._model(spec)
            for hookpoint, layer in self._sites(block, model.info):
                for name in names:
                    dataset = self.tokenized(self.specs[name], model)
                    for pooling in set_poolings(dataset.spec) or block.poolings:
                        values: dict[str, Any] = {
                            "hookpoint": hookpoint,
                            "layer": layer,
                            "pooling": pooling,
                            "dtype": choice.dtype,
                        }
                        version = ALGORITHM_VERSIONS["activations"]
                        key = content_key("activations", version, values, [model.key, dataset.key])
                        planned = PlannedActivations(
                            key=key, model_key=model.key, dataset_key=dataset.key, **values
                        )
                        yield self.activations.setdefault(key, planned)

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
                values: dict[str, Any] = {
                    "hookpoint": hookpoint,
                    "layer": layer,
                    "pooling": SINGLE,
                    "dtype": recorded.dtype,
                }
                version = ALGORITHM_VERSIONS["activations"]
                key = content_key("activations", version, values, [model.key, dataset.key])
                planned = PlannedActivations(key=key, model_key=model.key, dataset_key=dataset.key, **values)
                yield self.activations.setdefault(key, planned)

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

    def _sites(self, block: Block, info: ModelInfo) -> tuple[tuple[str, int], ...]:
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


def _same_set(name: str, first: str) -> str:
    """Return what is said of a set that has the content of another."""
    return f"data set {name}: is the same as {first}; its results have that name alone"


def _located(spec: ModelSpec) -> ModelSpec:
    """Return the model with the absolute path of its files: workers and later runs may start elsewhere."""
    if not _is_local(spec):
        return spec
    place = user_path(spec.name)
    return replace(spec, name=str(resolved(place) if is_folder(place) else by_its_name(place)))


def _is_local(spec: ModelSpec) -> bool:
    return spec.name not in BUNDLED and not is_package(spec.name) and exists(user_path(spec.name))


def absolute(spec: DatasetSpec) -> DatasetSpec:
    """Return the set with absolute paths: workers and later runs may start elsewhere."""
    changed = {name: with_files(getattr(spec.options, name), _absolute_file) for name in spec.kind.files}
    options: Any = spec.options  # every kind of options is a dataclass, which `replace` wants to know
    return replace(spec, corpus=_absolute_corpus(spec.corpus), options=replace(options, **changed))


def _absolute_file(name: str) -> str:
    return name if is_package(name) or not exists(place := user_path(name)) else str(by_its_name(place))


def _absolute_corpus(corpus: CorpusSpec) -> CorpusSpec:
    if corpus.kind == "union":
        return replace(corpus, parts=tuple((name, _absolute_corpus(part)) for name, part in corpus.parts))
    if corpus.kind != "text" or is_package(corpus.path):
        return corpus
    return replace(corpus, path=str(resolved(user_path(corpus.path))))


def corpus_label(spec: DatasetSpec) -> str:
    """Return the `corpus` column of the views.

    `stdlib`, the name of the file or folder, or those of the parts; of a set that reads no text, the packages
    whose files it reads.
    """
    corpus = spec.corpus
    if corpus.kind == "none":
        return packages_label(spec)
    return corpus.label if corpus.kind != "text" else resolved(named_path(corpus.path)).name
