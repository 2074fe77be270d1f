"""Columns of tables, made from the catalogue's axes and measured columns."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from superpos.catalogue import Axis, Column, Level, Role, axes, measured
from superpos.db.metadata import KIND, LABEL
from superpos.db.types import Json, Number

STORED: tuple[Role, ...] = ("compared", "setting", "searched", "config")
"""Roles of axes that are columns of their level's table."""
_TYPES: dict[str, Any] = {
    "integer": sa.Integer,
    "number": Number,
    "kind": KIND,
    "label": LABEL,
    "text": sa.Text,
    "json": Json,
}


def axis_columns(*levels: Level, roles: tuple[Role, ...] = STORED) -> list[sa.Column[Any]]:
    """Return the columns of the axes of some levels; no axis is ever NULL."""
    return [_column(axis, nullable=False) for axis in axes(*levels, roles=roles)]


def measured_columns(table: str) -> list[sa.Column[Any]]:
    """Return the columns of what is measured in a table."""
    return [_column(column, nullable=not column.required) for column in measured(table)]


def _column(entry: Axis | Column, nullable: bool) -> sa.Column[Any]:
    default = None if entry.older is None else str(entry.older)
    kind = sa.String(entry.width) if entry.type == "word" else _TYPES[entry.type]
    return sa.Column(entry.column, kind, nullable=nullable, server_default=default)
