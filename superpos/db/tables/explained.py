"""Tables of what matrices follow from, and of what each feature has of a dimension; part of `analysis`."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.columns import measured_columns
from superpos.db.metadata import KIND, LABEL, metadata, reference
from superpos.db.types import Number

target_explained = sa.Table(
    "target_explained",
    metadata,
    reference("target_id", "targets.target_id", primary_key=True),
    sa.Column("predictor", sa.String(24), primary_key=True),
    sa.Column("energy", KIND, primary_key=True, server_default=""),
    sa.Column("s", Number, primary_key=True, server_default="0"),
    sa.Column("softening", Number, primary_key=True, server_default="0"),
    sa.Column("kernel", LABEL, nullable=False, server_default=""),
    sa.Column("version", sa.Integer, nullable=False),
    *measured_columns("target_explained"),
    sqlite_with_rowid=False,
)

target_features = sa.Table(
    "target_features",
    metadata,
    reference("target_id", "targets.target_id", primary_key=True),
    sa.Column("row_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False),
    *measured_columns("target_features"),
    sqlite_with_rowid=False,
)
