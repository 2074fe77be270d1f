"""Missing and finished rows of the stage `psms`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.failures import not_quarantined
from superpos.db.insert import ids_by_key, insert_missing, parts, still_planned
from superpos.db.leases import not_leased
from superpos.db.studies import study_target_ids
from superpos.db.tables import datasets, direction_rows, direction_sets, features, psm_entries, psms, targets
from superpos.hashing import array_digest
from superpos.kinds.controls import FEATURES
from superpos.records.work import Directions, PsmResult, TargetWork
from superpos.specs.study import MEDIAN_RULE

BATCH = 1000
"""Matrices read at a time."""


def missing_targets(
    database: Database, study_id: int, limit: int, *, free: bool = False, of_samples: Sequence[str] = ()
) -> tuple[TargetWork, ...]:
    """Return up to `limit` of a study's targets that have no matrix though their probes are trained.

    With `free` those that another run is working on are left out; those that take samples always are, which
    controls `of_samples` and the space `pattern` do. Controls of labels under the rule `median` also wait for
    the probes of the true labels, whose C they take.
    """
    conditions = (
        *_ready(study_id),
        ~_takes_samples(of_samples),
        *([not_leased("psms", targets.c.key)] if free else []),
    )
    return _works(database, conditions, limit)


def count_missing(database: Database, study_id: int, of_samples: Sequence[str]) -> int:
    """Return how many targets `missing_targets` would give, those of other runs included."""
    query = (
        sa.select(sa.func.count())
        .select_from(targets)
        .join(direction_sets, direction_sets.c.direction_id == targets.c.direction_id)
        .where(*_ready(study_id), ~_takes_samples(of_samples))
    )
    with database.read() as connection:
        return int(connection.scalar(query) or 0)


def missing_sampled(
    database: Database, study_id: int, of_samples: Sequence[str]
) -> tuple[tuple[int, bytes, int, bool], ...]:
    """Return the targets of a study that take samples and have no matrix though their probes are trained.

    Each is its id, its key, the id of its directions, and whether these are of probes.
    """
    t, d = targets.c, direction_sets.c
    query = (
        sa.select(t.target_id, t.key, d.direction_id, d.activation_id.is_not(None))
        .join(direction_sets, d.direction_id == t.direction_id)
        .where(*_ready(study_id), _takes_samples(of_samples))
        .order_by(t.target_id)
    )
    with database.read() as connection:
        return tuple((row[0], row[1], row[2], bool(row[3])) for row in connection.execute(query))


def _takes_samples(of_samples: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.or_(targets.c.kind.in_(of_samples), targets.c.space == "pattern")


def _ready(study_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions of a study's targets that lack a matrix and can have one now."""
    t = targets.c
    reference = direction_sets.alias("reference")
    no_reference_yet = sa.exists().where(
        direction_sets.c.label_replicate != -1,
        t.rbf_scale == MEDIAN_RULE,
        reference.c.activation_id == direction_sets.c.activation_id,
        reference.c.settings == direction_sets.c.settings,
        reference.c.label_replicate == -1,
        reference.c.status == "planned",
    )
    return (
        t.status == "planned",
        direction_sets.c.status == "done",
        t.target_id.in_(study_target_ids(study_id)),
        ~no_reference_yet,
        sa.or_(t.space != "whitened", direction_sets.c.coef_whitened.is_not(None)),
        not_quarantined("psms", t.key),
    )


def without_matrix(database: Database, keys: Collection[bytes]) -> set[bytes]:
    """Return which of these targets have no matrix yet."""
    return still_planned(database, targets, keys)


def target_works(database: Database, target_ids: Sequence[int]) -> tuple[TargetWork, ...]:
    """Return the work of targets by id, whether they have a matrix or not."""
    return _works(database, (targets.c.target_id.in_(target_ids),), len(target_ids))


