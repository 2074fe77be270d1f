"""Tables of the stage `datasets`."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.columns import measured_columns
from superpos.db.metadata import identity, metadata, one_of, reference, stage_columns
from superpos.db.types import Array, Json

LEFT_OUT = ("no_positives", "no_negatives", "too_few", "duplicate", "opposite")
"""Why a feature of a set has no direction."""

datasets = sa.Table(
    "datasets",
    metadata,
    *identity("dataset_id"),
    sa.Column("builder", sa.Text, nullable=False),
    sa.Column("specification", Json, nullable=False),
    sa.Column("corpus_digest", sa.String(64), nullable=False),
    sa.Column("tokenizer_digest", sa.String(64), nullable=False),
    *measured_columns("datasets"),
    sa.Column("phi", Array),
    sa.Column("path", sa.Text),
    sa.Column("content_digest", sa.String(64)),
    sa.Column("provenance", Json),
    *stage_columns(),
)

features = sa.Table(
    "features",
    metadata,
    reference("dataset_id", "datasets.dataset_id", primary_key=True),
    sa.Column("feature_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("feature", sa.Text, nullable=False),
    sa.Column("n_positive", sa.Integer, nullable=False),
    sa.Column("n_negative", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("duplicate_of", sa.Text, nullable=False, server_default=""),
    sa.Column("example", Json),
    one_of("status", ("ok", *LEFT_OUT)),
)
