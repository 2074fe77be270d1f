"""What may be compared: root mean squares beside the distances, which grow with n. Runs share the work.

Views alone change for the first. `leases` says what each run is working on; it is empty while none runs.
`runs` gets the moment at which the leases of a run expire, and which process it is: runs that are there have
expired.

Revision: 0006, after 0005.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

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


def upgrade() -> None:
    for statement in _views("views_0005").drop_all():
        op.execute(statement)
    _make_leases()
    for statement in _views("views_0006").create_all():
        op.execute(statement)


def downgrade() -> None:
    """Go back; nothing but leases is lost."""
    for statement in _views("views_0006").drop_all():
        op.execute(statement)
    op.drop_table("leases")
    for name in ("owner", "expires_at"):
        op.drop_column("runs", name)
    for statement in _views("views_0005").create_all():
        op.execute(statement)
