"""Tables of the stage `fits`: axes, joint fits, re-optimised fits."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.metadata import KIND, LABEL, identity, metadata, one_of, reference
from superpos.db.types import Array, Number

FIT_STATUSES = ("converged", "max_iter", "unbounded", "non_finite", "stalled")
JOINT_STATUSES = (*FIT_STATUSES, "polished", "corner")
VERDICTS = ("strict", "degenerate", "saddle", "not_critical", "not_applicable")

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
