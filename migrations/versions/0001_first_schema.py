"""First schema: tables and views.

Revision: 0001, after nothing.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INDEXES = (
    ("block_targets", ("target_id",)),
    ("best_match", ("joint_id", "fit_axes_id")),
    ("best_match", ("target_id",)),
    ("layer_pairs", ("target_a",)),
    ("layer_pairs", ("target_b",)),
)
"""Indexes of foreign keys that no primary key leads with: a parent is deleted without a scan of its children."""


def _views() -> ModuleType:
    """Load the frozen view texts that lie beside `versions`."""
    path = Path(__file__).resolve().parent.parent / "views_0001.py"
    spec = importlib.util.spec_from_file_location("views_0001", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def upgrade() -> None:
    op.create_table(
        "fit_axes",
        sa.Column("fit_axes_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("optimiser", sa.String(length=16), nullable=False),
        sa.Column("lambda_x", sa.Double(), nullable=False),
        sa.Column("sigma", sa.Double(), nullable=False),
        sa.Column("sigma_rule", sa.String(length=16), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("backend", sa.String(length=16), nullable=False),
        sa.Column("xtol", sa.Double(), nullable=False),
        sa.Column("ftol", sa.Double(), nullable=False),
        sa.Column("max_iter", sa.Integer(), nullable=False),
        sa.Column("gtol", sa.Double(), nullable=False),
        sa.Column("config_key", sa.String(length=8), nullable=False),
        sa.Column("algorithm_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("fit_axes_id", name=op.f("pk_fit_axes")),
        sa.UniqueConstraint("key", name=op.f("uq_fit_axes_key")),
    )
    op.create_table(
        "joint_axes",
        sa.Column("joint_axes_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("energy", sa.String(length=8), nullable=False),
        sa.Column("s", sa.Double(), nullable=False),
        sa.Column("kernel", sa.String(length=32), nullable=False),
        sa.Column("self_energy", sa.String(length=8), nullable=False),
        sa.Column("softening", sa.Double(), nullable=False),
        sa.Column("gauge", sa.String(length=16), nullable=False),
        sa.Column("importance_mode", sa.String(length=8), nullable=False),
        sa.Column("n_dims", sa.Integer(), nullable=False),
        sa.Column("lambda_d", sa.Double(), nullable=False),
        sa.Column("restart", sa.Integer(), nullable=False),
        sa.Column("backend", sa.String(length=16), nullable=False),
        sa.Column("max_iter", sa.Integer(), nullable=False),
        sa.Column("gtol", sa.Double(), nullable=False),
        sa.Column("config_key", sa.String(length=8), nullable=False),
        sa.Column("algorithm_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("joint_axes_id", name=op.f("pk_joint_axes")),
        sa.UniqueConstraint("key", name=op.f("uq_joint_axes_key")),
    )
    op.create_table(
        "models",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("hub_commit", sa.Text(), nullable=False),
        sa.Column("weights", sa.String(length=16), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("n_layers", sa.Integer(), nullable=False),
        sa.Column("d_model", sa.Integer(), nullable=False),
        sa.Column("d_mlp", sa.Integer(), nullable=False),
        sa.Column("vocab_size", sa.Integer(), nullable=False),
        sa.Column("max_positions", sa.Integer(), nullable=False),
        sa.Column("config_digest", sa.String(length=64), nullable=False),
        sa.Column("weights_digest", sa.String(length=64), nullable=False),
        sa.Column("tokenizer_digest", sa.String(length=64), nullable=False),
        sa.CheckConstraint("weights IN ('pretrained', 'random')", name=op.f("ck_models_weights")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_models")),
        sa.UniqueConstraint("key", name=op.f("uq_models_key")),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.String(length=32), nullable=False),
        sa.Column("ended_at", sa.String(length=32), nullable=True),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("git_commit", sa.Text(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("study", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('running', 'done', 'incomplete', 'failed', 'interrupted')",
            name=op.f("ck_runs_outcome"),
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_table(
        "studies",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("specification", sa.Text(), nullable=False),
        sa.Column("algorithm_versions", sa.Text(), nullable=False),
        sa.Column("store_vectors", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.CheckConstraint("store_vectors IN ('all', 'best')", name=op.f("ck_studies_store_vectors")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_studies")),
        sa.UniqueConstraint("name", "revision", name=op.f("uq_studies_name_revision")),
    )
    op.create_table(
        "analyses",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("n_results", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_analyses_run_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.study_id"], name=op.f("fk_analyses_study_id")),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_analyses")),
    )
    op.create_table(
        "blocks",
        sa.Column("block_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.study_id"], name=op.f("fk_blocks_study_id")),
        sa.PrimaryKeyConstraint("block_id", name=op.f("pk_blocks")),
    )
    op.create_index(op.f("ix_blocks_study_id"), "blocks", ["study_id"], unique=False)
    op.create_table(
        "cell_failures",
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=98), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("failed_at", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_cell_failures_run_id")),
        sa.PrimaryKeyConstraint("stage", "key", name=op.f("pk_cell_failures")),
    )
    op.create_table(
        "datasets",
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("builder", sa.Text(), nullable=False),
        sa.Column("specification", sa.Text(), nullable=False),
        sa.Column("corpus_digest", sa.String(length=64), nullable=False),
        sa.Column("tokenizer_digest", sa.String(length=64), nullable=False),
        sa.Column("n_documents", sa.Integer(), nullable=True),
        sa.Column("n_sequences", sa.Integer(), nullable=True),
        sa.Column("n_tokens", sa.Integer(), nullable=True),
        sa.Column("n_samples", sa.Integer(), nullable=True),
        sa.Column("phi", sa.LargeBinary(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("content_digest", sa.String(length=64), nullable=True),
        sa.Column("provenance", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), server_default="planned", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "status IN ('planned', 'done', 'not_applicable')", name=op.f("ck_datasets_status")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_datasets_run_id")),
        sa.PrimaryKeyConstraint("dataset_id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("key", name=op.f("uq_datasets_key")),
    )
    op.create_table(
        "psms",
        sa.Column("psm_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("similarity", sa.String(length=8), nullable=False),
        sa.Column("n_features", sa.Integer(), nullable=False),
        sa.Column("rbf_scale_resolved", sa.Double(), nullable=False),
        sa.Column("matrix", sa.LargeBinary(), nullable=False),
        sa.Column("value_q25", sa.Double(), nullable=True),
        sa.Column("value_median", sa.Double(), nullable=True),
        sa.Column("value_q75", sa.Double(), nullable=True),
        sa.Column("exponent_q25", sa.Double(), nullable=True),
        sa.Column("exponent_median", sa.Double(), nullable=True),
        sa.Column("exponent_q75", sa.Double(), nullable=True),
        sa.Column("min_eigenvalue", sa.Double(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("warning", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("similarity IN ('cosine', 'rbf')", name=op.f("ck_psms_similarity")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_psms_run_id")),
        sa.PrimaryKeyConstraint("psm_id", name=op.f("pk_psms")),
        sa.UniqueConstraint("key", name=op.f("uq_psms_key")),
    )
    op.create_table(
        "study_models",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"], name=op.f("fk_study_models_model_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.study_id"], name=op.f("fk_study_models_study_id")),
        sa.PrimaryKeyConstraint("study_id", "model_id", name=op.f("pk_study_models")),
    )
    op.create_table(
        "activation_sets",
        sa.Column("activation_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("hookpoint", sa.Text(), nullable=False),
        sa.Column("layer", sa.Integer(), nullable=False),
        sa.Column("pooling", sa.Text(), nullable=False),
        sa.Column("dtype", sa.Text(), nullable=False),
        sa.Column("n_rows", sa.Integer(), nullable=True),
        sa.Column("d_hook", sa.Integer(), nullable=True),
        sa.Column("agreement", sa.Double(), nullable=True),
        sa.Column("dataset_digest", sa.String(length=64), nullable=True),
        sa.Column("content_digest", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), server_default="planned", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "status IN ('planned', 'done', 'not_applicable')", name=op.f("ck_activation_sets_status")
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.dataset_id"], name=op.f("fk_activation_sets_dataset_id")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"], name=op.f("fk_activation_sets_model_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_activation_sets_run_id")),
        sa.PrimaryKeyConstraint("activation_id", name=op.f("pk_activation_sets")),
        sa.UniqueConstraint("key", name=op.f("uq_activation_sets_key")),
    )
    op.create_index(
        op.f("ix_activation_sets_dataset_id_model_id"),
        "activation_sets",
        ["dataset_id", "model_id"],
        unique=False,
    )
    op.create_table(
        "block_fit_axes",
        sa.Column("block_id", sa.Integer(), nullable=False),
        sa.Column("fit_axes_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["block_id"], ["blocks.block_id"], name=op.f("fk_block_fit_axes_block_id")),
        sa.ForeignKeyConstraint(
            ["fit_axes_id"], ["fit_axes.fit_axes_id"], name=op.f("fk_block_fit_axes_fit_axes_id")
        ),
        sa.PrimaryKeyConstraint("block_id", "fit_axes_id", name=op.f("pk_block_fit_axes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "block_joint_axes",
        sa.Column("block_id", sa.Integer(), nullable=False),
        sa.Column("joint_axes_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["block_id"], ["blocks.block_id"], name=op.f("fk_block_joint_axes_block_id")),
        sa.ForeignKeyConstraint(
            ["joint_axes_id"], ["joint_axes.joint_axes_id"], name=op.f("fk_block_joint_axes_joint_axes_id")
        ),
        sa.PrimaryKeyConstraint("block_id", "joint_axes_id", name=op.f("pk_block_joint_axes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "features",
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("feature_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("n_positive", sa.Integer(), nullable=False),
        sa.Column("n_negative", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("example", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('ok', 'no_positives', 'no_negatives', 'too_few')", name=op.f("ck_features_status")
        ),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.dataset_id"], name=op.f("fk_features_dataset_id")),
        sa.PrimaryKeyConstraint("dataset_id", "feature_index", name=op.f("pk_features")),
    )
    op.create_table(
        "joint_fits",
        sa.Column("joint_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("psm_id", sa.Integer(), nullable=False),
        sa.Column("joint_axes_id", sa.Integer(), nullable=False),
        sa.Column("fun", sa.Double(), nullable=True),
        sa.Column("energy", sa.Double(), nullable=True),
        sa.Column("mismatch", sa.Double(), nullable=True),
        sa.Column("distance", sa.Double(), nullable=True),
        sa.Column("nit", sa.Integer(), nullable=False),
        sa.Column("nfev", sa.Integer(), nullable=False),
        sa.Column("njev", sa.Integer(), nullable=False),
        sa.Column("gradient_norm", sa.Double(), nullable=True),
        sa.Column("importance_entropy", sa.Double(), nullable=True),
        sa.Column("norm_min", sa.Double(), nullable=True),
        sa.Column("norm_max", sa.Double(), nullable=True),
        sa.Column("start_radius", sa.Double(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=False),
        sa.Column("logits", sa.LargeBinary(), nullable=False),
        sa.Column("similarities", sa.LargeBinary(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('converged', 'max_iter', 'unbounded', 'non_finite', 'stalled')",
            name=op.f("ck_joint_fits_status"),
        ),
        sa.ForeignKeyConstraint(
            ["joint_axes_id"], ["joint_axes.joint_axes_id"], name=op.f("fk_joint_fits_joint_axes_id")
        ),
        sa.ForeignKeyConstraint(["psm_id"], ["psms.psm_id"], name=op.f("fk_joint_fits_psm_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_joint_fits_run_id")),
        sa.PrimaryKeyConstraint("joint_id", name=op.f("pk_joint_fits")),
        sa.UniqueConstraint("key", name=op.f("uq_joint_fits_key")),
        sa.UniqueConstraint("psm_id", "joint_axes_id", name=op.f("uq_joint_fits_psm_id_joint_axes_id")),
    )
    op.create_table(
        "psm_entries",
        sa.Column("psm_id", sa.Integer(), nullable=False),
        sa.Column("row_a", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("row_b", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("value_low", sa.Double(), nullable=True),
        sa.Column("value_high", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["psm_id"], ["psms.psm_id"], name=op.f("fk_psm_entries_psm_id")),
        sa.PrimaryKeyConstraint("psm_id", "row_a", "row_b", name=op.f("pk_psm_entries")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "study_datasets",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("corpus", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.dataset_id"], name=op.f("fk_study_datasets_dataset_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.study_id"], name=op.f("fk_study_datasets_study_id")),
        sa.PrimaryKeyConstraint("study_id", "dataset_id", name=op.f("pk_study_datasets")),
    )
    op.create_table(
        "direction_sets",
        sa.Column("direction_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("activation_id", sa.Integer(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("probe_C", sa.Double(), nullable=False),
        sa.Column("split_seed", sa.Integer(), nullable=False),
        sa.Column("label_replicate", sa.Integer(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("config_key", sa.String(length=8), nullable=False),
        sa.Column("n_features", sa.Integer(), nullable=True),
        sa.Column("d_hook", sa.Integer(), nullable=True),
        sa.Column("coef_raw", sa.LargeBinary(), nullable=True),
        sa.Column("coef_scaled", sa.LargeBinary(), nullable=True),
        sa.Column("intercept", sa.LargeBinary(), nullable=True),
        sa.Column("scale", sa.LargeBinary(), nullable=True),
        sa.Column("activation_digest", sa.String(length=64), nullable=True),
        sa.Column("content_digest", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), server_default="planned", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "status IN ('planned', 'done', 'not_applicable')", name=op.f("ck_direction_sets_status")
        ),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activation_sets.activation_id"], name=op.f("fk_direction_sets_activation_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_direction_sets_run_id")),
        sa.PrimaryKeyConstraint("direction_id", name=op.f("pk_direction_sets")),
        sa.UniqueConstraint("key", name=op.f("uq_direction_sets_key")),
    )
    op.create_index(
        op.f("ix_direction_sets_activation_id"), "direction_sets", ["activation_id"], unique=False
    )
    op.create_table(
        "fits",
        sa.Column("joint_id", sa.Integer(), nullable=False),
        sa.Column("fit_axes_id", sa.Integer(), nullable=False),
        sa.Column("distance_start", sa.Double(), nullable=True),
        sa.Column("distance_final", sa.Double(), nullable=True),
        sa.Column("distance_moved", sa.Double(), nullable=True),
        sa.Column("distance_drift", sa.Double(), nullable=True),
        sa.Column("distance_return", sa.Double(), nullable=True),
        sa.Column("distance_simplex", sa.Double(), nullable=True),
        sa.Column("distance_identity", sa.Double(), nullable=True),
        sa.Column("distance_polish", sa.Double(), nullable=True),
        sa.Column("recovery", sa.Double(), nullable=True),
        sa.Column("angle", sa.Double(), nullable=True),
        sa.Column("rms_final", sa.Double(), nullable=True),
        sa.Column("fun", sa.Double(), nullable=True),
        sa.Column("energy_start", sa.Double(), nullable=True),
        sa.Column("energy_final", sa.Double(), nullable=True),
        sa.Column("norm_error", sa.Double(), nullable=True),
        sa.Column("relative_gradient", sa.Double(), nullable=True),
        sa.Column("min_eigenvalue", sa.Double(), nullable=True),
        sa.Column("n_negative", sa.Integer(), nullable=True),
        sa.Column("n_zero", sa.Integer(), nullable=True),
        sa.Column("nit", sa.Integer(), nullable=False),
        sa.Column("nfev", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("verdict_polished", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('converged', 'max_iter', 'unbounded', 'non_finite', 'stalled')",
            name=op.f("ck_fits_status"),
        ),
        sa.CheckConstraint(
            "verdict IN ('strict', 'degenerate', 'saddle', 'not_critical', 'not_applicable')",
            name=op.f("ck_fits_verdict"),
        ),
        sa.CheckConstraint(
            "verdict_polished IN ('strict', 'degenerate', 'saddle', 'not_critical', 'not_applicable')",
            name=op.f("ck_fits_verdict_polished"),
        ),
        sa.ForeignKeyConstraint(["fit_axes_id"], ["fit_axes.fit_axes_id"], name=op.f("fk_fits_fit_axes_id")),
        sa.ForeignKeyConstraint(["joint_id"], ["joint_fits.joint_id"], name=op.f("fk_fits_joint_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_fits_run_id")),
        sa.PrimaryKeyConstraint("joint_id", "fit_axes_id", name=op.f("pk_fits")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "importance",
        sa.Column("joint_id", sa.Integer(), nullable=False),
        sa.Column("row_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("logit", sa.Double(), nullable=True),
        sa.Column("weight", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["joint_id"], ["joint_fits.joint_id"], name=op.f("fk_importance_joint_id")),
        sa.PrimaryKeyConstraint("joint_id", "row_index", name=op.f("pk_importance")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "shards",
        sa.Column("activation_id", sa.Integer(), nullable=False),
        sa.Column("shard_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("n_rows", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("dtype", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["activation_id"], ["activation_sets.activation_id"], name=op.f("fk_shards_activation_id")
        ),
        sa.PrimaryKeyConstraint("activation_id", "shard_index", name=op.f("pk_shards")),
    )
    op.create_table(
        "fit_arrays",
        sa.Column("joint_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fit_axes_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=False),
        sa.Column("similarities", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["joint_id", "fit_axes_id"],
            ["fits.joint_id", "fits.fit_axes_id"],
            name=op.f("fk_fit_arrays_joint_id_fit_axes_id"),
        ),
        sa.PrimaryKeyConstraint("joint_id", "fit_axes_id", name=op.f("pk_fit_arrays")),
    )
    op.create_table(
        "probes",
        sa.Column("direction_id", sa.Integer(), nullable=False),
        sa.Column("feature_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("row_index", sa.Integer(), nullable=True),
        sa.Column("n_train", sa.Integer(), nullable=False),
        sa.Column("n_test", sa.Integer(), nullable=False),
        sa.Column("n_positive", sa.Integer(), nullable=False),
        sa.Column("accuracy", sa.Double(), nullable=True),
        sa.Column("balanced_accuracy", sa.Double(), nullable=True),
        sa.Column("f1", sa.Double(), nullable=True),
        sa.Column("mcc", sa.Double(), nullable=True),
        sa.Column("roc_auc", sa.Double(), nullable=True),
        sa.Column("average_precision", sa.Double(), nullable=True),
        sa.Column("norm", sa.Double(), nullable=True),
        sa.Column("nit", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.CheckConstraint(
            "status IN ('converged', 'max_iter', 'no_positives', 'no_negatives', 'too_few')",
            name=op.f("ck_probes_status"),
        ),
        sa.ForeignKeyConstraint(
            ["direction_id"], ["direction_sets.direction_id"], name=op.f("fk_probes_direction_id")
        ),
        sa.PrimaryKeyConstraint("direction_id", "feature_index", name=op.f("pk_probes")),
        sa.UniqueConstraint("key", name=op.f("uq_probes_key")),
    )
    op.create_table(
        "targets",
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("direction_id", sa.Integer(), nullable=False),
        sa.Column("space", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("replicate", sa.Integer(), nullable=False),
        sa.Column("similarity", sa.String(length=8), nullable=False),
        sa.Column("rbf_scale", sa.Double(), nullable=False),
        sa.Column("psm_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=16), server_default="planned", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("status IN ('planned', 'done', 'not_applicable')", name=op.f("ck_targets_status")),
        sa.ForeignKeyConstraint(
            ["direction_id"], ["direction_sets.direction_id"], name=op.f("fk_targets_direction_id")
        ),
        sa.ForeignKeyConstraint(["psm_id"], ["psms.psm_id"], name=op.f("fk_targets_psm_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_targets_run_id")),
        sa.PrimaryKeyConstraint("target_id", name=op.f("pk_targets")),
        sa.UniqueConstraint("key", name=op.f("uq_targets_key")),
    )
    op.create_index(op.f("ix_targets_direction_id"), "targets", ["direction_id"], unique=False)
    op.create_index(op.f("ix_targets_psm_id"), "targets", ["psm_id"], unique=False)
    op.create_table(
        "best_match",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("joint_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fit_axes_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n_cells", sa.Integer(), nullable=False),
        sa.Column("n_usable", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["joint_id", "fit_axes_id"],
            ["fits.joint_id", "fits.fit_axes_id"],
            name=op.f("fk_best_match_joint_id_fit_axes_id"),
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.study_id"], name=op.f("fk_best_match_study_id")),
        sa.ForeignKeyConstraint(["target_id"], ["targets.target_id"], name=op.f("fk_best_match_target_id")),
        sa.PrimaryKeyConstraint(
            "study_id", "target_id", "joint_id", "fit_axes_id", name=op.f("pk_best_match")
        ),
    )
    op.create_table(
        "block_targets",
        sa.Column("block_id", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["block_id"], ["blocks.block_id"], name=op.f("fk_block_targets_block_id")),
        sa.ForeignKeyConstraint(
            ["target_id"], ["targets.target_id"], name=op.f("fk_block_targets_target_id")
        ),
        sa.PrimaryKeyConstraint("block_id", "target_id", name=op.f("pk_block_targets")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "layer_pairs",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("target_a", sa.Integer(), nullable=False),
        sa.Column("target_b", sa.Integer(), nullable=False),
        sa.Column("spearman", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("n_permutations", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.study_id"], name=op.f("fk_layer_pairs_study_id")),
        sa.ForeignKeyConstraint(["target_a"], ["targets.target_id"], name=op.f("fk_layer_pairs_target_a")),
        sa.ForeignKeyConstraint(["target_b"], ["targets.target_id"], name=op.f("fk_layer_pairs_target_b")),
        sa.PrimaryKeyConstraint("study_id", "target_a", "target_b", name=op.f("pk_layer_pairs")),
    )
    for table, columns in INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns), unique=False)
    for statement in _views().create_all():
        op.execute(statement)


def downgrade() -> None:
    for statement in _views().drop_all():
        op.execute(statement)
    for table, columns in reversed(INDEXES):
        op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table_name=table)
    op.drop_table("layer_pairs")
    op.drop_table("block_targets")
    op.drop_table("best_match")
    op.drop_index(op.f("ix_targets_psm_id"), table_name="targets")
    op.drop_index(op.f("ix_targets_direction_id"), table_name="targets")
    op.drop_table("targets")
    op.drop_table("probes")
    op.drop_table("fit_arrays")
    op.drop_table("shards")
    op.drop_table("importance")
    op.drop_table("fits")
    op.drop_index(op.f("ix_direction_sets_activation_id"), table_name="direction_sets")
    op.drop_table("direction_sets")
    op.drop_table("study_datasets")
    op.drop_table("psm_entries")
    op.drop_table("joint_fits")
    op.drop_table("features")
    op.drop_table("block_joint_axes")
    op.drop_table("block_fit_axes")
    op.drop_index(op.f("ix_activation_sets_dataset_id_model_id"), table_name="activation_sets")
    op.drop_table("activation_sets")
    op.drop_table("study_models")
    op.drop_table("psms")
    op.drop_table("datasets")
    op.drop_table("cell_failures")
    op.drop_index(op.f("ix_blocks_study_id"), table_name="blocks")
    op.drop_table("blocks")
    op.drop_table("analyses")
    op.drop_table("studies")
    op.drop_table("runs")
    op.drop_table("models")
    op.drop_table("joint_axes")
    op.drop_table("fit_axes")
