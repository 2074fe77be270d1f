"""Drop a row's content with everything that hangs on it, so that the next run makes it again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.insert import BATCH
from superpos.db.tables_fits import (
    analyses,
    best_match,
    fit_arrays,
    fits,
    importance,
    joint_fits,
    layer_pairs,
    psm_entries,
    psms,
    targets,
)
from superpos.db.tables_inputs import activation_sets, datasets, direction_sets, features, probes, shards
from superpos.errors import InputError

LEVELS: tuple[tuple[str, sa.Table, str], ...] = (
    ("data sets", datasets, "dataset_id"),
    ("activation sets", activation_sets, "activation_id"),
    ("probe sets", direction_sets, "direction_id"),
    ("targets", targets, "target_id"),
    ("joint fits", joint_fits, "joint_id"),
)
"""What a key may name, parents before children."""

RESET: dict[str, dict[str, Any]] = {
    "datasets": {"content_digest": None, "path": None, "phi": None, "provenance": None},
    "activation_sets": {"content_digest": None, "dataset_digest": None, "agreement": None},
    "direction_sets": {
        "content_digest": None,
        "activation_digest": None,
        "coef_raw": None,
        "coef_scaled": None,
        "intercept": None,
        "scale": None,
    },
    "targets": {"psm_id": None},
}


def drop_dependants(database: Database, key: str) -> list[str]:
    """Make the row named `key` planned again, with all that was computed from it.

    Parameters
    ----------
    database
        The store.
    key
        32 hexadecimal digits: the key of a data set, activation set, probe set, target or joint fit; or a
        fit key, which stands for its joint fit.

    Returns
    -------
    list of str
        One line for each kind of row that was dropped.

    Raises
    ------
    InputError
        If the key names nothing that can be rebuilt.
    """
    key = key.strip().lower().partition(".")[0]
    with database.write() as connection:
        for level, (_, table, id_column) in enumerate(LEVELS):
            query = sa.select(table.c[id_column]).where(table.c.key == key)
            found = connection.scalar(query) if _is_key(key) else None
            if found is not None:
                return _drop(connection, level, [int(found)])
        raise InputError(
            f"--rebuild: {key!r} names no data set, activation set, probe set, target or joint fit in "
            f"{database.label}; copy a key from a view"
        )


def _is_key(text: str) -> bool:
    return len(text) == 32 and all(character in "0123456789abcdef" for character in text)


def _drop(connection: sa.Connection, level: int, ids: list[int]) -> list[str]:
    said: list[str] = []
    for table in (best_match, layer_pairs, analyses):  # made again from what is left
        connection.execute(table.delete())
    for name, table, id_column in LEVELS[level:]:
        if not ids:
            break
        said.append(f"dropped {len(ids)} {name}")
        children = _children(connection, table, ids)
        if table is joint_fits:
            _delete_joints(connection, ids)
            break
        _clear(connection, table, id_column, ids)
        ids = children
    return said


def _children(connection: sa.Connection, table: sa.Table, ids: list[int]) -> list[int]:
    """Return the ids of the next level that rest on rows of this one."""
    queries: dict[str, sa.Select[Any]] = {
        "datasets": sa.select(activation_sets.c.activation_id).where(activation_sets.c.dataset_id.in_(ids)),
        "activation_sets": sa.select(direction_sets.c.direction_id).where(
            direction_sets.c.activation_id.in_(ids)
        ),
        "direction_sets": sa.select(targets.c.target_id).where(targets.c.direction_id.in_(ids)),
        "targets": sa.select(joint_fits.c.joint_id)
        .join(targets, targets.c.psm_id == joint_fits.c.psm_id)
        .where(targets.c.target_id.in_(ids))
        .distinct(),
    }
    return [int(row) for row in connection.scalars(queries[table.name])] if table.name in queries else []


def _clear(connection: sa.Connection, table: sa.Table, id_column: str, ids: list[int]) -> None:
    """Make rows planned again and delete what they alone own."""
    owned = {"datasets": features, "activation_sets": shards, "direction_sets": probes}
    orphans: list[int] = []
    if table is targets:
        query = sa.select(targets.c.psm_id).where(targets.c.target_id.in_(ids), targets.c.psm_id.is_not(None))
        orphans = [int(row) for row in connection.scalars(query.distinct())]
    if table.name in owned:
        child = owned[table.name]
        connection.execute(child.delete().where(child.c[id_column].in_(ids)))
    if orphans:
        joints = connection.scalars(sa.select(joint_fits.c.joint_id).where(joint_fits.c.psm_id.in_(orphans)))
        _delete_joints(connection, [int(row) for row in joints])
        ids = [
            int(r)
            for r in connection.scalars(sa.select(targets.c.target_id).where(targets.c.psm_id.in_(orphans)))
        ]
    values = {**RESET[table.name], "status": "planned", "reason": "", "run_id": None}
    connection.execute(table.update().where(table.c[id_column].in_(ids)).values(values))
    if orphans:
        connection.execute(psm_entries.delete().where(psm_entries.c.psm_id.in_(orphans)))
        connection.execute(psms.delete().where(psms.c.psm_id.in_(orphans)))


def _delete_joints(connection: sa.Connection, ids: Iterable[int]) -> None:
    wanted = list(ids)
    for first in range(0, len(wanted), BATCH):
        part = wanted[first : first + BATCH]
        for table in (fit_arrays, fits, importance, joint_fits):
            connection.execute(table.delete().where(table.c.joint_id.in_(part)))
