"""Tables of the stages `psms` and `ceilings`: targets and their similarity matrices."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.metadata import KIND, identity, metadata, reference, stage_columns
from superpos.db.types import Array, Number

targets = sa.Table(
    "targets",
    metadata,
    *identity("target_id"),
    reference("direction_id", "direction_sets.direction_id", index=True),
    sa.Column("space", sa.String(16), nullable=False),
    sa.Column("kind", KIND, nullable=False),
    sa.Column("replicate", sa.Integer, nullable=False),
    sa.Column("similarity", KIND, nullable=False),
    sa.Column("rbf_scale", Number, nullable=False),
    sa.Column("fit_two_classes", sa.Integer, nullable=False, server_default="0"),
    reference("psm_id", "psms.psm_id", nullable=True, index=True),
    *stage_columns(),
)

psms = sa.Table(
    "psms",
    metadata,
    *identity("psm_id"),
    sa.Column("similarity", KIND, nullable=False),
    sa.Column("n_features", sa.Integer, nullable=False),
    sa.Column("rbf_scale_resolved", Number, nullable=False),
    sa.Column("matrix", Array, nullable=False),
    sa.Column("value_q25", Number),
    sa.Column("value_median", Number),
    sa.Column("value_q75", Number),
    sa.Column("exponent_q25", Number),
    sa.Column("exponent_median", Number),
    sa.Column("exponent_q75", Number),
    sa.Column("min_eigenvalue", Number, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("warning", sa.Text, nullable=False),
    sa.Column("reliability", Number),
    sa.Column("n_resamples", sa.Integer, nullable=False, server_default="0"),
    sa.Column("ceiling_method", sa.String(16), nullable=False, server_default=""),
    sa.Column("n_unknown", sa.Integer),
    sa.Column("content_digest", sa.String(64), nullable=False),
    reference("run_id", "runs.run_id"),
)

psm_entries = sa.Table(
    "psm_entries",
    metadata,
    reference("psm_id", "psms.psm_id", primary_key=True),
    sa.Column("row_a", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("row_b", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", Number, nullable=False),
    sa.Column("value_low", Number),
    sa.Column("value_high", Number),
    sa.Column("standard_error", Number),
    sqlite_with_rowid=False,
)

psm_measures = sa.Table(
    "psm_measures",
    metadata,
    reference("psm_id", "psms.psm_id", primary_key=True),
    sa.Column("measure", KIND, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("value", Number),
    sqlite_with_rowid=False,
)
