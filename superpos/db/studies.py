"""A study in the database: its plan, written in one transaction, and which rows are its own.

A plan is the identities of its rows, its revision, its disjoint blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from superpos.db.clock import time_now
from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.insert import ids_by_key, insert_missing
from superpos.db.tables import (
    activation_sets,
    block_fit_axes,
    block_joint_axes,
    block_targets,
    blocks,
    datasets,
    direction_sets,
    fit_axes,
    joint_axes,
    models,
    studies,
    study_datasets,
    study_models,
    targets,
)
from superpos.records.plan import PlannedDirections, PlannedModel, StudyPlan
from superpos.specs.axes import FitAxes, JointAxes


def newest_study(connection: sa.Connection, name: str) -> tuple[int, int, str] | None:
    """Return (study_id, revision, digest) of the newest revision of a study, None if there is none."""
    query = (
        sa.select(studies.c.study_id, studies.c.revision, studies.c.digest)
        .where(studies.c.name == name)
        .order_by(studies.c.revision.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (row[0], row[1], row[2])


def study_target_ids(study_id: int) -> sa.Select[Any]:
    """Return the query of a study's targets."""
    return (
        sa.select(block_targets.c.target_id)
        .join(blocks, blocks.c.block_id == block_targets.c.block_id)
        .where(blocks.c.study_id == study_id)
    )


def study_direction_ids(study_id: int) -> sa.Select[Any]:
    """Return the query of the direction sets that a study's targets rest on."""
    return (
        sa.select(targets.c.direction_id)
        .join(block_targets, block_targets.c.target_id == targets.c.target_id)
        .join(blocks, blocks.c.block_id == block_targets.c.block_id)
        .where(blocks.c.study_id == study_id)
    )


def register_study(database: Database, plan: StudyPlan) -> int:
    """Return the id of the study's revision with this plan, writing it unless the newest one equals it."""
    with database.write(Commit.REGISTER) as connection:
        take_turns(connection, "register")
        newest = newest_study(connection, plan.study.name)
        if newest is not None and newest[2] == plan.digest and _same_inputs(connection, newest[0], plan):
            return newest[0]
        revision = 1 if newest is None else newest[1] + 1
        inserted = connection.execute(
            studies.insert().values(
                name=plan.study.name,
                revision=revision,
                digest=plan.digest,
                specification=plan.study.as_dict(),
                algorithm_versions=dict(plan.algorithm_versions),
                store_vectors=plan.study.store_vectors,
                noise_ceiling=plan.study.noise_ceiling,
                created_at=time_now(connection),
            )
        )
        assert inserted.inserted_primary_key is not None  # noqa: S101 (both dialects return it)
        study_id = int(inserted.inserted_primary_key[0])
        _insert_inputs(connection, study_id, plan)
        _insert_targets(connection, plan)
        _insert_blocks(connection, study_id, plan)
        return study_id


def _same_inputs(connection: sa.Connection, study_id: int, plan: StudyPlan) -> bool:
    """Whether the revision's blocks hold the plan's targets: edited text changes keys, not the study file."""
    query = (
        sa.select(targets.c.key)
        .join(block_targets, block_targets.c.target_id == targets.c.target_id)
        .join(blocks, blocks.c.block_id == block_targets.c.block_id)
        .where(blocks.c.study_id == study_id)
        .distinct()
    )
    used = {key for product in plan.blocks for key in product.parts[0]}
    return set(connection.scalars(query)) == used


def _insert_inputs(connection: sa.Connection, study_id: int, plan: StudyPlan) -> None:
    insert_missing(connection, models, [_model_row(planned) for planned in plan.models])
    insert_missing(
        connection,
        datasets,
        [
            {
                "key": planned.key,
                "builder": planned.spec.builder,
                "specification": {"spec": asdict(planned.spec), "identity": planned.identity},
                "corpus_digest": planned.identity.get("corpus_digest", ""),
                "tokenizer_digest": planned.identity.get("tokenizer_digest", ""),
            }
            for planned in plan.datasets
        ],
    )
    model_ids = ids_by_key(connection, models, "model_id", (m.key for m in plan.models))
    dataset_ids = ids_by_key(connection, datasets, "dataset_id", (d.key for d in plan.datasets))
    insert_missing(
        connection,
        study_models,
        [{"study_id": study_id, "model_id": model_ids[m.key], "name": m.name} for m in plan.models],
    )
    insert_missing(
        connection,
        study_datasets,
        [
            {"study_id": study_id, "dataset_id": dataset_ids[d.key], "name": d.name, "corpus": d.corpus}
            for d in plan.datasets
        ],
    )
    insert_missing(
        connection,
        activation_sets,
        [
            {
                "key": a.key,
                "model_id": model_ids[a.model_key],
                "dataset_id": dataset_ids[a.dataset_key],
                "hookpoint": a.hookpoint,
                "layer": a.layer,
                "pooling": a.pooling,
                "dtype": a.dtype,
            }
            for a in plan.activations
        ],
    )
    activation_ids = ids_by_key(
        connection, activation_sets, "activation_id", (a.key for a in plan.activations)
    )
    ids = {**model_ids, **dataset_ids, **activation_ids}
    insert_missing(connection, direction_sets, [_direction_row(planned, ids) for planned in plan.directions])


