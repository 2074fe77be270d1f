"""From a study to its plan: every key, resolved from the study and the content of its inputs.

Nothing is computed and nothing is written; a mistake in the study that only its inputs can show (a layer that
the model lacks, a folder without weights) is found here, before a run starts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

from superpos.catalogue import Level, names
from superpos.errors import ArgumentError, InputError
from superpos.hashing import canonical_json, content_key, text_digest
from superpos.kinds.controls import CONTROLS, FEATURES
from superpos.kinds.similarities import SIMILARITIES
from superpos.records.plan import PlannedDirections, PlannedTarget, StudyPlan
from superpos.specs.axes import FitAxes, JointAxes
from superpos.specs.blocks import Product, disjoint, fit_axes, joint_axes
from superpos.specs.limits import MOST_CELLS, MOST_TARGETS
from superpos.specs.probes import VECTOR_METHODS, ProbeSettings
from superpos.specs.study import MEDIAN_RULE, Block, Study
from superpos.specs.versions import ALGORITHM_VERSIONS
from superpos.stages.plan_inputs import InputPlanner, config_key
from superpos.stages.reach import reaches

DEFAULT_RBF_SCALE = 200.0
"""C of an imported RBF matrix under the rule `median`, which needs directions; it cancels in the fit."""


def plan_study(study: Study) -> StudyPlan:
    """Return the plan of a study.

    Raises
    ------
    InputError
        If a model, corpus, layer or hookpoint that the study names cannot be used, or a family of tests has
        a level that its draws cannot reach.
    """
    plan = Planner(study).plan()
    reaches(plan)  # refuses families that no number of results could decide
    return plan


class Planner(InputPlanner):
    """Collects rows by key, so that what two blocks share is planned once."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.targets: dict[bytes, PlannedTarget] = {}
        self.joint_axes: dict[bytes, tuple[JointAxes, str]] = {}
        self.fit_axes: dict[bytes, tuple[FitAxes, str]] = {}
        self._direction_keys: dict[tuple[bytes, ProbeSettings, int], bytes] = {}
        """What was planned: targets, of which there may be 10^5, share directions."""
        self._counts = {"sets of activations": 0, "targets": 0}
        """Rows that the blocks ask for so far, shared ones counted for each block."""

    def plan(self) -> StudyPlan:
        """Return the plan of the study; raises as `plan_study`."""
        products = [product for block in self.study.blocks for product in self._block(block)]
        try:
            fitted = disjoint(products)
        except ArgumentError as error:
            raise InputError(f"study {self.study.name}: {error}") from error
        blocks = (*fitted, *(product for product in products if not product.parts[2]))  # those of no fits
        self._check_cells(blocks)
        datasets = tuple(self.in_force(spec) for spec in self.study.datasets)
        specification = replace(self.study, datasets=datasets).as_dict()
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
            blocks=blocks,
            notes=tuple(dict.fromkeys(self.notes)),
            copies=self.copies,
        )

    def _check_cells(self, blocks: tuple[Product, ...]) -> None:
        n_cells = sum(product.size for product in blocks)
        if n_cells > MOST_CELLS:
            largest = max(blocks, key=lambda product: product.size)
            targets, joints, fits = map(len, largest.parts)
            product = f"{targets:,} targets x {joints:,} joint settings x {fits:,} re-optimisations"
            raise InputError(
                f"study {self.study.name}: {n_cells:,} cells, {largest.size:,} of them in "
                f"blocks.{largest.name} ({product}); at most {MOST_CELLS:,}: lower replicates, restarts or "
                "trials, use shorter lists, or split the study"
            )

    def _block(self, block: Block) -> Iterator[Product]:
        """Yield one product a similarity: gauges may be allowed under one and not the other."""
        probed = [name for name in block.datasets if self.specs[name].has_probes]
        recorded = [name for name in probed if not self.specs[name].needs_model]
        extracted = [name for name in probed if name not in recorded]
        activations: list[bytes] = []
        for planned in self.plan_recorded(block, recorded):
            self._count(block, "sets of activations", sets=1)
            activations.append(planned.key)
        for label in block.models:
            for planned in self.plan_activations(block, extracted, self.choices[label]):
                self._count(block, "sets of activations", sets=1)
                activations.append(planned.key)
        sources = [
            d.key for name in block.datasets if name not in probed for d in self.plan_sources(block, name)
        ]
        fit_keys = tuple(self._fit_axes(axes) for axes in fit_axes(block))
        for similarity in block.similarities:
            self._count_targets(block, similarity, len(activations), len(sources))
            targets = [
                target
                for activation in activations
                for settings in block.probes
                for target in self._targets(block, similarity, activation, settings)
            ]
            targets += [
                target for source in sources for target in self._source_targets(block, similarity, source)
            ]
            if not targets:
                raise InputError(
                    f"study {self.study.name}: blocks.{block.name}: {', '.join(block.datasets)} have no "
                    f"target under similarity {similarity}"
                )
            joint_keys = tuple(self._joint_axes(axes) for axes in joint_axes(block, similarity))
            yield Product(block.name, (tuple(dict.fromkeys(targets)), joint_keys, fit_keys))

    def _count(self, block: Block, what: str, **factors: int) -> None:
        """Add a product of rows to what the study asks for, before they are built."""
        self._counts[what] += math.prod(factors.values())
        if self._counts[what] > MOST_TARGETS:
            product = " x ".join(f"{count:,} {name}" for name, count in factors.items() if count > 1)
            here = f", {product} of them here" if product else ""
            raise InputError(
                f"study {self.study.name}: blocks.{block.name}: {self._counts[what]:,} {what}{here}; at most "
                f"{MOST_TARGETS:,}: use shorter lists, or split the study"
            )

    def _count_targets(self, block: Block, similarity: str, n_activations: int, n_sources: int) -> None:
        sizes = {
            "rbf_scales": len(block.rbf_scales) if SIMILARITIES.get(similarity).has_scale else 1,
            "replicates of all kinds": sum(len(choice.replicates) for choice in block.targets),
        }
        own = {"probe settings": len(block.probes), "spaces": len(block.spaces)}
        self._count(block, "targets", **{"sets of activations": n_activations}, **own, **sizes)
        self._count(block, "targets", **{"sets of directions": n_sources}, **sizes)

    def _directions(self, activation: bytes, settings: ProbeSettings, label_replicate: int) -> bytes:
        place = (activation, settings, label_replicate)
        if place not in self._direction_keys:
            self._direction_keys[place] = self._planned_directions(*place)
        return self._direction_keys[place]

    def _planned_directions(self, activation: bytes, settings: ProbeSettings, label_replicate: int) -> bytes:
        values = {**asdict(settings), "label_replicate": label_replicate}
        key = content_key("directions", ALGORITHM_VERSIONS["directions"], values, [activation])
        rest = {k: v for k, v in asdict(settings).items() if k not in ("method", "C", "split_seed")}
        a = self.activations[activation]
        planned = PlannedDirections(
            key=key,
            dataset_key=a.dataset_key,
            model_key=a.model_key,
            activation_key=activation,
            hookpoint=a.hookpoint,
            layer=a.layer,
            pooling=a.pooling,
            method=settings.method,
            settings=settings,
            label_replicate=label_replicate,
            config_key=config_key(rest),
        )
        self.directions.setdefault(key, planned)
        return key

    def _source_targets(self, block: Block, similarity: str, source: bytes) -> Iterator[bytes]:
        """Yield the targets of directions without probes; a control they cannot have is left out."""
        directions = self.directions[source]
        spec = next(d.spec for d in self.datasets.values() if d.key == directions.dataset_key)
        scales = block.rbf_scales if SIMILARITIES.get(similarity).has_scale else (0.0,)
        asked = [choice for choice in block.targets if not CONTROLS.get(choice.kind).of_labels]
        if spec.kind.words is None:
            asked = [choice for choice in asked if not CONTROLS.get(choice.kind).of_tokens]
            self._leave_out_of_samples(block, spec.name, [choice.kind for choice in asked])
            asked = [choice for choice in asked if not CONTROLS.get(choice.kind).of_samples]
        space = "raw"
        if spec.matrix_of:
            if spec.matrix_of != similarity:
                return
            numbers = tuple(scale for scale in scales if scale != MEDIAN_RULE)
            asked = [choice for choice in asked if CONTROLS.get(choice.kind).of_matrix]
            space, scales = "none", numbers[:1] or (DEFAULT_RBF_SCALE,)
        for choice in asked:
            for replicate in choice.replicates:
                for scale in scales:
                    yield self._target(
                        source, space, choice.kind, replicate, similarity, scale, block.fit_two_classes
                    )

    def _leave_out_of_samples(self, block: Block, name: str, kinds: Sequence[str]) -> None:
        """Say which controls a set lacks because nothing is known of its directions but what a file holds."""
        if left_out := [kind for kind in kinds if CONTROLS.get(kind).of_samples]:
            self.notes.append(
                f"blocks.{block.name}: data set {name} has no control {', '.join(left_out)}: it is imported, "
                "without samples"
            )

    def _spaces(self, block: Block, settings: ProbeSettings) -> tuple[str, ...]:
        """Return the spaces that probes of these settings have."""
        if settings.method not in VECTOR_METHODS or "pattern" not in block.spaces:
            return block.spaces
        self.notes.append(
            f"blocks.{block.name}: {settings.method} has no space pattern of its own: its directions are "
            "patterns already (space raw)"
        )
        return tuple(space for space in block.spaces if space != "pattern")

    def _targets(
        self, block: Block, similarity: str, activation: bytes, settings: ProbeSettings
    ) -> Iterator[bytes]:
        scales = block.rbf_scales if SIMILARITIES.get(similarity).has_scale else (0.0,)
        kinds = [choice.kind for choice in block.targets]
        of_labels = [kind for kind in kinds if CONTROLS.get(kind).of_labels]
        if MEDIAN_RULE in scales and of_labels and FEATURES not in kinds:
            raise InputError(
                f"study {self.study.name}: blocks.{block.name}.targets: {of_labels[0]} under rbf_scales "
                f"'median' use the C of the features; add {FEATURES!r}"
            )
        spaces = self._spaces(block, settings)
        for choice in block.targets:
            if CONTROLS.get(choice.kind).of_tokens:
                continue  # probes are no rows of a matrix
            for replicate in choice.replicates:
                label_replicate = replicate if choice.kind in of_labels else -1
                directions = self._directions(activation, settings, label_replicate)
                for space in spaces:
                    for scale in scales:
                        yield self._target(
                            directions, space, choice.kind, replicate, similarity, scale,
                            block.fit_two_classes,
                        )  # fmt: skip

    def _target(
        self,
        directions: bytes,
        space: str,
        kind: str,
        replicate: int,
        similarity: str,
        scale: float,
        two_classes: bool,
    ) -> bytes:
        values: dict[str, Any] = {
            "space": space,
            "kind": kind,
            "replicate": replicate,
            "similarity": similarity,
            "rbf_scale": scale,
        }
        if two_classes:
            values["fit_two_classes"] = True
        if identity := CONTROLS.identity(kind):
            values["control"] = identity
        if identity := SIMILARITIES.identity(similarity):
            values["similarity_kind"] = identity
        key = content_key("target", ALGORITHM_VERSIONS["target"], values, [directions])
        planned = PlannedTarget(
            key=key,
            direction_key=directions,
            space=space,
            kind=kind,
            replicate=replicate,
            similarity=similarity,
            rbf_scale=scale,
            fit_two_classes=two_classes,
        )
        self.targets.setdefault(key, planned)
        return key

    def _joint_axes(self, axes: JointAxes) -> bytes:
        version = ALGORITHM_VERSIONS["joint_axes"]
        key = content_key("joint_axes", version, axes.identity())
        self.joint_axes.setdefault(key, (axes, _config_key(axes, "joint")))
        return key

    def _fit_axes(self, axes: FitAxes) -> bytes:
        version = ALGORITHM_VERSIONS["fit_axes"]
        key = content_key("fit_axes", version, axes.identity())
        self.fit_axes.setdefault(key, (axes, _config_key(axes, "fit")))
        return key


def _config_key(axes: JointAxes | FitAxes, level: Level) -> str:
    """Return what stands for the settings of a step that are no axis of the views."""
    settings = names(level, roles=("config",))
    return _key_of(settings, tuple(getattr(axes, name) for name in settings))


@lru_cache(maxsize=256, typed=True)
def _key_of(settings: tuple[str, ...], values: tuple[Any, ...]) -> str:
    return config_key(dict(zip(settings, values, strict=True)))