def with_phi(database: Database, study_id: int) -> Iterator[tuple[str, Float, Float]]:
    """Yield key, matrix (n, n) and phi coefficients (n, n) of a study's targets whose rows have labels."""
    t = targets.c
    query = (
        sa.select(t.target_id, t.key, t.direction_id, psms.c.matrix)
        .join(psms, psms.c.psm_id == t.psm_id)
        .where(t.target_id.in_(study_target_ids(study_id)))
        .order_by(t.target_id)
        .limit(BATCH)
    )
    last = -1
    while True:
        with database.read() as connection:
            rows = connection.execute(query.where(t.target_id > last)).all()
            phis = label_phi(connection, {row.direction_id for row in rows})
        for row in rows:
            phi = phis.get(row.direction_id)
            if phi is not None:
                yield row.key.hex(), row.matrix, phi
        if len(rows) < BATCH:
            return
        last = rows[-1].target_id


def _works(
    database: Database, conditions: tuple[sa.ColumnElement[bool], ...], limit: int
) -> tuple[TargetWork, ...]:
    t, d = targets.c, direction_sets.c
    query = (
        sa.select(
            t.target_id, t.key, d.key, t.space, t.kind, t.replicate, t.similarity, t.rbf_scale,
            t.fit_two_classes, t.direction_id, d.activation_id, d.settings, d.label_replicate,
        )
        .join(direction_sets, d.direction_id == t.direction_id)
        .where(*conditions)
        .order_by(t.target_id)
        .limit(limit)
    )  # fmt: skip
    with database.read() as connection:
        rows = connection.execute(query).all()
        own = {row.direction_id for row in rows}
        references = _references(connection, rows)
        arrays = _directions(connection, own | set(references.values()))
        phis = label_phi(connection, own)
    return tuple(
        TargetWork(
            *row[:8],
            fit_two_classes=bool(row.fit_two_classes),
            phi=phis.get(row.direction_id),
            directions=arrays[row.direction_id],
            reference=arrays[references[row.target_id]] if row.target_id in references else None,
        )
        for row in rows
    )


def _directions(connection: sa.Connection, ids: Collection[int]) -> dict[int, Directions]:
    """Return the arrays of sets of directions by id, each read once however many targets rest on it."""
    c = direction_sets.c
    query = sa.select(c.direction_id, c.coef_raw, c.coef_scaled, c.coef_whitened, c.matrix)
    return {
        row[0]: Directions(*row[1:])
        for part in parts(sorted(ids))
        for row in connection.execute(query.where(c.direction_id.in_(part)))
    }


def _references(connection: sa.Connection, rows: Iterable[Any]) -> dict[int, int]:
    """Return by target the set of the true labels, where C is their median and not the control's."""
    c = direction_sets.c
    found: dict[int, int] = {}
    for row in rows:
        if row.label_replicate == -1 or row.rbf_scale != MEDIAN_RULE:
            continue
        query = sa.select(c.direction_id).where(
            c.activation_id == row.activation_id,
            c.label_replicate == -1,
            c.settings == row.settings,
            c.status == "done",
        )
        direction_id = connection.scalar(query)
        if direction_id is not None:
            found[row.target_id] = direction_id
    return found


def label_phi(connection: sa.Connection, ids: Collection[int]) -> dict[int, Float]:
    """Return by set of directions the phi coefficients of its rows; none where rows have no labels."""
    d, r, f = direction_sets.c, direction_rows.c, features.c
    query = (
        sa.select(r.direction_id, d.dataset_id, d.n_features, f.feature_index)
        .join(direction_sets, d.direction_id == r.direction_id)
        .join(features, sa.and_(f.dataset_id == d.dataset_id, f.feature == r.feature))
        .order_by(r.direction_id, r.row_index)
    )
    places: dict[tuple[int, int, int], list[int]] = {}
    for part in parts(sorted(ids)):
        for row in connection.execute(query.where(r.direction_id.in_(part))):
            places.setdefault((row[0], row[1], row[2]), []).append(row[3])
    stored = {
        row[0]: row[1]
        for part in parts(sorted({dataset_id for _, dataset_id, _ in places}))
        for row in connection.execute(
            sa.select(datasets.c.dataset_id, datasets.c.phi).where(datasets.c.dataset_id.in_(part))
        )
    }
    return {
        direction_id: stored[dataset_id][np.ix_(rows, rows)]
        for (direction_id, dataset_id, n_features), rows in places.items()
        if stored[dataset_id] is not None and len(rows) == n_features
    }


