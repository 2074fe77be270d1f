"""Matrices of a study that lack a measure, and the values of measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.engine import Database, take_turns
from superpos.db.insert import insert_missing
from superpos.db.studies import study_target_ids
from superpos.db.tables import psm_measures, psms, targets


def _of_study(study_id: int) -> sa.ColumnElement[bool]:
    """Return the condition that a target of a study has this matrix."""
    of_targets = targets.c.target_id.in_(study_target_ids(study_id))
    return psms.c.psm_id.in_(sa.select(targets.c.psm_id).where(of_targets, targets.c.psm_id.is_not(None)))


def similarities(database: Database, study_id: int) -> tuple[str, ...]:
    """Return the similarities that a study has matrices of."""
    query = sa.select(psms.c.similarity).where(_of_study(study_id)).distinct().order_by(psms.c.similarity)
    with database.read() as connection:
        return tuple(connection.scalars(query))


def unmeasured(
    database: Database, study_id: int, similarity: str, versions: Mapping[str, int], limit: int | None = None
) -> list[int]:
    """Return the ids of matrices of one similarity that have neither a value nor NULL of some measure.

    Parameters
    ----------
    database
        Where.
    study_id
        The study.
    similarity
        Of the matrices.
    versions
        Version of each measure that is wanted; a value of another version does not count.
    limit
        Most ids; all by default.
    """
    m = psm_measures.c
    wanted = [sa.and_(m.measure == name, m.version == version) for name, version in versions.items()]
    if not wanted:
        return []
    n_known = (
        sa.select(sa.func.count())
        .select_from(psm_measures)
        .where(m.psm_id == psms.c.psm_id, sa.or_(*wanted))
        .scalar_subquery()
    )
    query = (
        sa.select(psms.c.psm_id)
        .where(_of_study(study_id), psms.c.similarity == similarity, n_known < len(wanted))
        .order_by(psms.c.psm_id)
        .limit(limit)
    )
    with database.read() as connection:
        return list(connection.scalars(query))


def matrices(database: Database, psm_ids: Sequence[int]) -> list[Float]:
    """Return similarity matrices (n, n) in the order of their ids."""
    query = sa.select(psms.c.psm_id, psms.c.matrix).where(psms.c.psm_id.in_(psm_ids))
    with database.read() as connection:
        found: dict[int, Float] = {row[0]: row[1] for row in connection.execute(query)}
    return [found[psm_id] for psm_id in psm_ids]


def finish_measures(
    database: Database,
    psm_ids: Sequence[int],
    values: Mapping[str, Float],
    versions: Mapping[str, int],
) -> None:
    """Write measures of matrices, those of another version in place of them.

    Parameters
    ----------
    database
        Where.
    psm_ids
        The matrices.
    values
        By measure an array (len(psm_ids),); the column type makes NaN to NULL.
    versions
        By measure its version.
    """
    m = psm_measures.c
    rows: list[dict[str, Any]] = [
        {"psm_id": psm_id, "measure": name, "version": versions[name], "value": float(value)}
        for name, column in values.items()
        for psm_id, value in zip(psm_ids, column, strict=True)
    ]
    with database.write() as connection:
        take_turns(connection, "psms")
        for name in values:
            connection.execute(
                psm_measures.delete().where(
                    m.psm_id.in_(psm_ids), m.measure == name, m.version != versions[name]
                )
            )
        insert_missing(connection, psm_measures, rows)
