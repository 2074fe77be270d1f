"""Find rows by a key or by its beginning, whatever table they are in.

Keys are those that views show (`fit_key` is that of the joint fit, a dot, that of the fit axes) and those of
failed cells (matrix, joint axes, fit axes, with dots between). Each part may be cut.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from superpos.db.tables import (
    activation_sets,
    cell_failures,
    datasets,
    direction_sets,
    fit_axes,
    fits,
    joint_axes,
    joint_fits,
    models,
    probes,
    psms,
    targets,
)
from superpos.errors import InputError, shown

PROBE_SET = "probe set"
FIT, CELL = "fit", "cell"
"""A re-optimised fit; one that failed or is missing, by its three keys."""
KINDS: dict[str, sa.Table] = {
    "joint fit": joint_fits,
    "similarity matrix": psms,
    "target": targets,
    PROBE_SET: direction_sets,
    "probe": probes,
    "activation set": activation_sets,
    "data set": datasets,
    "model": models,
    "fit axes": fit_axes,
    "joint axes": joint_axes,
}
MOST_LISTED = 10
"""Keys with one beginning that are listed."""
DIGITS = frozenset("0123456789abcdef")


class Found(NamedTuple):
    """A row by its kind and whole key."""

    kind: str
    key: str


def find_key(connection: sa.Connection, label: str, text: str) -> Found:
    """Return the one row that a key, or its beginning, names.

    Parameters
    ----------
    connection
        Of the database.
    label
        The database, for messages.
    text
        What was asked for.

    Raises
    ------
    InputError
        If it names nothing, or several rows: these are listed then.
    """
    pieces = text.strip().lower().split(".")
    found: list[Found] = []
    if all(piece and set(piece) <= DIGITS for piece in pieces) and len(pieces) <= 3:
        found = _alone(connection, pieces[0]) if len(pieces) == 1 else _cells(connection, pieces)
    if not found:
        raise InputError(f"key {shown(text)} names nothing in {label}; copy a key from a view")
    exact = [one for one in found if one.key == ".".join(pieces)]
    if len(exact) == 1 or len(found) == 1:
        return (exact or found)[0]
    listed = ", ".join(f"{one.key} ({one.kind})" for one in found[:MOST_LISTED])
    more = " and more" if len(found) > MOST_LISTED else ""
    raise InputError(f"key {shown(text)} begins several: {listed}{more}; give more digits")


def begins(column: sa.ColumnElement[Any], beginning: str) -> sa.ColumnElement[bool]:
    """Return the condition that a key begins so, as a range that its index serves."""
    low = sa.literal(beginning, sa.String)
    return sa.and_(column >= low, column < sa.literal(f"{beginning}g", sa.String))


def _alone(connection: sa.Connection, beginning: str) -> list[Found]:
    found: list[Found] = []
    for kind, table in KINDS.items():
        query = sa.select(table.c.key).where(begins(table.c.key, beginning)).order_by(table.c.key)
        found += [Found(kind, key.hex()) for key in connection.scalars(query.limit(MOST_LISTED + 1))]
    return found


def _cells(connection: sa.Connection, pieces: list[str]) -> list[Found]:
    """Return the fits, or the failed or missing cells, whose keys begin with these pieces."""
    if len(pieces) == 2:
        query = (
            sa.select(joint_fits.c.key, fit_axes.c.key)
            .join(fits, fits.c.joint_id == joint_fits.c.joint_id)
            .join(fit_axes, fit_axes.c.fit_axes_id == fits.c.fit_axes_id)
            .where(begins(joint_fits.c.key, pieces[0]), begins(fit_axes.c.key, pieces[1]))
            .order_by(joint_fits.c.key, fit_axes.c.key)
            .limit(MOST_LISTED + 1)
        )
        return [Found(FIT, f"{a.hex()}.{b.hex()}") for a, b in connection.execute(query)]
    of_tables = [
        connection.scalars(
            sa.select(table.c.key).where(begins(table.c.key, piece)).limit(MOST_LISTED + 1)
        ).all()
        for table, piece in zip((psms, joint_axes, fit_axes), pieces, strict=True)
    ]
    a, b, c = of_tables
    return [Found(CELL, f"{x.hex()}.{y.hex()}.{z.hex()}") for x in a for y in b for z in c][: MOST_LISTED + 1]


def failure_of(connection: sa.Connection, key: str) -> sa.RowMapping | None:
    """Return the newest failure of the row or cell with this key, None if there is none."""
    query = (
        sa.select(cell_failures).where(cell_failures.c.key == key).order_by(cell_failures.c.failed_at.desc())
    )
    return connection.execute(query).mappings().first()
