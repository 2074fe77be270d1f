"""Tables of what was asked for: studies, their names for models and data sets, their blocks."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.metadata import metadata, one_of, reference
from superpos.db.types import Json, Time

studies = sa.Table(
    "studies",
    metadata,
    sa.Column("study_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("specification", Json, nullable=False),
    sa.Column("algorithm_versions", Json, nullable=False),
    sa.Column("store_vectors", sa.String(8), nullable=False),
    sa.Column("noise_ceiling", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Time, nullable=False),
    sa.UniqueConstraint("name", "revision"),
    one_of("store_vectors", ("all", "best")),
)

study_models = sa.Table(
    "study_models",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    reference("model_id", "models.model_id", primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)

study_datasets = sa.Table(
    "study_datasets",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    reference("dataset_id", "datasets.dataset_id", primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("corpus", sa.Text, nullable=False),
)

blocks = sa.Table(
    "blocks",
    metadata,
    sa.Column("block_id", sa.Integer, primary_key=True),
    reference("study_id", "studies.study_id", index=True),
    sa.Column("name", sa.Text, nullable=False),
)


def _members(name: str, column: str, target: str, *extra: sa.Index) -> sa.Table:
    """Return the table of one factor of the blocks' products."""
    return sa.Table(
        name,
        metadata,
        reference("block_id", "blocks.block_id", primary_key=True),
        reference(column, target, primary_key=True),
        *extra,
        sqlite_with_rowid=False,
    )


# Deleting a parent looks its children up: without these indexes `db gc` is quadratic in the number of rows.
block_targets = _members("block_targets", "target_id", "targets.target_id", sa.Index(None, "target_id"))
block_joint_axes = _members("block_joint_axes", "joint_axes_id", "joint_axes.joint_axes_id")
block_fit_axes = _members("block_fit_axes", "fit_axes_id", "fit_axes.fit_axes_id")
