"""Right numbers first.

Revision: 0003, after 0002.
"""

from __future__ import annotations

import importlib.util
import json
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
    ("studies", "noise_ceiling", sa.Integer(), "0"),
    ("psms", "ceiling_method", sa.String(length=16), ""),
    ("psms", "n_unknown", sa.Integer(), None),
    ("psm_entries", "standard_error", sa.Double(), None),
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


def _say_which_ceilings_are_asked() -> None:
    """Copy the number of resamples that a study asks for out of its specification."""
    connection = op.get_bind()
    for study_id, text in connection.execute(sa.text("SELECT study_id, specification FROM studies")).all():
        values = {"n": int(json.loads(text).get("noise_ceiling", 0)), "study_id": study_id}
        connection.execute(
            sa.text("UPDATE studies SET noise_ceiling = :n WHERE study_id = :study_id"), values
        )


def upgrade() -> None:
    for statement in _views("views_0002").drop_all():
        op.execute(statement)
    for table, name, kind, default in NEW_COLUMNS:
        op.add_column(table, sa.Column(name, kind, server_default=default, nullable=default is None))
    _say_which_ceilings_are_asked()
    # Percentiles of the similarities of bootstrapped probes: the next run makes other intervals of them.
    op.execute("UPDATE psms SET ceiling_method = 'percentile' WHERE n_resamples > 0")
    for statement in _views("views_0003").create_all():
        op.execute(statement)


def downgrade() -> None:
    for statement in _views("views_0003").drop_all():
        op.execute(statement)
    for table, name, _, _ in NEW_COLUMNS:
        op.drop_column(table, name)
    for statement in _views("views_0002").create_all():
        op.execute(statement)
