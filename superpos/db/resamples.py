"""Matrices of bootstrapped probes, and the intervals of measures that are made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.measures import Place, of_study
from superpos.db.tables import psm_measures, psm_resamples, psms
from superpos.kinds.potentials import Potential


class Stored(NamedTuple):
    """A measure of a matrix as it is stored."""

    measure: str
    place: Place
    version: int
    value: float
    """NaN where it is not defined."""


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """A matrix with the matrices of its bootstrapped probes."""

    psm_id: int
    similarity: str
    matrices: Float
    """(B, n, n); NaN in the rows of a feature that the bootstrap lost."""
    width: float
    """Dimensions of the space of the features; NaN if unknown."""
    stored: tuple[Stored, ...]


class Ends(NamedTuple):
    """The interval of a measure; NaN where there is none."""

    psm_id: int
    measure: str
    place: Place
    low: float
    high: float
    n_bootstraps: int


def without_interval(
    database: Database, study_id: int, measures: Sequence[str], limit: int | None = None
) -> list[int]:
    """Return the matrices of a study that have bootstraps, of which a measure's interval was not made yet."""
    m, r = psm_measures.c, psm_resamples.c
    query = (
        sa.select(psms.c.psm_id)
        .join(psm_resamples, r.psm_id == psms.c.psm_id)
        .where(of_study(study_id))
        .where(
            sa.exists(
                sa.select(m.psm_id).where(
                    m.psm_id == psms.c.psm_id, m.n_dims == 0, m.measure.in_(measures),
                    m.n_bootstraps != r.n_resamples,
                )
            )
        )
        .order_by(psms.c.psm_id)
        .limit(limit)
    )  # fmt: skip
    with database.read() as connection:
        return list(connection.scalars(query))


def resampled(database: Database, psm_ids: Sequence[int], widths: Mapping[int, float]) -> list[Resampled]:
    """Return matrices with their bootstraps and their measures without a dimension, in order of the ids."""
    r, m = psm_resamples.c, psm_measures.c
    wanted = (
        sa.select(psms.c.psm_id, psms.c.similarity, psms.c.n_features, r.entries)
        .join(psm_resamples, r.psm_id == psms.c.psm_id)
        .where(psms.c.psm_id.in_(psm_ids))
    )
    columns = (m.psm_id, m.measure, m.energy, m.s, m.softening, m.version, m.value)
    known = sa.select(*columns).where(m.psm_id.in_(psm_ids), m.n_dims == 0)
    stored: dict[int, list[Stored]] = {psm_id: [] for psm_id in psm_ids}
    with database.read() as connection:
        for psm_id, measure, energy, s, softening, version, value in connection.execute(known):
            place = Place(Potential(energy, s, softening) if energy else None)
            number = float("nan") if value is None else value
            stored[psm_id].append(Stored(measure, place, version, number))
        rows = {row[0]: row for row in connection.execute(wanted)}
    return [
        Resampled(psm_id, row[1], _matrices(row[3], row[2]), widths[psm_id], tuple(stored[psm_id]))
        for psm_id in psm_ids
        for row in [rows[psm_id]]
    ]


def _matrices(entries: Float, n: int) -> Float:
    """Return matrices (B, n, n) with a diagonal of 1 from the entries of their pairs i < j."""
    first, second = np.triu_indices(n, 1)
    found = np.tile(np.eye(n), (len(entries), 1, 1))
    found[:, first, second] = found[:, second, first] = entries
    return found


def finish_intervals(database: Database, found: Sequence[Ends]) -> None:
    """Write intervals of measures."""
    m = psm_measures.c
    names = ("psm_id", "measure", "energy", "s", "softening", "n_dims")
    statement = (
        psm_measures.update()
        .where(*(m[name] == sa.bindparam(f"of_{name}") for name in names))
        .values(
            value_low=sa.bindparam("low"),
            value_high=sa.bindparam("high"),
            n_bootstraps=sa.bindparam("count"),
        )
    )
    rows: list[dict[str, Any]] = []
    for one in found:
        of = {"psm_id": one.psm_id, "measure": one.measure, **one.place.columns}
        where = {f"of_{name}": value for name, value in of.items()}
        rows.append({**where, "low": one.low, "high": one.high, "count": one.n_bootstraps})
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "psms")
        if rows:
            connection.execute(statement, rows)


def resampled_ids(database: Database, study_id: int) -> dict[str, int]:
    """Return the matrices of a study that have bootstraps: ids by their keys, as views show them."""
    query = (
        sa.select(psms.c.key, psms.c.psm_id)
        .join(psm_resamples, psm_resamples.c.psm_id == psms.c.psm_id)
        .where(of_study(study_id))
    )
    with database.read() as connection:
        return {key.hex(): int(psm_id) for key, psm_id in connection.execute(query)}
