"""Right numbers first.

Revision: 0003, after 0002.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NEW_COLUMNS: tuple[tuple[str, str, sa.types.TypeEngine[Any], str | None], ...] = ()
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


def upgrade() -> None:
    for statement in _views("views_0002").drop_all():
        op.execute(statement)
    for table, name, kind, default in NEW_COLUMNS:
        op.add_column(table, sa.Column(name, kind, server_default=default, nullable=default is None))
    for statement in _views("views_0003").create_all():
        op.execute(statement)


def downgrade() -> None:
    for statement in _views("views_0003").drop_all():
        op.execute(statement)
    for table, name, _, _ in NEW_COLUMNS:
        op.drop_column(table, name)
    for statement in _views("views_0002").create_all():
        op.execute(statement)
