"""Directions without probes, penalties chosen by cross-validation, noise ceilings.

A set of directions names its data set, model and site itself now: rows of a matrix of a model and imported
vectors have no activation set, imported ones no model either, an imported matrix no vectors. `direction_rows`
names the rows of every set, probes or not.

SQLite cannot change a column, so there `direction_sets` is made anew and filled from the old one. Batch mode
would do the same, but in an order of constraints that differs from run to run.

Revision: 0002, after 0001.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NEW_COLUMNS: tuple[tuple[str, str, sa.types.TypeEngine[Any], str | None], ...] = (
    ("activation_sets", "n_constant", sa.Integer(), None),
    ("probes", "C", sa.Double(), None),
    ("targets", "fit_two_classes", sa.Integer(), "0"),
    ("psms", "reliability", sa.Double(), None),
    ("psms", "n_resamples", sa.Integer(), "0"),
)
"""Table, column, type, and the value of rows that are there already where it may not be NULL."""
SITE: tuple[tuple[str, sa.types.TypeEngine[Any], bool], ...] = (
    ("dataset_id", sa.Integer(), False),
    ("model_id", sa.Integer(), True),
    ("hookpoint", sa.Text(), False),
    ("layer", sa.Integer(), False),
    ("pooling", sa.Text(), False),
)
"""What a set of directions took from its activation set until now: column, type, whether it may be NULL."""
ARRAYS = ("coef_whitened", "matrix")
LINKS = {
    "activation_id": "activation_sets",
    "dataset_id": "datasets",
    "model_id": "models",
    "run_id": "runs",
}
INDEXES = {"0001": ("activation_id",), "0002": ("activation_id", "dataset_id, model_id")}
KEPT = (
    'direction_id, "key", activation_id, method, "probe_C", split_seed, label_replicate, settings, config_key,'
    " n_features, d_hook, coef_raw, coef_scaled, intercept, scale, activation_digest, content_digest, status,"
    " reason, run_id"
)
"""Columns of `direction_sets` in both revisions."""
SITE_NAMES = ", ".join(name for name, _, _ in SITE)
SITE_OF_ACTIVATIONS = ", ".join(
    f"(SELECT a.{name} FROM activation_sets a WHERE a.activation_id = direction_sets.activation_id)"
    for name, _, _ in SITE
)
COPY_ROWS = """
INSERT INTO direction_rows (direction_id, row_index, feature)
SELECT direction_id, row_index, feature FROM probes WHERE row_index IS NOT NULL"""


def _views(name: str) -> ModuleType:
    """Load frozen view texts that lie beside `versions`."""
    path = Path(__file__).resolve().parent.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _create_direction_sets(name: str, of: str) -> None:
    """Create the table of a revision under a name, with the constraints of its own name."""
    new = of == "0002"
    links = [link for link in LINKS if new or link in ("activation_id", "run_id")]
    op.create_table(
        name,
        sa.Column("direction_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("activation_id", sa.Integer(), nullable=new),
        *(sa.Column(column, kind, nullable=nullable) for column, kind, nullable in SITE if new),
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
        *(sa.Column(column, sa.LargeBinary(), nullable=True) for column in ARRAYS if new),
        *([sa.Column("matrix_similarity", sa.Text(), server_default="", nullable=False)] if new else []),
        sa.Column("activation_digest", sa.String(length=64), nullable=True),
        sa.Column("content_digest", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), server_default="planned", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "status IN ('planned', 'done', 'not_applicable')", name=op.f("ck_direction_sets_status")
        ),
        *(
            sa.ForeignKeyConstraint([link], [f"{LINKS[link]}.{link}"], name=op.f(f"fk_direction_sets_{link}"))
            for link in links
        ),
        sa.PrimaryKeyConstraint("direction_id", name=op.f("pk_direction_sets")),
        sa.UniqueConstraint("key", name=op.f("uq_direction_sets_key")),
    )


def _replace_direction_sets(of: str, columns: str, values: str) -> None:
    """Put the table of a revision into the place of the other one, filled from it (SQLite)."""
    _create_direction_sets("direction_sets_new", of)
    op.execute(f"INSERT INTO direction_sets_new ({columns}) SELECT {values} FROM direction_sets")
    op.drop_table("direction_sets")
    op.rename_table("direction_sets_new", "direction_sets")
    for index in INDEXES[of]:
        names = index.split(", ")
        op.create_index(op.f(f"ix_direction_sets_{'_'.join(names)}"), "direction_sets", names, unique=False)


def _upgrade_direction_sets() -> None:
    if _is_sqlite():
        _replace_direction_sets("0002", f"{KEPT}, {SITE_NAMES}", f"{KEPT}, {SITE_OF_ACTIVATIONS}")
        return
    for name, kind, _ in SITE:
        op.add_column("direction_sets", sa.Column(name, kind))
    for name in ARRAYS:
        op.add_column("direction_sets", sa.Column(name, sa.LargeBinary()))
    op.add_column(
        "direction_sets", sa.Column("matrix_similarity", sa.Text(), server_default="", nullable=False)
    )
    op.execute(f"UPDATE direction_sets SET ({SITE_NAMES}) = ROW ({SITE_OF_ACTIVATIONS})")
    op.alter_column("direction_sets", "activation_id", nullable=True)
    for name, _, nullable in SITE:
        if not nullable:
            op.alter_column("direction_sets", name, nullable=False)
    for name in ("dataset_id", "model_id"):
        op.create_foreign_key(
            op.f(f"fk_direction_sets_{name}"), "direction_sets", LINKS[name], [name], [name]
        )
    op.create_index(
        op.f("ix_direction_sets_dataset_id_model_id"),
        "direction_sets",
        ["dataset_id", "model_id"],
        unique=False,
    )


def upgrade() -> None:
    for statement in _views("views_0001").drop_all():
        op.execute(statement)
    for table, name, kind, default in NEW_COLUMNS:
        op.add_column(table, sa.Column(name, kind, server_default=default, nullable=default is None))
    _upgrade_direction_sets()
    op.create_table(
        "direction_rows",
        sa.Column("direction_id", sa.Integer(), nullable=False),
        sa.Column("row_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["direction_id"], ["direction_sets.direction_id"], name=op.f("fk_direction_rows_direction_id")
        ),
        sa.PrimaryKeyConstraint("direction_id", "row_index", name=op.f("pk_direction_rows")),
        sqlite_with_rowid=False,
    )
    op.execute(COPY_ROWS)
    for statement in _views("views_0002").create_all():
        op.execute(statement)


def downgrade() -> None:
    """Go back; the database refuses while it holds directions without an activation set."""
    for statement in _views("views_0002").drop_all():
        op.execute(statement)
    op.drop_table("direction_rows")
    if _is_sqlite():
        _replace_direction_sets("0001", KEPT, KEPT)
    else:
        op.alter_column("direction_sets", "activation_id", nullable=False)
        op.drop_index(op.f("ix_direction_sets_dataset_id_model_id"), table_name="direction_sets")
        for name in (*(name for name, _, _ in SITE), *ARRAYS, "matrix_similarity"):
            op.drop_column("direction_sets", name)
    for table, name, _, _ in NEW_COLUMNS:
        op.drop_column(table, name)
    for statement in _views("views_0001").create_all():
        op.execute(statement)
