"""Drop a row's content with everything that hangs on it, so that the next run makes it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.insert import parts
from superpos.db.tables import (
    activation_sets,
    analyses,
    best_match,
    block_targets,
    blocks,
    datasets,
    direction_rows,
    direction_sets,
    features,
    fit_arrays,
    fits,
    importance,
    joint_fits,
    layer_pairs,
    measure_tests,
    probes,
    psm_entries,
    psm_measures,
    psm_resamples,
    psms,
    shards,
    study_answers,
    target_explained,
    target_features,
    targets,
)
from superpos.errors import InputError, shown
from superpos.specs.study import MEDIAN_RULE

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
    "activation_sets": {
        "content_digest": None,
        "dataset_digest": None,
        "agreement": None,
        "n_constant": None,
    },
    "direction_sets": {
        "content_digest": None,
        "activation_digest": None,
        "coef_raw": None,
        "coef_scaled": None,
        "coef_whitened": None,
        "matrix": None,
        "matrix_similarity": "",
        "left_out": None,
        "label_permutation": "",
        "permutation_note": "",
        "intercept": None,
        "scale": None,
    },
    "targets": {"psm_id": None},
}
OWNED: dict[str, tuple[sa.Table, ...]] = {
    "datasets": (features,),
    "activation_sets": (shards,),
    "direction_sets": (probes, direction_rows),
    "targets": (target_explained, target_features),
}
"""Tables whose rows belong to one row of another and go with its content."""


def drop_dependants(database: Database, key: str) -> list[str]:
    """Make the row named `key` planned again, with all that was computed from it.

    Parameters
    ----------
    database
        The store.
    key
        32 hexadecimal digits: the key of a data set, activation set, set of directions, target or joint fit;
        or a fit key, which stands for its joint fit.

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
    with database.write(Commit.REBUILD) as connection:
        for level, (_, table, id_column) in enumerate(LEVELS):
            query = sa.select(table.c[id_column]).where(table.c.key == key)
            found = connection.scalar(query) if _is_key(key) else None
            if found is not None:
                ids = _sharing(connection, [int(found)]) if table is targets else [int(found)]
                return _drop(connection, level, ids)
        raise InputError(
            f"--rebuild: {shown(key)} names no data set, activation set, set of directions, target or joint "
            f"fit in {database.label}; copy a key from a view"
        )


def _is_key(text: str) -> bool:
    return len(text) == 32 and all(character in "0123456789abcdef" for character in text)


def _drop(connection: sa.Connection, level: int, ids: list[int], sources: Sequence[int] = ()) -> list[str]:
    """Drop rows of one level and, level by level, what rests on them; return a line a level.

    `sources` are directions without probes, which rest on a data set without activations between them.
    """
    name, table, id_column = LEVELS[level]
    if not ids and not sources:
        return []
    if table is joint_fits:
        matrices = _select(connection, joint_fits.c.psm_id, joint_fits.c.joint_id, ids)
        _drop_analyses(connection, _select(connection, targets.c.target_id, targets.c.psm_id, matrices))
        _delete_joints(connection, ids)
        return [f"dropped {len(ids)} {name}"]
    if table is targets:
        return [f"dropped {len(ids)} {name}", *_drop_matrices(connection, level + 1, ids)]
    _, child, child_id = LEVELS[level + 1]
    children = _select(connection, child.c[child_id], child.c[id_column], ids)
    said = [f"dropped {len(ids)} {name}"] if ids else []
    if table is direction_sets:
        said = _said_of_directions(connection, ids)
        children = sorted({*children, *_median_of(connection, ids)})
    elif table is activation_sets:
        children = sorted({*children, *sources})
    _clear(connection, table, id_column, ids)
    below = _sources(connection, ids) if table is datasets else ()
    return [*said, *_drop(connection, level + 1, children, below)]


def _said_of_directions(connection: sa.Connection, ids: list[int]) -> list[str]:
    """Return a line for probe sets and one for directions without probes, of which there are any."""
    d = direction_sets.c
    n_probed = len(_select(connection, d.direction_id, d.direction_id, ids, d.activation_id.is_not(None)))
    counts = {"probe sets": n_probed, "sets of directions without probes": len(ids) - n_probed}
    return [f"dropped {count} {name}" for name, count in counts.items() if count]


def _sources(connection: sa.Connection, dataset_ids: list[int]) -> list[int]:
    """Return the directions without probes of data sets."""
    d = direction_sets.c
    return _select(connection, d.direction_id, d.dataset_id, dataset_ids, d.activation_id.is_(None))


