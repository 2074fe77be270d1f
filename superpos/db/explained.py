"""Targets of a study that lack what their matrices follow from, and its rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.insert import insert_missing, parts
from superpos.db.psms import label_phi
from superpos.db.studies import study_target_ids
from superpos.db.tables import (
    datasets,
    direction_rows,
    direction_sets,
    features,
    psms,
    target_explained,
    target_features,
    targets,
)
from superpos.kinds.controls import CONTROLS
from superpos.kinds.potentials import Potential
from superpos.records.explained import ExplainedRows, ExplainedWork
from superpos.specs.datasets import KNOWN_ORDER

_SPACES = {"raw": "coef_raw", "scaled": "coef_scaled", "whitened": "coef_whitened"}


def unexplained(
    database: Database, study_id: int, kernels: Sequence[Potential], version: int, limit: int | None = None
) -> list[int]:
    """Return the targets of a study with a matrix that lack rows of this version under some kernel."""
    e, t = target_explained.c, targets.c
    here = sa.select(sa.literal(1)).where(e.target_id == t.target_id, e.version == version)
    known = [
        here.where(
            e.predictor == "energy", e.energy == one.energy, e.s == one.s, e.softening == one.softening
        ).exists()
        for one in kernels
    ]
    query = (
        sa.select(t.target_id)
        .where(t.target_id.in_(study_target_ids(study_id)), t.psm_id.is_not(None))
        .where(~sa.and_(here.exists(), *known))
        .order_by(t.target_id)
        .limit(limit)
    )
    with database.read() as connection:
        return list(connection.scalars(query))


def explained_works(database: Database, target_ids: Sequence[int]) -> list[ExplainedWork]:
    """Return targets by their ids with what their entries may follow from."""
    t, d = targets.c, direction_sets.c
    query = (
        sa.select(t.target_id, t.kind, t.similarity, t.space, t.direction_id, d.dataset_id, psms.c.matrix)
        .join(psms, psms.c.psm_id == t.psm_id)
        .join(direction_sets, d.direction_id == t.direction_id)
        .where(t.target_id.in_(target_ids))
        .order_by(t.target_id)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
        own = {row.direction_id for row in rows}
        phis = label_phi(connection, own)
        named = _rows(connection, own)
        orders = _orders(connection, {row.dataset_id for row in rows})
        lengths = {
            space: _lengths(connection, {r.direction_id for r in rows if _has_lengths(r, space)}, space)
            for space in _SPACES
        }
    works = []
    for row in rows:
        names, positive, total, places = named[row.direction_id]
        order, n_listed = orders[row.dataset_id]
        common = bool(len(total)) and bool((total == total[0]).all()) and total[0] > 0
        works.append(
            ExplainedWork(
                target_id=row.target_id,
                kind=row.kind,
                similarity=row.similarity,
                matrix=row.matrix,
                features=names,
                phi=phis.get(row.direction_id),
                shares=positive / total if common else None,
                n_samples=int(total[0]) if common else 0,
                norms=lengths.get(row.space, {}).get(row.direction_id)
                if _has_lengths(row, row.space)
                else None,
                order=order,
                places=places,
                n_listed=n_listed,
            )
        )
    return works


def finish_explained(database: Database, found: Sequence[ExplainedRows], version: int) -> None:
    """Write rows of targets; those of another version give way."""
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "analysis")
        for table in (target_explained, target_features):
            for ids in parts([one.target_id for one in found]):
                connection.execute(
                    table.delete().where(table.c.target_id.in_(ids), table.c.version != version)
                )
        for table, rows in (
            (target_explained, [(one.target_id, row) for one in found for row in one.explained]),
            (target_features, [(one.target_id, row) for one in found for row in one.features]),
        ):
            values: list[Mapping[str, Any]] = [
                {**row, "target_id": target_id, "version": version} for target_id, row in rows
            ]
            insert_missing(connection, table, values)


def _rows(
    connection: sa.Connection, direction_ids: Collection[int]
) -> dict[int, tuple[tuple[str, ...], Float, Float, tuple[int, ...]]]:
    """Return by set of directions the names of its rows, their positives and samples, and their places.

    Positives and samples are 0 without labels; places are those in the data set, none where it lacks a row.
    """
    r, d, f = direction_rows.c, direction_sets.c, features.c
    query = (
        sa.select(
            r.direction_id,
            r.feature,
            sa.func.coalesce(f.n_positive, 0),
            sa.func.coalesce(f.n_positive + f.n_negative, 0),
            f.feature_index,
        )
        .join(direction_sets, d.direction_id == r.direction_id)
        .outerjoin(features, sa.and_(f.dataset_id == d.dataset_id, f.feature == r.feature))
        .order_by(r.direction_id, r.row_index)
    )
    found: dict[int, list[tuple[str, int, int, int | None]]] = {}
    for part in parts(sorted(direction_ids)):
        for direction_id, *row in connection.execute(query.where(r.direction_id.in_(part))):
            found.setdefault(direction_id, []).append((row[0], row[1], row[2], row[3]))
    return {
        direction_id: (
            tuple(name for name, _, _, _ in rows),
            np.array([positive for _, positive, _, _ in rows], dtype=np.float64),
            np.array([total for _, _, total, _ in rows], dtype=np.float64),
            tuple(place for _, _, _, place in rows if place is not None),
        )
        for direction_id, rows in found.items()
    }


def _orders(connection: sa.Connection, dataset_ids: Collection[int]) -> dict[int, tuple[str, int]]:
    """Return by data set the order that it states, and how many features it lists."""
    counts = (
        sa.select(features.c.dataset_id, sa.func.count().label("n"))
        .group_by(features.c.dataset_id)
        .subquery()
    )
    query = sa.select(datasets.c.dataset_id, datasets.c.specification, sa.func.coalesce(counts.c.n, 0))
    query = query.outerjoin(counts, counts.c.dataset_id == datasets.c.dataset_id)
    return {
        row[0]: (row[1].get("spec", {}).get("order", KNOWN_ORDER), int(row[2]))
        for part in parts(sorted(dataset_ids))
        for row in connection.execute(query.where(datasets.c.dataset_id.in_(part)))
    }


def _has_lengths(row: Any, space: str) -> bool:
    """Return whether the matrix of a target is that of its directions in a space, as they are."""
    if row.space != space or space not in _SPACES:
        return False
    control = CONTROLS.get(row.kind)
    return not control.is_control or control.draws_from == "labels"


def _lengths(connection: sa.Connection, direction_ids: Collection[int], space: str) -> dict[int, Float]:
    """Return the lengths of directions in a space, by set of directions."""
    d = direction_sets.c
    column = d[_SPACES[space]]
    query = sa.select(d.direction_id, column).where(column.is_not(None))
    return {
        direction_id: np.linalg.norm(rows, axis=1)
        for part in parts(sorted(direction_ids), 50)
        for direction_id, rows in connection.execute(query.where(d.direction_id.in_(part)))
    }
