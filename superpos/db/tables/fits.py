"""Tables of the stage `fits`: axes, joint fits, re-optimised fits."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.columns import STORED, axis_columns, measured_columns
from superpos.db.metadata import identity, metadata, one_of, reference
from superpos.db.types import Array, Number

FIT_STATUSES = ("converged", "max_iter", "unbounded", "non_finite", "stalled")
JOINT_STATUSES = (*FIT_STATUSES, "polished", "corner")
FIT_KEY_LENGTH = 65
"""Of the key of a fit: that of its joint fit, a dot, that of its axes. Views show it, and it has an index: no
database system finds what a view puts together from two tables."""
VERDICTS = ("strict", "degenerate", "saddle", "not_critical", "not_applicable")

joint_axes = sa.Table(
    "joint_axes",
    metadata,
    *identity("joint_axes_id"),
    *axis_columns("kernel", "joint", roles=(*STORED, "derived")),
    sa.Column("config_key", sa.String(8), nullable=False),
    sa.Column("algorithm_version", sa.Integer, nullable=False),
)

joint_fits = sa.Table(
    "joint_fits",
    metadata,
    *identity("joint_id"),
    reference("psm_id", "psms.psm_id"),
    reference("joint_axes_id", "joint_axes.joint_axes_id"),
    *measured_columns("joint_fits"),
    sa.Column("bound_version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("verdict", sa.String(16), nullable=False, server_default="not_applicable"),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("vectors", Array, nullable=False),
    sa.Column("logits", Array, nullable=False),
    sa.Column("similarities", Array, nullable=False),
    sa.Column("seconds", Number, nullable=False),
    reference("run_id", "runs.run_id"),
    sa.UniqueConstraint("psm_id", "joint_axes_id"),
    one_of("status", JOINT_STATUSES),
    one_of("verdict", VERDICTS),
)

importance = sa.Table(
    "importance",
    metadata,
    reference("joint_id", "joint_fits.joint_id", primary_key=True),
    sa.Column("row_index", sa.Integer, primary_key=True, autoincrement=False),
    *measured_columns("importance"),
    sqlite_with_rowid=False,
)

fit_axes = sa.Table(
    "fit_axes",
    metadata,
    *identity("fit_axes_id"),
    *axis_columns("fit"),
    sa.Column("config_key", sa.String(8), nullable=False),
    sa.Column("algorithm_version", sa.Integer, nullable=False),
)

fits = sa.Table(
    "fits",
    metadata,
    reference("joint_id", "joint_fits.joint_id", primary_key=True),
    reference("fit_axes_id", "fit_axes.fit_axes_id", primary_key=True),
    sa.Column("key", sa.String(FIT_KEY_LENGTH), nullable=False),
    *measured_columns("fits"),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("seconds", Number, nullable=False),
    reference("run_id", "runs.run_id"),
    one_of("status", FIT_STATUSES),
    one_of("verdict", VERDICTS),
    one_of("verdict_polished", VERDICTS),
    sa.Index(None, "key", unique=True),
    sqlite_with_rowid=False,
)

fit_arrays = sa.Table(
    "fit_arrays",
    metadata,
    sa.Column("joint_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fit_axes_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("vectors", Array, nullable=False),
    sa.Column("similarities", Array, nullable=False),
    sa.Column("polished", Array),
    sa.ForeignKeyConstraint(["joint_id", "fit_axes_id"], ["fits.joint_id", "fits.fit_axes_id"]),
)
