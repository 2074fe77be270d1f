"""Tables of the stage `activations`."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.columns import axis_columns, measured_columns
from superpos.db.metadata import KIND, identity, metadata, reference, stage_columns

models = sa.Table(
    "models",
    metadata,
    *identity("model_id"),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("hub_commit", sa.Text, nullable=False),
    sa.Column("weights", KIND, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("n_layers", sa.Integer, nullable=False),
    sa.Column("d_model", sa.Integer, nullable=False),
    sa.Column("d_mlp", sa.Integer, nullable=False),
    sa.Column("vocab_size", sa.Integer, nullable=False),
    sa.Column("max_positions", sa.Integer, nullable=False),
    sa.Column("config_digest", sa.String(64), nullable=False),
    sa.Column("weights_digest", sa.String(64), nullable=False),
    sa.Column("tokenizer_digest", sa.String(64), nullable=False),
    sa.Column("quantization", sa.Text, nullable=False, server_default=""),
    sa.Column("file_digest", sa.String(64), nullable=False, server_default=""),
    sa.Column("distribution", sa.Text, nullable=False, server_default=""),
)

activation_sets = sa.Table(
    "activation_sets",
    metadata,
    *identity("activation_id"),
    reference("model_id", "models.model_id"),
    reference("dataset_id", "datasets.dataset_id"),
    *axis_columns("activations"),
    sa.Column("dtype", sa.Text, nullable=False),
    *measured_columns("activation_sets"),
    sa.Column("dataset_digest", sa.String(64)),
    sa.Column("content_digest", sa.String(64)),
    *stage_columns(),
    sa.Index(None, "dataset_id", "model_id"),
)

shards = sa.Table(
    "shards",
    metadata,
    reference("activation_id", "activation_sets.activation_id", primary_key=True),
    sa.Column("shard_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("n_rows", sa.Integer, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("dtype", sa.Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
)
