"""Intervals of measures: what a matrix says beyond its entries, and how well that is known.

`psm_resamples` keeps the entries of the matrices of bootstrapped probes, from which every measure of a matrix
gets an interval, today's and later ones; `psm_measures` gets the ends, `study_answers` those of a difference to
a control. Noise ceilings without these matrices are made again, with the same numbers, by the next run that
asks for ceilings. The view `basins` says the same as before, from numbers alone until the end.

Revision: 0007, after 0006.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ENDS = {
    "psm_measures": ("value_low", "value_high"),
    "study_answers": ("estimate_low", "estimate_high"),
}
"""New columns of intervals by table."""


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
    for statement in _views("views_0006").drop_all():
        op.execute(statement)
    op.create_table(
        "psm_resamples",
        sa.Column("psm_id", sa.Integer(), nullable=False),
        sa.Column("n_resamples", sa.Integer(), nullable=False),
        sa.Column("entries", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["psm_id"], ["psms.psm_id"], name=op.f("fk_psm_resamples_psm_id")),
        sa.PrimaryKeyConstraint("psm_id", name=op.f("pk_psm_resamples")),
    )
    for table, names in ENDS.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.Double(), nullable=True))
        op.add_column(table, sa.Column("n_bootstraps", sa.Integer(), server_default="0", nullable=False))
    op.execute("UPDATE analyses SET n_results = -1")
    for statement in _views("views_0007").create_all():
        op.execute(statement)


def downgrade() -> None:
    """Go back; what bootstraps say of measures is lost, and found again by the next upgrade's run."""
    for statement in _views("views_0007").drop_all():
        op.execute(statement)
    for table, names in ENDS.items():
        for name in ("n_bootstraps", *reversed(names)):
            op.drop_column(table, name)
    op.drop_table("psm_resamples")
    for statement in _views("views_0006").create_all():
        op.execute(statement)
