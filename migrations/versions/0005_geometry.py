"""Answers from the geometry itself: measures of a matrix under a kernel and in a dimension, with their bound.

`psm_measures` gets the kernel and the dimension as parts of its key; rows that are there have neither.
`models` gets what GGUF files and installed distributions say of themselves; rows that are there say nothing.
`study_answers` holds what the rows of a study say to each question.
Joint fits and fits get `energy_bound`, which rows that are there lack until the next run of their study.

The key of a table changes, which SQLite cannot do, so the table is made anew on both systems and filled.

Revision: 0005, after 0004.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OF_MODELS = (
    ("quantization", sa.Text()),
    ("file_digest", sa.String(length=64)),
    ("distribution", sa.Text()),
)
"""New columns of `models`; empty text in rows that are there."""


BOUNDS: tuple[tuple[str, str, sa.types.TypeEngine[Any], str | None], ...] = (
    ("joint_fits", "energy_bound", sa.Double(), None),
    ("joint_fits", "bound_method", sa.String(length=16), ""),
    ("joint_fits", "bound_version", sa.Integer(), "0"),
    ("fits", "energy_bound", sa.Double(), None),
)
"""Table, column, type, and the value of rows that are there already where it may not be NULL."""


def _views(name: str) -> ModuleType:
    """Load frozen view texts that lie beside `versions`."""
    path = Path(__file__).resolve().parent.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _remake_measures(key: list[sa.Column[object]], more: list[sa.Column[object]], kept: str = "") -> None:
    """Make `psm_measures` anew with these columns in its key and after its value; fill it with what was kept."""
    op.execute(
        f"CREATE TABLE psm_measures_before AS SELECT psm_id, measure, version, value FROM psm_measures{kept}"
    )
    op.drop_table("psm_measures")
    op.create_table(
        "psm_measures",
        sa.Column("psm_id", sa.Integer(), nullable=False),
        sa.Column("measure", sa.String(length=200), nullable=False),
        *key,
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        *more,
        sa.ForeignKeyConstraint(["psm_id"], ["psms.psm_id"], name=op.f("fk_psm_measures_psm_id")),
        sa.PrimaryKeyConstraint(
            "psm_id", "measure", *(c.name for c in key if c.name != "kernel"), name=op.f("pk_psm_measures")
        ),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO psm_measures (psm_id, measure, version, value) "
        "SELECT psm_id, measure, version, value FROM psm_measures_before"
    )
    op.drop_table("psm_measures_before")


def _make_answers() -> None:
    op.create_table(
        "study_answers",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(length=200), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("model", "revision", "dataset", "hookpoint", "pooling", "method")
        ),
        *(
            sa.Column(name, sa.String(length=200), nullable=False)
            for name in ("similarity", "optimiser", "control")
        ),
        sa.Column("estimate", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("n_cells", sa.Integer(), nullable=False),
        sa.Column("n_independent", sa.Integer(), nullable=False),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("p_adjusted", sa.Double(), nullable=True),
        sa.Column("p_smallest", sa.Double(), nullable=True),
        sa.Column("n_tests", sa.Integer(), nullable=False),
        sa.Column("strength", sa.String(length=24), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.study_id"], name=op.f("fk_study_answers_study_id")),
        sa.PrimaryKeyConstraint("study_id", "place", name=op.f("pk_study_answers")),
    )
    # An analysis without answers is unfinished, and the next run does it again.
    op.execute("UPDATE analyses SET n_results = -1")


def upgrade() -> None:
    for statement in _views("views_0004").drop_all():
        op.execute(statement)
    for name, kind in OF_MODELS:
        op.add_column("models", sa.Column(name, kind, server_default="", nullable=False))
    _remake_measures(
        [
            sa.Column("energy", sa.String(length=200), nullable=False, server_default=""),
            sa.Column("s", sa.Double(), nullable=False, server_default="0"),
            sa.Column("softening", sa.Double(), nullable=False, server_default="0"),
            sa.Column("n_dims", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("kernel", sa.String(length=240), nullable=False, server_default=""),
        ],
        [
            sa.Column("bound", sa.Double(), nullable=True),
            sa.Column("value_scaled", sa.Double(), nullable=True),
        ],
    )
    _make_answers()
    for table, name, type_, default in BOUNDS:
        op.add_column(table, sa.Column(name, type_, server_default=default, nullable=default is None))
    for statement in _views("views_0005").create_all():
        op.execute(statement)


def downgrade() -> None:
    """Go back; measures under kernels and in dimensions are lost, and bounds and answers."""
    for statement in _views("views_0005").drop_all():
        op.execute(statement)
    for name, _ in reversed(OF_MODELS):
        op.drop_column("models", name)
    op.drop_table("study_answers")
    for table, name, _, _ in reversed(BOUNDS):
        op.drop_column(table, name)
    _remake_measures([], [], " WHERE energy = '' AND n_dims = 0")
    for statement in _views("views_0004").create_all():
        op.execute(statement)
