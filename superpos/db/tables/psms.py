"""Tables of the stages `psms` and `ceilings`: targets and their similarity matrices."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.columns import axis_columns, measured_columns
from superpos.db.metadata import KIND, LABEL, identity, metadata, reference, stage_columns
from superpos.db.types import Array, Number

targets = sa.Table(
    "targets",
    metadata,
    *identity("target_id"),
    reference("direction_id", "direction_sets.direction_id", index=True),
    *axis_columns("target"),
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
    *measured_columns("psms"),
    sa.Column("content_digest", sa.String(64), nullable=False),
    reference("run_id", "runs.run_id"),
)

psm_entries = sa.Table(
    "psm_entries",
    metadata,
    reference("psm_id", "psms.psm_id", primary_key=True),
    sa.Column("row_a", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("row_b", sa.Integer, primary_key=True, autoincrement=False),
    *measured_columns("psm_entries"),
    sqlite_with_rowid=False,
)

psm_resamples = sa.Table(
    "psm_resamples",
    metadata,
    reference("psm_id", "psms.psm_id", primary_key=True),
    sa.Column("n_resamples", sa.Integer, nullable=False),
    sa.Column("entries", Array, nullable=False),
)

psm_measures = sa.Table(
    "psm_measures",
    metadata,
    reference("psm_id", "psms.psm_id", primary_key=True),
    sa.Column("measure", KIND, primary_key=True),
    sa.Column("energy", KIND, primary_key=True, server_default=""),
    sa.Column("s", Number, primary_key=True, server_default="0"),
    sa.Column("softening", Number, primary_key=True, server_default="0"),
    sa.Column("n_dims", sa.Integer, primary_key=True, autoincrement=False, server_default="0"),
    sa.Column("kernel", LABEL, nullable=False, server_default=""),
    sa.Column("version", sa.Integer, nullable=False),
    *measured_columns("psm_measures"),
    sqlite_with_rowid=False,
)
