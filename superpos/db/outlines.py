"""The outline of a stored revision of a study: what its keys were made of (`superpos.records.outlines`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.insert import parts
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
from superpos.db.types import Array
from superpos.errors import InputError, allowed, shown
from superpos.records.outlines import Outline, Row, flat, versioned
from superpos.specs.axes import FitAxes, JointAxes
from superpos.specs.blocks import Product


def stored_outline(database: Database, name: str, revision: int | None = None) -> Outline:
    """Return the outline of a revision of a study, of the newest one by default.

    Raises
    ------
    InputError
        If the database has no such study or revision.
    """
    s = studies.c
    with database.read() as connection:
        query = sa.select(s.revision, s.study_id, s.algorithm_versions).where(s.name == name)
        rows = {row.revision: row for row in connection.execute(query.order_by(s.revision))}
        if not rows:
            names = list(connection.scalars(sa.select(s.name).distinct().order_by(s.name)))
            raise InputError(
                f"study {shown(name)}: is no file, no bundled study and not in {database.label}; "
                f"{allowed(name, names or ('none',))}"
            )
        if revision is not None and revision not in rows:
            raise InputError(
                f"study {name}@{revision}: is not in {database.label}; it has the revisions "
                f"{', '.join(map(str, rows))}"
            )
        row = rows[max(rows) if revision is None else revision]
        members = _members(connection, row.study_id)
        levels = versioned(row.algorithm_versions, _levels(connection, row.study_id, members))
    return Outline(f"{name}@{row.revision}", levels, _products(members))


Members = dict[str, dict[int, list[bytes]]]
"""Keys by level and block."""


def _members(connection: sa.Connection, study_id: int) -> Members:
    found: Members = {}
    for level, table, members, column in (
        ("targets", targets, block_targets, "target_id"),
        ("joint_axes", joint_axes, block_joint_axes, "joint_axes_id"),
        ("fit_axes", fit_axes, block_fit_axes, "fit_axes_id"),
    ):
        query = (
            sa.select(members.c.block_id, table.c.key)
            .join(table, table.c[column] == members.c[column])
            .join(blocks, blocks.c.block_id == members.c.block_id)
            .where(blocks.c.study_id == study_id)
            .order_by(members.c.block_id, table.c[column])
        )
        of_level = found.setdefault(level, {})
        for block_id, key in connection.execute(query):
            of_level.setdefault(block_id, []).append(key)
    return found


def _products(members: Members) -> tuple[Product, ...]:
    ids = sorted({block_id for of_level in members.values() for block_id in of_level})
    return tuple(
        Product(
            str(block_id),
            (
                tuple(members["targets"].get(block_id, ())),
                tuple(members["joint_axes"].get(block_id, ())),
                tuple(members["fit_axes"].get(block_id, ())),
            ),
        )
        for block_id in ids
    )


def _levels(connection: sa.Connection, study_id: int, members: Members) -> dict[str, dict[bytes, Row]]:
    wanted = {level: {key for keys in found.values() for key in keys} for level, found in members.items()}
    of_targets = list(_rows(connection, targets, "key", wanted["targets"]))
    of_directions = list(
        _rows(connection, direction_sets, "direction_id", {row["direction_id"] for row in of_targets})
    )
    of_activations = list(
        _rows(
            connection,
            activation_sets,
            "activation_id",
            {row["activation_id"] for row in of_directions if row["activation_id"] is not None},
        )
    )
    named = {
        row.model_id: row.name
        for row in connection.execute(
            sa.select(study_models.c.model_id, study_models.c.name).where(study_models.c.study_id == study_id)
        )
    }
    of_models = list(_rows(connection, models, "model_id", named))
    of_study = sa.select(study_datasets.c.dataset_id).where(study_datasets.c.study_id == study_id)
    of_datasets = list(_rows(connection, datasets, "dataset_id", connection.scalars(of_study)))
    model_keys = {row["model_id"]: row["key"] for row in of_models}
    dataset_keys = {row["dataset_id"]: row["key"] for row in of_datasets}
    activation_keys = {row["activation_id"]: row["key"] for row in of_activations}
    direction_keys = {row["direction_id"]: row["key"] for row in of_directions}
    return {
        "models": {row["key"]: Row(model_fields(row, named[row["model_id"]]), {}) for row in of_models},
        "datasets": {row["key"]: Row(flat(row["specification"]["identity"]), {}) for row in of_datasets},
        "activations": {
            row["key"]: Row(
                {name: row[name] for name in ("hookpoint", "layer", "pooling", "dtype")},
                {"models": model_keys[row["model_id"]], "datasets": dataset_keys[row["dataset_id"]]},
            )
            for row in of_activations
        },
        "directions": {
            row["key"]: Row(
                direction_fields(row),
                {"activations": activation_keys[row["activation_id"]]}
                if row["activation_id"] is not None
                else {
                    "datasets": dataset_keys[row["dataset_id"]],
                    **({} if row["model_id"] is None else {"models": model_keys[row["model_id"]]}),
                },
            )
            for row in of_directions
        },
        "targets": {
            row["key"]: Row(target_fields(row), {"directions": direction_keys[row["direction_id"]]})
            for row in of_targets
        },
        "joint_axes": {
            row["key"]: Row({name: row[name] for name in JointAxes.__dataclass_fields__}, {})
            for row in _rows(connection, joint_axes, "key", wanted["joint_axes"])
        },
        "fit_axes": {
            row["key"]: Row({name: row[name] for name in FitAxes.__dataclass_fields__}, {})
            for row in _rows(connection, fit_axes, "key", wanted["fit_axes"])
        },
    }


def model_fields(row: sa.RowMapping, name: str) -> dict[str, Any]:
    """Return what the key of a model is made of."""
    return {
        "name": name,
        "weights": row["weights"],
        "seed": row["seed"],
        "commit": row["hub_commit"],
        "config": row["config_digest"],
        "weights_digest": row["weights_digest"],
        "tokenizer": row["tokenizer_digest"],
    }


def direction_fields(row: sa.RowMapping) -> dict[str, Any]:
    """Return what the key of a set of directions is made of beside its inputs."""
    place = {} if row["activation_id"] is not None else {name: row[name] for name in ("hookpoint", "layer")}
    settings = flat(row["settings"] or {})
    return {**place, "method": row["method"], "label_replicate": row["label_replicate"], **settings}


def target_fields(row: sa.RowMapping) -> dict[str, Any]:
    """Return what the key of a target is made of beside its directions."""
    names = ("space", "replicate", "similarity", "rbf_scale", "fit_two_classes")
    return {"target": row["kind"], **{name: row[name] for name in names}}


def _rows(
    connection: sa.Connection, table: sa.Table, column: str, values: Iterable[Any]
) -> Iterable[sa.RowMapping]:
    """Yield the rows of a table with these values of a column, without their arrays."""
    plain = [one for one in table.c if not isinstance(one.type, Array)]
    for some in parts(values):
        yield from connection.execute(sa.select(*plain).where(table.c[column].in_(some))).mappings()
