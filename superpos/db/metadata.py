"""The metadata all tables share, and the pieces their columns are made of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from superpos.db.types import Key

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

VERSIONS = "alembic_version"
"""Table of the schema revision, which Alembic keeps."""
KIND = sa.String(200)
"""Name of a kind; users can add some (`package.module:attribute`), so a register says what is one."""
LABEL = sa.String(240)
"""Name of a kind and its parameter: `riesz:1`."""
STAGE_STATUSES = ("planned", "done", "not_applicable")


def identity(name: str) -> tuple[sa.Column[Any], sa.Column[Any]]:
    """Return the integer id that rows refer to and the content key that names the row everywhere else."""
    return (
        sa.Column(name, sa.Integer, primary_key=True),
        sa.Column("key", Key, nullable=False, unique=True),
    )


def reference(column: str, target: str, **options: Any) -> sa.Column[Any]:
    """Return a foreign key `column` to `target` (`table.column`); not NULL unless told otherwise."""
    options.setdefault("nullable", False)
    return sa.Column(column, sa.Integer, sa.ForeignKey(target), **options)


def one_of(column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    """Return the check that a text column holds one of a few words; for closed lists, never for kinds."""
    words = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({words})", name=column)


def stage_columns() -> tuple[Any, ...]:
    """Return what every planned row carries: its status, why it has no result, and the run that made it."""
    return (
        sa.Column("status", sa.String(16), nullable=False, server_default="planned"),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        reference("run_id", "runs.run_id", nullable=True),
        one_of("status", STAGE_STATUSES),
    )
