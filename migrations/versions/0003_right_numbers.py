"""Joint fits that are finished: axis `joint_polish`, the objective before the polish, a verdict, new statuses.

SQLite cannot change a CHECK constraint, so there `joint_fits` is made anew and filled from the old one. Fits of
revision 0002 were not polished, and their ends were not judged.

Revision: 0003, after 0002.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NEW_COLUMNS: tuple[tuple[str, str, sa.types.TypeEngine[Any], str | None], ...] = (
    ("joint_axes", "joint_polish", sa.String(length=8), "off"),
    ("fit_arrays", "polished", sa.LargeBinary(), None),
    ("studies", "noise_ceiling", sa.Integer(), "0"),
    ("psms", "ceiling_method", sa.String(length=16), ""),
    ("psms", "n_unknown", sa.Integer(), None),
    ("psm_entries", "standard_error", sa.Double(), None),
    ("features", "duplicate_of", sa.Text(), ""),
    ("direction_sets", "label_permutation", sa.String(length=8), ""),
    ("direction_sets", "permutation_note", sa.Text(), ""),
    ("direction_sets", "left_out", sa.Text(), None),
)
"""Table, column, type, and the value of rows that are there already where it may not be NULL."""
NEW_WORDS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("features", "status", ("ok", "no_positives", "no_negatives", "too_few"), ("duplicate", "opposite")),
    (
        "probes",
        "status",
        ("converged", "max_iter", "no_positives", "no_negatives", "too_few"),
        ("duplicate", "opposite"),
    ),
)
"""Table, text column, the words that it may hold already, and those it may hold from now on too."""

STATUSES = {
    "0002": ("converged", "max_iter", "unbounded", "non_finite", "stalled"),
    "0003": ("converged", "max_iter", "unbounded", "non_finite", "stalled", "polished", "corner"),
}
VERDICTS = ("strict", "degenerate", "saddle", "not_critical", "not_applicable")
JOINT_COLUMNS: tuple[tuple[str, sa.types.TypeEngine[Any], str | None], ...] = (
    ("fun_cg", sa.Double(), None),
    ("nit_polish", sa.Integer(), "0"),
    ("verdict", sa.String(length=16), "not_applicable"),
)
"""New columns of `joint_fits`, as above."""
KEPT = (
    'joint_id, "key", psm_id, joint_axes_id, fun, energy, mismatch, distance, nit, nfev, njev, gradient_norm,'
    " importance_entropy, norm_min, norm_max, start_radius, status, message, vectors, logits, similarities,"
    " seconds, run_id"
)
"""Columns of `joint_fits` in both revisions."""


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _create_joint_fits(name: str, of: str) -> None:
    """Create the table of a revision under a name, with the constraints of its own name."""
    new = {column: (kind, default) for column, kind, default in JOINT_COLUMNS if of == "0003"}

    def added(column: str) -> list[sa.Column[Any]]:
        if column not in new:
            return []
        kind, default = new[column]
        return [sa.Column(column, kind, server_default=default, nullable=default is None)]

    verdict = sa.CheckConstraint(_one_of("verdict", VERDICTS), name=op.f("ck_joint_fits_verdict"))
    op.create_table(
        name,
        sa.Column("joint_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("psm_id", sa.Integer(), nullable=False),
        sa.Column("joint_axes_id", sa.Integer(), nullable=False),
        sa.Column("fun", sa.Double(), nullable=True),
        *added("fun_cg"),
        sa.Column("energy", sa.Double(), nullable=True),
        sa.Column("mismatch", sa.Double(), nullable=True),
        sa.Column("distance", sa.Double(), nullable=True),
        sa.Column("nit", sa.Integer(), nullable=False),
        sa.Column("nfev", sa.Integer(), nullable=False),
        sa.Column("njev", sa.Integer(), nullable=False),
        *added("nit_polish"),
        sa.Column("gradient_norm", sa.Double(), nullable=True),
        sa.Column("importance_entropy", sa.Double(), nullable=True),
        sa.Column("norm_min", sa.Double(), nullable=True),
        sa.Column("norm_max", sa.Double(), nullable=True),
        sa.Column("start_radius", sa.Double(), nullable=False),
        *added("verdict"),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=False),
        sa.Column("logits", sa.LargeBinary(), nullable=False),
        sa.Column("similarities", sa.LargeBinary(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(_one_of("status", STATUSES[of]), name=op.f("ck_joint_fits_status")),
        *([verdict] if new else []),
        sa.ForeignKeyConstraint(
            ["joint_axes_id"], ["joint_axes.joint_axes_id"], name=op.f("fk_joint_fits_joint_axes_id")
        ),
        sa.ForeignKeyConstraint(["psm_id"], ["psms.psm_id"], name=op.f("fk_joint_fits_psm_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_joint_fits_run_id")),
        sa.PrimaryKeyConstraint("joint_id", name=op.f("pk_joint_fits")),
        sa.UniqueConstraint("key", name=op.f("uq_joint_fits_key")),
        sa.UniqueConstraint("psm_id", "joint_axes_id", name=op.f("uq_joint_fits_psm_id_joint_axes_id")),
    )


def _change_joint_fits(of: str) -> None:
    """Give `joint_fits` the columns and constraints of a revision."""
    if _is_sqlite():
        _create_joint_fits("joint_fits_new", of)
        op.execute(f"INSERT INTO joint_fits_new ({KEPT}) SELECT {KEPT} FROM joint_fits")
        op.drop_table("joint_fits")
        op.rename_table("joint_fits_new", "joint_fits")
        return
    op.drop_constraint(op.f("ck_joint_fits_status"), "joint_fits", type_="check")
    op.create_check_constraint(op.f("ck_joint_fits_status"), "joint_fits", _one_of("status", STATUSES[of]))
    if of == "0003":
        for name, kind, default in JOINT_COLUMNS:
            op.add_column(
                "joint_fits", sa.Column(name, kind, server_default=default, nullable=default is None)
            )
        op.create_check_constraint(op.f("ck_joint_fits_verdict"), "joint_fits", _one_of("verdict", VERDICTS))
    else:
        op.drop_constraint(op.f("ck_joint_fits_verdict"), "joint_fits", type_="check")
        for name, _, _ in JOINT_COLUMNS:
            op.drop_column("joint_fits", name)


def _views(name: str) -> ModuleType:
    """Load frozen view texts that lie beside `versions`."""
    path = Path(__file__).resolve().parent.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _say_which_ceilings_are_asked() -> None:
    """Copy the number of resamples that a study asks for out of its specification."""
    connection = op.get_bind()
    for study_id, text in connection.execute(sa.text("SELECT study_id, specification FROM studies")).all():
        values = {"n": int(json.loads(text).get("noise_ceiling", 0)), "study_id": study_id}
        connection.execute(
            sa.text("UPDATE studies SET noise_ceiling = :n WHERE study_id = :study_id"), values
        )


def _allow(table: str, column: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Let a text column hold other words; the database refuses where it holds one that is not among them.

    SQLite cannot change a check, so there the table is made anew from its own text and filled.
    """
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        name = op.f(f"ck_{table}_{column}")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, _one_of(column, after))
        return
    query = sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    texts = bind.execute(query, {"table": table}).all()
    old = next(text for kind, text in texts if kind == "table")
    new = re.sub(rf'^CREATE TABLE "?{table}"?', f"CREATE TABLE {table}_new", old)
    bind.exec_driver_sql(new.replace(_one_of(column, before), _one_of(column, after)))
    bind.exec_driver_sql(f"INSERT INTO {table}_new SELECT * FROM {table}")
    op.drop_table(table)
    op.rename_table(f"{table}_new", table)
    for kind, text in texts:
        if kind == "index":
            bind.exec_driver_sql(text)


def upgrade() -> None:
    for statement in _views("views_0002").drop_all():
        op.execute(statement)
    for table, name, kind, default in NEW_COLUMNS:
        op.add_column(table, sa.Column(name, kind, server_default=default, nullable=default is None))
    _change_joint_fits("0003")
    _say_which_ceilings_are_asked()
    # Percentiles of the similarities of bootstrapped probes: the next run makes other intervals of them.
    op.execute("UPDATE psms SET ceiling_method = 'percentile' WHERE n_resamples > 0")
    for table, name, words, more in NEW_WORDS:
        _allow(table, name, words, words + more)
    for statement in _views("views_0003").create_all():
        op.execute(statement)


def downgrade() -> None:
    """Go back; the database refuses while it holds features that are left out as copies."""
    for statement in _views("views_0003").drop_all():
        op.execute(statement)
    _change_joint_fits("0002")
    for table, name, words, more in NEW_WORDS:
        _allow(table, name, words + more, words)
    for table, name, _, _ in NEW_COLUMNS:
        op.drop_column(table, name)
    for statement in _views("views_0002").create_all():
        op.execute(statement)
