"""The outline of a plan: what its keys are made of (`superpos.records.outlines`)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import asdict

from superpos.records.outlines import Outline, Row, flat, versioned
from superpos.records.plan import PlannedDirections, PlannedModel, StudyPlan
from superpos.specs.axes import FitAxes, JointAxes


def outline_of(plan: StudyPlan) -> Outline:
    """Return the outline of a plan."""
    return Outline(
        name=plan.study.name,
        levels=versioned(plan.algorithm_versions, _levels(plan)),
        blocks=plan.blocks,
    )


def _levels(plan: StudyPlan) -> dict[str, dict[bytes, Row]]:
    return {
        "models": {model.key: Row(_model(model), {}) for model in plan.models},
        "datasets": {dataset.key: Row(flat(dataset.identity), {}) for dataset in plan.datasets},
        "activations": {
            one.key: Row(
                {
                    "hookpoint": one.hookpoint,
                    "layer": one.layer,
                    "pooling": one.pooling,
                    "dtype": one.dtype,
                },
                {"models": one.model_key, "datasets": one.dataset_key},
            )
            for one in plan.activations
        },
        "directions": {one.key: _directions(one) for one in plan.directions},
        "targets": {
            one.key: Row(
                {
                    "space": one.space,
                    "target": one.kind,
                    "replicate": one.replicate,
                    "similarity": one.similarity,
                    "rbf_scale": one.rbf_scale,
                    "fit_two_classes": one.fit_two_classes,
                },
                {"directions": one.direction_key},
            )
            for one in plan.targets
        },
        "joint_axes": {key: Row(_axes(axes), {}) for key, (axes, _) in plan.joint_axes.items()},
        "fit_axes": {key: Row(_axes(axes), {}) for key, (axes, _) in plan.fit_axes.items()},
    }


def _model(model: PlannedModel) -> dict[str, Hashable]:
    info = model.info
    return {
        "name": model.name,
        "weights": info.weights,
        "seed": info.seed,
        "commit": info.commit,
        "config": info.config_digest,
        "weights_digest": info.weights_digest,
        "tokenizer": info.tokenizer_digest,
    }


def _directions(one: PlannedDirections) -> Row:
    inputs = {"datasets": one.dataset_key, "models": one.model_key, "activations": one.activation_key}
    if one.activation_key is not None:
        inputs = {"activations": one.activation_key}
    settings = {} if one.settings is None else flat(asdict(one.settings))
    place = {} if one.activation_key is not None else {"hookpoint": one.hookpoint, "layer": one.layer}
    fields = {**place, "method": one.method, "label_replicate": one.label_replicate, **settings}
    return Row(fields, {level: key for level, key in inputs.items() if key is not None})


def _axes(axes: JointAxes | FitAxes) -> dict[str, Hashable]:
    return {name: getattr(axes, name) for name in axes.__dataclass_fields__}
