"""Tables of the stage `probes`: directions with probes and without."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.columns import axis_columns, measured_columns
from superpos.db.metadata import identity, metadata, one_of, reference, stage_columns
from superpos.db.tables.datasets import LEFT_OUT
from superpos.db.types import Array, Json, Key

direction_sets = sa.Table(
    "direction_sets",
    metadata,
    *identity("direction_id"),
    reference("activation_id", "activation_sets.activation_id", nullable=True, index=True),
    reference("dataset_id", "datasets.dataset_id"),
    reference("model_id", "models.model_id", nullable=True),
    *axis_columns("activations", "directions"),
    sa.Column("label_replicate", sa.Integer, nullable=False),
    sa.Column("label_permutation", sa.String(8), nullable=False, server_default=""),
    sa.Column("permutation_note", sa.Text, nullable=False, server_default=""),
    sa.Column("settings", Json, nullable=False),
    sa.Column("config_key", sa.String(8), nullable=False),
    sa.Column("n_features", sa.Integer),
    sa.Column("d_hook", sa.Integer),
    sa.Column("coef_raw", Array),
    sa.Column("coef_scaled", Array),
    sa.Column("coef_whitened", Array),
    sa.Column("intercept", Array),
    sa.Column("scale", Array),
    sa.Column("matrix", Array),
    sa.Column("matrix_similarity", sa.Text, nullable=False, server_default=""),
    sa.Column("left_out", Json),
    sa.Column("activation_digest", sa.String(64)),
    sa.Column("content_digest", sa.String(64)),
    *stage_columns(),
    sa.Index(None, "dataset_id", "model_id"),
)

direction_rows = sa.Table(
    "direction_rows",
    metadata,
    reference("direction_id", "direction_sets.direction_id", primary_key=True),
    sa.Column("row_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("feature", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

probes = sa.Table(
    "probes",
    metadata,
    reference("direction_id", "direction_sets.direction_id", primary_key=True),
    sa.Column("feature_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", Key, nullable=False, unique=True),
    sa.Column("feature", sa.Text, nullable=False),
    sa.Column("row_index", sa.Integer),
    *measured_columns("probes"),
    sa.Column("status", sa.String(16), nullable=False),
    one_of("status", ("converged", "max_iter", *LEFT_OUT)),
)