class NearCopies(NamedTuple):
    """Two features of a set whose directions are almost parallel at every layer."""

    dataset: str
    feature_a: str
    feature_b: str
    cosine: float
    """The smallest in size over layers, models and settings."""


def near_copies(database: Database, study: str) -> list[NearCopies]:
    """Return the pairs of the view `near_copies`, each once however many models and settings have it."""
    view = sa.table(
        "near_copies", *map(sa.column, ("study", *NearCopies._fields[:3], "value_min", "value_max"))
    )
    c = view.c
    query = (
        sa.select(
            c.dataset,
            c.feature_a,
            c.feature_b,
            sa.func.min(c.value_min).label("low"),
            sa.func.max(c.value_max).label("high"),
        )
        .where(c.study == study)
        .group_by(c.dataset, c.feature_a, c.feature_b)
        .order_by(c.dataset, c.feature_a, c.feature_b)
    )
    with database.read() as connection:
        return [
            NearCopies(
                dataset=row.dataset,
                feature_a=row.feature_a,
                feature_b=row.feature_b,
                cosine=min(row.low, row.high, key=abs),
            )
            for row in connection.execute(query)
        ]


def finish_targets(database: Database, results: list[PsmResult], run_id: int) -> None:
    """Write matrices, each once however many targets share it, and point the targets at them."""
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "psms")
        insert_missing(connection, psms, [_row(result, run_id) for result in results])
        ids = ids_by_key(connection, psms, "psm_id", (result.key for result in results))
        entries = []
        for result in results:
            psm_id = ids[result.key]
            connection.execute(
                targets.update()
                .where(targets.c.target_id == result.target_id, targets.c.status == "planned")
                .values(psm_id=psm_id, status="done", run_id=run_id)
            )
            if result.record.kind == FEATURES:
                entries.extend(_entries(psm_id, result))
        insert_missing(connection, psm_entries, entries)


def refuse_targets(database: Database, reasons: dict[int, str], run_id: int) -> None:
    """Mark targets that have no matrix (a control that does not exist for this input) as not applicable."""
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "psms")
        for target_id, reason in reasons.items():
            connection.execute(
                targets.update()
                .where(targets.c.target_id == target_id, targets.c.status == "planned")
                .values(status="not_applicable", reason=reason, run_id=run_id)
            )


def _row(result: PsmResult, run_id: int) -> dict[str, Any]:
    record = result.record
    ratios = (None, None, None) if record.ratio_quartiles is None else record.ratio_quartiles.tolist()
    return {
        "key": result.key,
        "similarity": record.similarity,
        "n_features": int(record.matrix.shape[0]),
        "rbf_scale_resolved": record.rbf_scale_resolved,
        "matrix": record.matrix,
        "value_q25": float(record.quartiles[0]),
        "value_median": float(record.quartiles[1]),
        "value_q75": float(record.quartiles[2]),
        "exponent_q25": ratios[0],
        "exponent_median": ratios[1],
        "exponent_q75": ratios[2],
        "min_eigenvalue": record.min_eigenvalue,
        "rank": record.rank,
        "warning": record.message,
        "content_digest": array_digest(record.matrix),
        "run_id": run_id,
    }


def _entries(psm_id: int, result: PsmResult) -> list[dict[str, Any]]:
    matrix = result.record.matrix
    n = matrix.shape[0]
    return [
        {"psm_id": psm_id, "row_a": i, "row_b": j, "value": float(matrix[i, j])}
        for i in range(n)
        for j in range(i + 1, n)
    ]
