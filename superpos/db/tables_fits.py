"""Tables of the second half: targets, similarity matrices, fits, blocks, analysis, failures."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.metadata import KIND, LABEL, identity, metadata, one_of, reference, stage_columns
from superpos.db.types import Array, Number, Time

FIT_STATUSES = ("converged", "max_iter", "unbounded", "non_finite", "stalled")
JOINT_STATUSES = (*FIT_STATUSES, "polished", "corner")
VERDICTS = ("strict", "degenerate", "saddle", "not_critical", "not_applicable")

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

joint_axes = sa.Table(
    "joint_axes",
    metadata,
    *identity("joint_axes_id"),
    sa.Column("energy", KIND, nullable=False),
    sa.Column("s", Number, nullable=False),
    sa.Column("kernel", LABEL, nullable=False),
    sa.Column("self_energy", sa.String(8), nullable=False),
    sa.Column("softening", Number, nullable=False),
    sa.Column("gauge", sa.String(16), nullable=False),
    sa.Column("importance_mode", sa.String(8), nullable=False),
    sa.Column("joint_polish", sa.String(8), nullable=False, server_default="off"),
    sa.Column("n_dims", sa.Integer, nullable=False),
    sa.Column("lambda_d", Number, nullable=False),
    sa.Column("restart", sa.Integer, nullable=False),
    sa.Column("backend", sa.String(16), nullable=False),
    sa.Column("max_iter", sa.Integer, nullable=False),
    sa.Column("gtol", Number, nullable=False),
    sa.Column("config_key", sa.String(8), nullable=False),
    sa.Column("algorithm_version", sa.Integer, nullable=False),
)

joint_fits = sa.Table(
    "joint_fits",
    metadata,
    *identity("joint_id"),
    reference("psm_id", "psms.psm_id"),
    reference("joint_axes_id", "joint_axes.joint_axes_id"),
    sa.Column("fun", Number),
    sa.Column("fun_cg", Number),
    sa.Column("energy", Number),
    sa.Column("mismatch", Number),
    sa.Column("distance", Number),
    sa.Column("nit", sa.Integer, nullable=False),
    sa.Column("nfev", sa.Integer, nullable=False),
    sa.Column("njev", sa.Integer, nullable=False),
    sa.Column("nit_polish", sa.Integer, nullable=False, server_default="0"),
    sa.Column("gradient_norm", Number),
    sa.Column("importance_entropy", Number),
    sa.Column("norm_min", Number),
    sa.Column("norm_max", Number),
    sa.Column("start_radius", Number, nullable=False),
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
    sa.Column("logit", Number),
    sa.Column("weight", Number),
    sqlite_with_rowid=False,
)

fit_axes = sa.Table(
    "fit_axes",
    metadata,
    *identity("fit_axes_id"),
    sa.Column("optimiser", KIND, nullable=False),
    sa.Column("lambda_x", Number, nullable=False),
    sa.Column("sigma", Number, nullable=False),
    sa.Column("sigma_rule", sa.String(16), nullable=False),
    sa.Column("trial", sa.Integer, nullable=False),
    sa.Column("backend", sa.String(16), nullable=False),
    sa.Column("xtol", Number, nullable=False),
    sa.Column("ftol", Number, nullable=False),
    sa.Column("max_iter", sa.Integer, nullable=False),
    sa.Column("gtol", Number, nullable=False),
    sa.Column("config_key", sa.String(8), nullable=False),
    sa.Column("algorithm_version", sa.Integer, nullable=False),
)

fits = sa.Table(
    "fits",
    metadata,
    reference("joint_id", "joint_fits.joint_id", primary_key=True),
    reference("fit_axes_id", "fit_axes.fit_axes_id", primary_key=True),
    *(
        sa.Column(name, Number)
        for name in (
            "distance_start",
            "distance_final",
            "distance_moved",
            "distance_drift",
            "distance_return",
            "distance_simplex",
            "distance_identity",
            "distance_polish",
            "recovery",
            "angle",
            "rms_final",
            "fun",
            "energy_start",
            "energy_final",
            "norm_error",
            "relative_gradient",
            "min_eigenvalue",
        )
    ),
    sa.Column("n_negative", sa.Integer),
    sa.Column("n_zero", sa.Integer),
    sa.Column("nit", sa.Integer, nullable=False),
    sa.Column("nfev", sa.Integer, nullable=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("verdict_polished", sa.String(16), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("seconds", Number, nullable=False),
    reference("run_id", "runs.run_id"),
    one_of("status", FIT_STATUSES),
    one_of("verdict", VERDICTS),
    one_of("verdict_polished", VERDICTS),
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

best_match = sa.Table(
    "best_match",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    reference("target_id", "targets.target_id", primary_key=True),
    sa.Column("joint_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fit_axes_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n_cells", sa.Integer, nullable=False),
    sa.Column("n_usable", sa.Integer, nullable=False),
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
    sa.Column("spearman", Number),
    sa.Column("p_value", Number),
    sa.Column("n_permutations", sa.Integer, nullable=False),
    sa.Index(None, "target_a"),
    sa.Index(None, "target_b"),
)

analyses = sa.Table(
    "analyses",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    sa.Column("n_results", sa.Integer, nullable=False),
    reference("run_id", "runs.run_id"),
)

cell_failures = sa.Table(
    "cell_failures",
    metadata,
    sa.Column("stage", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(98), primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("quarantined", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("failed_at", Time, nullable=False),
    reference("run_id", "runs.run_id"),
)
