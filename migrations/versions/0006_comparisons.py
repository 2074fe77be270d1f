"""What may be compared: root mean squares beside the distances, which grow with n. Runs share the work.

Views alone change for the first. `leases` says what each run is working on; it is empty while none runs.
`runs` gets the moment at which the leases of a run expire, and which process it is: runs that are there have
expired. Of points that are not critical the smallest eigenvalue of the Hessian, which depends on the
coordinates there, is no longer computed; what older rows have of it becomes NULL.
`target_explained` holds what a matrix follows from, `target_features` what each feature has of a dimension.
`measure_tests` has the p of every measure against each control, `study_answers` the family that an answer
belongs to. Both are filled by the analysis, which the next run does again.

Revision: 0006, after 0005.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _views(name: str) -> ModuleType:
    """Load frozen view texts that lie beside `versions`."""
    path = Path(__file__).resolve().parent.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _make_leases() -> None:
    op.add_column("runs", sa.Column("expires_at", sa.Double(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("owner", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "leases",
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=98), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_leases_run_id")),
        sa.PrimaryKeyConstraint("stage", "key", name=op.f("pk_leases")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_leases_run_id"), "leases", ["run_id"])


def _make_explained() -> None:
    op.create_table(
        "target_explained",
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("predictor", sa.String(length=24), nullable=False),
        sa.Column("energy", sa.String(length=200), nullable=False, server_default=""),
        sa.Column("s", sa.Double(), nullable=False, server_default="0"),
        sa.Column("softening", sa.Double(), nullable=False, server_default="0"),
        sa.Column("kernel", sa.String(length=240), nullable=False, server_default=""),
        sa.Column("version", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.Double(), nullable=True)
            for name in (
                "correlation", "r2", "r2_chance", "r2_unique", "r2_common", "r2_model", "partial", "p_value",
                "p_smallest",
            )
        ),
        sa.Column("n_permutations", sa.Integer(), nullable=False),
        sa.Column("p_unique", sa.Double(), nullable=True),
        sa.Column("p_unique_smallest", sa.Double(), nullable=True),
        sa.Column("n_permutations_unique", sa.Integer(), nullable=False),
        sa.Column("beside", sa.Text(), nullable=False),
        sa.Column("list_order", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["target_id"], ["targets.target_id"], name=op.f("fk_target_explained_target_id")
        ),
        sa.PrimaryKeyConstraint(
            "target_id", "predictor", "energy", "s", "softening", name=op.f("pk_target_explained")
        ),
        sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_table(
        "target_features",
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("row_index", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("dimensionality", sa.Double(), nullable=True),
        sa.Column("dimensionality_norms", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["target_id"], ["targets.target_id"], name=op.f("fk_target_features_target_id")
        ),
        sa.PrimaryKeyConstraint("target_id", "row_index", name=op.f("pk_target_features")),
        sqlite_with_rowid=False,
    )


OF_ANSWERS: tuple[tuple[str, sa.types.TypeEngine[Any], str | None], ...] = (
    ("family", sa.Text(), ""),
    ("level", sa.Double(), "0.05"),
    ("margin", sa.Double(), None),
    ("p_absent", sa.Double(), None),
)
"""Column, type, and what older rows have; None where that is nothing."""


def _make_tests() -> None:
    for name, kind, older in OF_ANSWERS:
        column = sa.Column(name, kind, server_default=older, nullable=older is None)
        op.add_column("study_answers", column)
    op.create_table(
        "measure_tests",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("measure", sa.String(length=200), nullable=False),
        sa.Column("energy", sa.String(length=200), nullable=False),
        sa.Column("s", sa.Double(), nullable=False),
        sa.Column("softening", sa.Double(), nullable=False),
        sa.Column("n_dims", sa.Integer(), nullable=False),
        sa.Column("control", sa.String(length=200), nullable=False),
        sa.Column("is_first", sa.Integer(), nullable=False),
        sa.Column("estimate", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("p_smallest", sa.Double(), nullable=True),
        sa.Column("n_replicates", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.study_id"], name=op.f("fk_measure_tests_study_id")),
        sa.ForeignKeyConstraint(
            ["target_id"], ["targets.target_id"], name=op.f("fk_measure_tests_target_id")
        ),
        sa.PrimaryKeyConstraint(
            "study_id", "target_id", "measure", "energy", "s", "softening", "n_dims", "control",
            name=op.f("pk_measure_tests"),
        ),
        sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_index(op.f("ix_measure_tests_target_id"), "measure_tests", ["target_id"])
    op.execute("UPDATE analyses SET n_results = -1")


def upgrade() -> None:
    for statement in _views("views_0005").drop_all():
        op.execute(statement)
    _make_leases()
    _make_explained()
    op.execute("UPDATE fits SET min_eigenvalue = NULL WHERE verdict = 'not_critical'")
    _make_tests()
    for statement in _views("views_0006").create_all():
        op.execute(statement)


def downgrade() -> None:
    """Go back; leases are lost, and what the next run finds again: what matrices follow from, tests.

    Eigenvalues that were dropped stay NULL.
    """
    for statement in _views("views_0006").drop_all():
        op.execute(statement)
    op.drop_table("measure_tests")
    for column, _, _ in reversed(OF_ANSWERS):
        op.drop_column("study_answers", column)
    op.drop_table("leases")
    for name in ("owner", "expires_at"):
        op.drop_column("runs", name)
    op.drop_table("target_features")
    op.drop_table("target_explained")
    for statement in _views("views_0005").create_all():
        op.execute(statement)
