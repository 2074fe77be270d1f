"""Tables of the first half: runs, studies, models, data sets, activations, probes, directions."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.metadata import KIND, identity, metadata, one_of, reference, stage_columns
from superpos.db.types import Array, Json, Key, Number, Time

LEFT_OUT = ("no_positives", "no_negatives", "too_few", "duplicate", "opposite")
"""Why a feature of a set has no direction."""

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.Integer, primary_key=True),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("ended_at", Time),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("git_commit", sa.Text, nullable=False),
    sa.Column("versions", Json, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("study", sa.Text, nullable=False),
    sa.Column("seconds", Json, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    one_of("outcome", ("running", "done", "incomplete", "failed", "interrupted")),
)

studies = sa.Table(
    "studies",
    metadata,
    sa.Column("study_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("specification", Json, nullable=False),
    sa.Column("algorithm_versions", Json, nullable=False),
    sa.Column("store_vectors", sa.String(8), nullable=False),
    sa.Column("noise_ceiling", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Time, nullable=False),
    sa.UniqueConstraint("name", "revision"),
    one_of("store_vectors", ("all", "best")),
)

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
)

datasets = sa.Table(
    "datasets",
    metadata,
    *identity("dataset_id"),
    sa.Column("builder", sa.Text, nullable=False),
    sa.Column("specification", Json, nullable=False),
    sa.Column("corpus_digest", sa.String(64), nullable=False),
    sa.Column("tokenizer_digest", sa.String(64), nullable=False),
    sa.Column("n_documents", sa.Integer),
    sa.Column("n_sequences", sa.Integer),
    sa.Column("n_tokens", sa.Integer),
    sa.Column("n_samples", sa.Integer),
    sa.Column("phi", Array),
    sa.Column("path", sa.Text),
    sa.Column("content_digest", sa.String(64)),
    sa.Column("provenance", Json),
    *stage_columns(),
)

study_models = sa.Table(
    "study_models",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    reference("model_id", "models.model_id", primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)

study_datasets = sa.Table(
    "study_datasets",
    metadata,
    reference("study_id", "studies.study_id", primary_key=True),
    reference("dataset_id", "datasets.dataset_id", primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("corpus", sa.Text, nullable=False),
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

activation_sets = sa.Table(
    "activation_sets",
    metadata,
    *identity("activation_id"),
    reference("model_id", "models.model_id"),
    reference("dataset_id", "datasets.dataset_id"),
    sa.Column("hookpoint", sa.Text, nullable=False),
    sa.Column("layer", sa.Integer, nullable=False),
    sa.Column("pooling", sa.Text, nullable=False),
    sa.Column("dtype", sa.Text, nullable=False),
    sa.Column("n_rows", sa.Integer),
    sa.Column("d_hook", sa.Integer),
    sa.Column("n_constant", sa.Integer),
    sa.Column("agreement", Number),
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

direction_sets = sa.Table(
    "direction_sets",
    metadata,
    *identity("direction_id"),
    reference("activation_id", "activation_sets.activation_id", nullable=True, index=True),
    reference("dataset_id", "datasets.dataset_id"),
    reference("model_id", "models.model_id", nullable=True),
    sa.Column("hookpoint", sa.Text, nullable=False),
    sa.Column("layer", sa.Integer, nullable=False),
    sa.Column("pooling", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("probe_C", Number, nullable=False),
    sa.Column("split_seed", sa.Integer, nullable=False),
    sa.Column("label_replicate", sa.Integer, nullable=False),
    sa.Column("label_permutation", sa.String(8), nullable=False, server_default=""),
    sa.Column("permutation_note", sa.Text, nullable=False, server_default=""),
    sa.Column("settings", Json, nullable=False),
    sa.Column("config_key", sa.String(8), nullable=False),
    sa.Column("n_features", sa.Integer),
    sa.Column("d_hook", sa.Integer),
    sa.Column("coef_raw", Array),
    sa.Column("coef_scaled", Array),
    sa.Column("coef_whitened", Array),
    sa.Column("intercept", Array),
    sa.Column("scale", Array),
    sa.Column("matrix", Array),
    sa.Column("matrix_similarity", sa.Text, nullable=False, server_default=""),
    sa.Column("left_out", Json),
    sa.Column("activation_digest", sa.String(64)),
    sa.Column("content_digest", sa.String(64)),
    *stage_columns(),
    sa.Index(None, "dataset_id", "model_id"),
)

direction_rows = sa.Table(
    "direction_rows",
    metadata,
    reference("direction_id", "direction_sets.direction_id", primary_key=True),
    sa.Column("row_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("feature", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

probes = sa.Table(
    "probes",
    metadata,
    reference("direction_id", "direction_sets.direction_id", primary_key=True),
    sa.Column("feature_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", Key, nullable=False, unique=True),
    sa.Column("feature", sa.Text, nullable=False),
    sa.Column("row_index", sa.Integer),
    sa.Column("n_train", sa.Integer, nullable=False),
    sa.Column("n_test", sa.Integer, nullable=False),
    sa.Column("n_positive", sa.Integer, nullable=False),
    sa.Column("accuracy", Number),
    sa.Column("balanced_accuracy", Number),
    sa.Column("f1", Number),
    sa.Column("mcc", Number),
    sa.Column("roc_auc", Number),
    sa.Column("average_precision", Number),
    sa.Column("norm", Number),
    sa.Column("nit", sa.Integer, nullable=False),
    sa.Column("C", Number),
    sa.Column("status", sa.String(16), nullable=False),
    one_of("status", ("converged", "max_iter", *LEFT_OUT)),
)
