"""Names of kinds that anyone can add: no list of them in the schema, room for a reference, measures of a matrix.

Columns that name a kind (energy, similarity, optimiser, control, weights) lose their checks and hold
`package.module:attribute` from now on. `psm_measures` holds one number a matrix and measure.

SQLite can change neither a column nor a check, so there each table is made anew from its own text and filled.

Revision: 0004, after 0003.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WIDER: tuple[tuple[str, str, int, int], ...] = (
    ("models", "weights", 16, 200),
    ("psms", "similarity", 8, 200),
    ("targets", "kind", 24, 200),
    ("targets", "similarity", 8, 200),
    ("joint_axes", "energy", 8, 200),
    ("joint_axes", "kernel", 32, 240),
    ("fit_axes", "optimiser", 16, 200),
)
"""Table, column, characters before and from now on."""
OPENED = {("models", "weights"): ("pretrained", "random"), ("psms", "similarity"): ("cosine", "rbf")}
"""Columns that could hold a few words only, and those words."""


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


def _one_of(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def _replace_table(table: str, changes: list[tuple[str, str]]) -> None:
    """Make a table anew from its own text with parts of it replaced, and fill it (SQLite)."""
    bind = op.get_bind()
    query = sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    texts = bind.execute(query, {"table": table}).all()
    text = next(text for kind, text in texts if kind == "table")
    for before, after in changes:
        if text.count(before) != 1:
            raise RuntimeError(f"table {table} is not as revision 0003 or 0004 made it: no {before!r}")
        text = text.replace(before, after)
    bind.exec_driver_sql(re.sub(rf'^CREATE TABLE "?{table}"?', f"CREATE TABLE {table}_new", text))
    bind.exec_driver_sql(f"INSERT INTO {table}_new SELECT * FROM {table}")
    op.drop_table(table)
    op.rename_table(f"{table}_new", table)
    for kind, statement in texts:
        if kind == "index":
            bind.exec_driver_sql(statement)


def _change_sqlite(back: bool) -> None:
    for table in dict.fromkeys(name for name, *_ in WIDER):
        changes: list[tuple[str, str]] = []
        for name, column, *sizes in WIDER:
            before, after = (f"\t{column} VARCHAR({size})" for size in (sizes[::-1] if back else sizes))
            if name == table:
                changes.append((before, after))
        for (name, column), words in OPENED.items():
            check = f"\tCONSTRAINT ck_{table}_{column} CHECK ({_one_of(column, words)}), \n"
            key = f"\tCONSTRAINT pk_{table} "
            if name == table:
                changes.append((key, check + key) if back else (check, ""))
        _replace_table(table, changes)


def _change_postgresql(back: bool) -> None:
    for table, column, old, new in WIDER:
        op.alter_column(table, column, type_=sa.String(length=old if back else new))
    for (table, column), words in OPENED.items():
        name = op.f(f"ck_{table}_{column}")
        if back:
            op.create_check_constraint(name, table, _one_of(column, words))
        else:
            op.drop_constraint(name, table, type_="check")


def _change(back: bool = False) -> None:
    if _is_sqlite():
        _change_sqlite(back)
    else:
        _change_postgresql(back)


def upgrade() -> None:
    for statement in _views("views_0003").drop_all():
        op.execute(statement)
    _change()
    op.create_table(
        "psm_measures",
        sa.Column("psm_id", sa.Integer(), nullable=False),
        sa.Column("measure", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["psm_id"], ["psms.psm_id"], name=op.f("fk_psm_measures_psm_id")),
        sa.PrimaryKeyConstraint("psm_id", "measure", name=op.f("pk_psm_measures")),
        sqlite_with_rowid=False,
    )
    for statement in _views("views_0004").create_all():
        op.execute(statement)


def downgrade() -> None:
    """Go back; measures are lost, and the database refuses where it holds kinds that it did not know."""
    for statement in _views("views_0004").drop_all():
        op.execute(statement)
    op.drop_table("psm_measures")
    _change(back=True)
    for statement in _views("views_0003").create_all():
        op.execute(statement)
