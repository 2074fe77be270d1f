"""Directions without probes, penalties chosen by cross-validation, noise ceilings.

A set of directions names its data set, model and site itself now: rows of a matrix of a model and imported
vectors have no activation set, imported ones no model either, an imported matrix no vectors. `direction_rows`
names the rows of every set, probes or not.

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
    ("direction_sets", "dataset_id", sa.Integer(), None),
    ("direction_sets", "model_id", sa.Integer(), None),
    ("direction_sets", "hookpoint", sa.Text(), None),
    ("direction_sets", "layer", sa.Integer(), None),
    ("direction_sets", "pooling", sa.Text(), None),
    ("direction_sets", "coef_whitened", sa.LargeBinary(), None),
    ("direction_sets", "matrix", sa.LargeBinary(), None),
    ("direction_sets", "matrix_similarity", sa.Text(), ""),
    ("probes", "C", sa.Double(), None),
    ("targets", "fit_two_classes", sa.Integer(), "0"),
    ("psms", "reliability", sa.Double(), None),
    ("psms", "n_resamples", sa.Integer(), "0"),
)
"""Table, column, type, and the value of rows that are there already where it may not be NULL."""
FILLED = ("dataset_id", "hookpoint", "layer", "pooling")
"""Columns of `direction_sets` that are never NULL, once they are copied from the activation sets."""
COPY_SITES = """
UPDATE direction_sets SET (dataset_id, model_id, hookpoint, layer, pooling) =
  (SELECT a.dataset_id, a.model_id, a.hookpoint, a.layer, a.pooling FROM activation_sets a
   WHERE a.activation_id = direction_sets.activation_id)"""
COPY_ROWS = """
INSERT INTO direction_rows (direction_id, row_index, feature)
SELECT direction_id, row_index, feature FROM probes WHERE row_index IS NOT NULL"""
STATUS = sa.CheckConstraint(
    "status IN ('planned', 'done', 'not_applicable')", name="ck_direction_sets_status"
)
"""Batch mode does not read checks from SQLite, so it must be told of the one there is."""


def _views(name: str) -> ModuleType:
    """Load frozen view texts that lie beside `versions`."""
    path = Path(__file__).resolve().parent.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def upgrade() -> None:
    for statement in _views("views_0001").drop_all():
        op.execute(statement)
    for table, name, kind, default in NEW_COLUMNS:
        op.add_column(table, sa.Column(name, kind, server_default=default, nullable=default is None))
    op.execute(COPY_SITES)
    with op.batch_alter_table("direction_sets", table_args=(STATUS,)) as batch:
        batch.alter_column("activation_id", existing_type=sa.Integer(), nullable=True)
        for name in FILLED:
            batch.alter_column(name, nullable=False)
        batch.create_foreign_key(
            op.f("fk_direction_sets_dataset_id"), "datasets", ["dataset_id"], ["dataset_id"]
        )
        batch.create_foreign_key(op.f("fk_direction_sets_model_id"), "models", ["model_id"], ["model_id"])
        batch.create_index(op.f("ix_direction_sets_dataset_id_model_id"), ["dataset_id", "model_id"])
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
    """Go back; refused by the database while it holds directions without an activation set."""
    for statement in _views("views_0002").drop_all():
        op.execute(statement)
    op.drop_table("direction_rows")
    with op.batch_alter_table("direction_sets", table_args=(STATUS,)) as batch:
        batch.drop_index(op.f("ix_direction_sets_dataset_id_model_id"))
        batch.drop_constraint(op.f("fk_direction_sets_dataset_id"), type_="foreignkey")
        batch.drop_constraint(op.f("fk_direction_sets_model_id"), type_="foreignkey")
        batch.alter_column("activation_id", existing_type=sa.Integer(), nullable=False)
        for table, name, _, _ in NEW_COLUMNS:
            if table == "direction_sets":
                batch.drop_column(name)
    for table, name, _, _ in NEW_COLUMNS:
        if table != "direction_sets":
            op.drop_column(table, name)
    for statement in _views("views_0001").create_all():
        op.execute(statement)
