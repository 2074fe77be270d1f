"""Tables of the stage `analysis`."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.columns import measured_columns
from superpos.db.metadata import KIND, metadata, reference
from superpos.db.types import Number

best_match = sa.Table(
    "best_match",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    reference("target_id", "targets.target_id", primary_key=True),
    sa.Column("joint_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fit_axes_id", sa.Integer, primary_key=True, autoincrement=False),
    *measured_columns("best_match"),
    sa.ForeignKeyConstraint(["joint_id", "fit_axes_id"], ["fits.joint_id", "fits.fit_axes_id"]),
    sa.Index(None, "joint_id", "fit_axes_id"),
    sa.Index(None, "target_id"),
)

layer_pairs = sa.Table(
    "layer_pairs",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    reference("target_a", "targets.target_id", primary_key=True),
    reference("target_b", "targets.target_id", primary_key=True),
    *measured_columns("layer_pairs"),
    sa.Index(None, "target_a"),
    sa.Index(None, "target_b"),
)

ANSWERED = ("model", "revision", "dataset", "hookpoint", "pooling", "method")
"""What an answer is about, beside the columns that name kinds."""

study_answers = sa.Table(
    "study_answers",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("question", KIND, nullable=False),
    *(sa.Column(name, sa.Text, nullable=False) for name in ANSWERED),
    *(sa.Column(name, KIND, nullable=False) for name in ("similarity", "optimiser", "control")),
    *measured_columns("study_answers"),
)

measure_tests = sa.Table(
    "measure_tests",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    reference("target_id", "targets.target_id", primary_key=True),
    sa.Column("measure", KIND, primary_key=True),
    sa.Column("energy", KIND, primary_key=True),
    sa.Column("s", Number, primary_key=True),
    sa.Column("softening", Number, primary_key=True),
    sa.Column("n_dims", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("control", KIND, primary_key=True),
    sa.Column("is_first", sa.Integer, nullable=False),
    *measured_columns("measure_tests"),
    sa.Index(None, "target_id"),
    sqlite_with_rowid=False,
)

analyses = sa.Table(
    "analyses",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    sa.Column("n_results", sa.Integer, nullable=False),
    reference("run_id", "runs.run_id"),
    sa.Column("asked", sa.String(64), nullable=False, server_default=""),
)
