"""Rows by their keys: `fits` has its key, and no view makes all its rows to find one.

A key of a fit is that of its joint fit, a dot, that of its axes: no index of either table finds it. So it
becomes a column of `fits` with an index of its own. SQLite, where a new column would split every page, has the
table made anew from its own text and filled in order. The views say the same as before; new are the helpers
`study_activations` and `block_dimensions`, and `study_joints` has joint fits, which were joint axes.

`analyses` gets a digest of the questions behind the answers, so that a run finds those of another version. That
of older analyses is empty, so that the next run of a study asks again.

Revision: 0008, after 0007.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SECOND = "fit_axes_id INTEGER NOT NULL, \n"
"""Column of `fits` before the key, as every revision before wrote it."""


def _views(name: str) -> ModuleType:
    """Load frozen view texts that lie beside `versions`."""
    path = Path(__file__).resolve().parent.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _fill_anew() -> None:
    """Make `fits` anew on SQLite, with the key as its third column."""
    bind = op.get_bind()
    old = bind.scalar(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'fits'"))
    new = re.sub(r'^CREATE TABLE "?fits"?', "CREATE TABLE fits_new", old)
    names = ", ".join(
        f"f.{column['name']}" for column in sa.inspect(bind).get_columns("fits")[2:]
    )  # what each revision added comes last, in both
    bind.exec_driver_sql(new.replace(SECOND, f'{SECOND}\t"key" VARCHAR(65) NOT NULL, \n'))
    # CROSS JOIN keeps the order of the primary key, in which rows are appended.
    bind.exec_driver_sql(
        "INSERT INTO fits_new "
        f'SELECT f.joint_id, f.fit_axes_id, j."key" || \'.\' || a."key", {names} '
        "FROM fits f CROSS JOIN joint_fits j CROSS JOIN fit_axes a "
        "WHERE j.joint_id = f.joint_id AND a.fit_axes_id = f.fit_axes_id ORDER BY f.joint_id, f.fit_axes_id"
    )
    op.drop_table("fits")
    op.rename_table("fits_new", "fits")


def _add_keys() -> None:
    """Give `fits` the key on PostgreSQL."""
    op.add_column("fits", sa.Column("key", sa.String(length=65), nullable=True))
    op.execute(
        'UPDATE fits SET "key" = j."key" || \'.\' || a."key" FROM joint_fits j, fit_axes a '
        "WHERE j.joint_id = fits.joint_id AND a.fit_axes_id = fits.fit_axes_id"
    )
    op.alter_column("fits", "key", nullable=False)


def upgrade() -> None:
    for statement in _views("views_0007").drop_all():
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite":
        _fill_anew()
    else:
        _add_keys()
    op.create_index(op.f("ix_fits_key"), "fits", ["key"], unique=True)
    asked = sa.Column("asked", sa.String(length=64), server_default="", nullable=False)
    op.add_column("analyses", asked)
    for statement in _views("views_0008").create_all():
        op.execute(statement)


def downgrade() -> None:
    for statement in _views("views_0008").drop_all():
        op.execute(statement)
    op.drop_index(op.f("ix_fits_key"), table_name="fits")
    op.drop_column("fits", "key")
    op.drop_column("analyses", "asked")
    for statement in _views("views_0007").create_all():
        op.execute(statement)