def _drop_matrices(connection: sa.Connection, level: int, target_ids: list[int]) -> list[str]:
    """Make targets planned again and drop the matrices that no other target uses, with their joint fits.

    A shared matrix depends on nothing that its targets do not share, so it is none of the dependants of what
    lies above one of them.
    """
    _drop_analyses(connection, target_ids)
    orphans = _orphans(connection, target_ids)
    joints = _select(connection, joint_fits.c.joint_id, joint_fits.c.psm_id, orphans)
    _clear(connection, targets, "target_id", target_ids)
    said = _drop(connection, level, joints)
    for part in parts(orphans):
        for table in (psm_entries, psm_measures, psm_resamples, psms):
            connection.execute(table.delete().where(table.c.psm_id.in_(part)))
    return said


def _median_of(connection: sa.Connection, direction_ids: list[int]) -> list[int]:
    """Return the targets of permuted labels whose C is the median of these directions, of the true labels."""
    d, other = direction_sets, direction_sets.alias("other")
    found: list[int] = []
    for part in parts(direction_ids):
        query = (
            sa.select(targets.c.target_id)
            .join(other, other.c.direction_id == targets.c.direction_id)
            .join(d, sa.and_(d.c.activation_id == other.c.activation_id, d.c.settings == other.c.settings))
            .where(d.c.direction_id.in_(part), d.c.label_replicate == -1)
            .where(other.c.label_replicate != -1, targets.c.rbf_scale == MEDIAN_RULE)
        )
        found.extend(int(row) for row in connection.scalars(query))
    return found


def _select(
    connection: sa.Connection,
    wanted: sa.Column[Any],
    column: sa.Column[Any],
    ids: Iterable[int],
    *conditions: sa.ColumnElement[bool],
) -> list[int]:
    """Return the distinct values of one column in the rows whose other column is among `ids`."""
    found: dict[int, None] = {}
    for part in parts(ids):
        query = sa.select(wanted).where(column.in_(part), wanted.is_not(None), *conditions).order_by(wanted)
        found.update(dict.fromkeys(int(value) for value in connection.scalars(query)))
    return list(found)


def _sharing(connection: sa.Connection, ids: list[int]) -> list[int]:
    """Return targets with those that share their matrices."""
    matrices = _select(connection, targets.c.psm_id, targets.c.target_id, ids)
    return sorted({*ids, *_select(connection, targets.c.target_id, targets.c.psm_id, matrices)})


def _orphans(connection: sa.Connection, ids: list[int]) -> list[int]:
    """Return the matrices that no target but these uses."""
    matrices = _select(connection, targets.c.psm_id, targets.c.target_id, ids)
    dropped = set(ids)
    users: dict[int, set[int]] = {}
    for part in parts(matrices):
        query = sa.select(targets.c.psm_id, targets.c.target_id).where(targets.c.psm_id.in_(part))
        for psm_id, target_id in connection.execute(query):
            users.setdefault(psm_id, set()).add(target_id)
    return [psm_id for psm_id in matrices if users[psm_id] <= dropped]


def _drop_analyses(connection: sa.Connection, target_ids: Iterable[int]) -> None:
    """Drop the analysis of every study that reads one of these targets; its next run makes it again."""
    of_blocks = _select(connection, block_targets.c.block_id, block_targets.c.target_id, target_ids)
    for part in parts(_select(connection, blocks.c.study_id, blocks.c.block_id, of_blocks)):
        for table in (best_match, layer_pairs, study_answers, measure_tests, analyses):
            connection.execute(table.delete().where(table.c.study_id.in_(part)))


def _clear(connection: sa.Connection, table: sa.Table, id_column: str, ids: list[int]) -> None:
    """Make rows planned again and delete what they alone own."""
    values = {**RESET[table.name], "status": "planned", "reason": "", "run_id": None}
    for part in parts(ids):
        for child in OWNED.get(table.name, ()):
            connection.execute(child.delete().where(child.c[id_column].in_(part)))
        connection.execute(table.update().where(table.c[id_column].in_(part)).values(values))


def _delete_joints(connection: sa.Connection, ids: Iterable[int]) -> None:
    for part in parts(ids):
        for table in (fit_arrays, fits, importance, joint_fits):
            connection.execute(table.delete().where(table.c.joint_id.in_(part)))