def _model_row(planned: PlannedModel) -> dict[str, Any]:
    info = planned.info
    return {
        "key": planned.key,
        "source": planned.spec.name,
        "revision": info.revision,
        "hub_commit": info.commit,
        "weights": info.weights,
        "seed": info.seed,
        "family": info.family,
        "n_layers": info.n_layers,
        "d_model": info.d_model,
        "d_mlp": info.d_mlp,
        "vocab_size": info.vocab_size,
        "max_positions": info.max_positions,
        "config_digest": info.config_digest,
        "weights_digest": info.weights_digest,
        "tokenizer_digest": info.tokenizer_digest,
        "quantization": info.quantization,
        "file_digest": info.file_digest,
        "distribution": info.distribution,
    }


def _direction_row(planned: PlannedDirections, ids: Mapping[bytes, int]) -> dict[str, Any]:
    settings = planned.settings
    return {
        "key": planned.key,
        "activation_id": None if planned.activation_key is None else ids[planned.activation_key],
        "dataset_id": ids[planned.dataset_key],
        "model_id": None if planned.model_key is None else ids[planned.model_key],
        "hookpoint": planned.hookpoint,
        "layer": planned.layer,
        "pooling": planned.pooling,
        "method": planned.method,
        "probe_C": 0.0 if settings is None else settings.C,
        "split_seed": -1 if settings is None else settings.split_seed,
        "label_replicate": planned.label_replicate,
        "settings": {} if settings is None else asdict(settings),
        "config_key": planned.config_key,
    }


def _insert_targets(connection: sa.Connection, plan: StudyPlan) -> None:
    direction_ids = ids_by_key(connection, direction_sets, "direction_id", (d.key for d in plan.directions))
    insert_missing(
        connection,
        targets,
        [
            {
                "key": t.key,
                "direction_id": direction_ids[t.direction_key],
                "space": t.space,
                "kind": t.kind,
                "replicate": t.replicate,
                "similarity": t.similarity,
                "rbf_scale": t.rbf_scale,
                "fit_two_classes": int(t.fit_two_classes),
            }
            for t in plan.targets
        ],
    )
    axes_of: tuple[tuple[sa.Table, Mapping[bytes, tuple[JointAxes | FitAxes, str]]], ...] = (
        (joint_axes, plan.joint_axes),
        (fit_axes, plan.fit_axes),
    )
    for table, planned in axes_of:
        rows = []
        for key, (axes, config) in planned.items():
            row = {**asdict(axes), "key": key, "config_key": config}
            row["algorithm_version"] = plan.algorithm_versions[table.name]
            if isinstance(axes, JointAxes):
                row["kernel"] = axes.label
            rows.append(row)
        insert_missing(connection, table, rows)


def _insert_blocks(connection: sa.Connection, study_id: int, plan: StudyPlan) -> None:
    factors = (
        (
            block_targets,
            "target_id",
            ids_by_key(connection, targets, "target_id", (t.key for t in plan.targets)),
        ),
        (
            block_joint_axes,
            "joint_axes_id",
            ids_by_key(connection, joint_axes, "joint_axes_id", plan.joint_axes),
        ),
        (block_fit_axes, "fit_axes_id", ids_by_key(connection, fit_axes, "fit_axes_id", plan.fit_axes)),
    )
    for product in plan.blocks:
        inserted = connection.execute(blocks.insert().values(study_id=study_id, name=product.name))
        assert inserted.inserted_primary_key is not None  # noqa: S101 (both dialects return it)
        block_id = int(inserted.inserted_primary_key[0])
        for (table, column, ids), keys in zip(factors, product.parts, strict=True):
            if keys:
                connection.execute(table.insert(), [{"block_id": block_id, column: ids[key]} for key in keys])
