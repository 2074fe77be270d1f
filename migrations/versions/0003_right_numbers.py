"""Right numbers first.

Revision: 0003, after 0002.
"""

from __future__ import annotations

import importlib.util
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


def _views(name: str) -> ModuleType:
    """Load frozen view texts that lie beside `versions`."""
    path = Path(__file__).resolve().parent.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _check(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def _allow(table: str, column: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Let a text column hold other words; the database refuses where it holds one that is not among them.

    SQLite cannot change a check, so there the table is made anew from its own text and filled.
    """
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        name = op.f(f"ck_{table}_{column}")
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, _check(column, after))
        return
    query = sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    texts = bind.execute(query, {"table": table}).all()
    old = next(text for kind, text in texts if kind == "table")
    new = re.sub(rf'^CREATE TABLE "?{table}"?', f"CREATE TABLE {table}_new", old)
    bind.exec_driver_sql(new.replace(_check(column, before), _check(column, after)))
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
    for table, name, words, more in NEW_WORDS:
        _allow(table, name, words, words + more)
    for statement in _views("views_0003").create_all():
        op.execute(statement)


def downgrade() -> None:
    """Go back; the database refuses while it holds features that are left out as copies."""
    for statement in _views("views_0003").drop_all():
        op.execute(statement)
    for table, name, words, more in NEW_WORDS:
        _allow(table, name, words + more, words)
    for table, name, _, _ in NEW_COLUMNS:
        op.drop_column(table, name)
    for statement in _views("views_0002").create_all():
        op.execute(statement)
