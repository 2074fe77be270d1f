"""Missing and finished rows of the stage `probes`: trained probes, and directions that take their place.

Those that take their place are rows of a matrix of a model, imported vectors and imported matrices: sources,
for short. Their data set names what is read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from superpos.db.activations import read_shard_rows
from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.failures import not_quarantined
from superpos.db.insert import still_planned
from superpos.db.studies import study_direction_ids
from superpos.db.tables import (
    activation_sets,
    datasets,
    direction_rows,
    direction_sets,
    models,
    probes,
    targets,
)
from superpos.errors import ArgumentError
from superpos.hashing import array_digest, content_key
from superpos.records.data import ProbeMetrics, ProbeSet
from superpos.records.work import DirectionResult, DirectionWork, SourceResult, SourceWork
from superpos.specs.probes import ProbeSettings


def missing_directions(database: Database, study_id: int) -> tuple[DirectionWork, ...]:
    """Return a study's probe sets that are not trained though their activations are there."""
    d = direction_sets.c
    of_study = d.direction_id.in_(study_direction_ids(study_id))
    return _direction_works(database, d.status == "planned", of_study, not_quarantined("probes", d.key))


def without_directions(database: Database, keys: Collection[bytes]) -> set[bytes]:
    """Return which of these sets of directions have not been made yet."""
    return still_planned(database, direction_sets, keys)


def direction_works(database: Database, direction_ids: Collection[int]) -> tuple[DirectionWork, ...]:
    """Return the work of probe sets by id, whether they are trained or not."""
    return _direction_works(database, direction_sets.c.direction_id.in_(direction_ids))


def direction_works_by_key(database: Database, keys: Collection[bytes]) -> tuple[DirectionWork, ...]:
    """Return the work of probe sets by key."""
    return _direction_works(database, direction_sets.c.key.in_(keys)) if keys else ()


def _direction_works(database: Database, *conditions: sa.ColumnElement[bool]) -> tuple[DirectionWork, ...]:
    d, a = direction_sets.c, activation_sets.c
    query = (
        sa.select(
            d.direction_id, d.key, a.key, datasets.c.key, a.content_digest, a.activation_id, d.settings,
            d.label_replicate,
        )
        .join(activation_sets, a.activation_id == d.activation_id)
        .join(datasets, datasets.c.dataset_id == a.dataset_id)
        .where(a.status == "done", *conditions)
        .order_by(d.direction_id)
    )  # fmt: skip
    with database.read() as connection:
        rows = connection.execute(query).all()
        return tuple(
            DirectionWork(
                direction_id=row[0],
                key=row[1],
                activation_key=row[2],
                dataset_key=row[3],
                activation_digest=row[4],
                shards=read_shard_rows(connection, row[5]),
                settings=ProbeSettings(**row[6]),
                label_replicate=row[7],
            )
            for row in rows
        )


def finish_directions(database: Database, results: list[DirectionResult], run_id: int) -> None:
    """Write trained probes with their metrics; a set of fewer than two directions is not applicable."""
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "probes")
        for result in results:
            values: dict[str, Any] = {
                "status": "done" if not result.reason else "not_applicable",
                "reason": result.reason,
                "activation_digest": result.activation_digest,
                "run_id": run_id,
            }
            found = result.probes
            if found is not None:
                values.update(_arrays(found), coef_whitened=result.whitened)
            if not finish_set(connection, result.direction_id, values) or found is None:
                continue
            insert_rows(connection, result.direction_id, found.feature_names)
            key = connection.scalar(
                sa.select(direction_sets.c.key).where(direction_sets.c.direction_id == result.direction_id)
            )
            assert key is not None  # noqa: S101 (the row was just updated)
            rows_of = {name: row for row, name in enumerate(found.feature_names)}
            connection.execute(
                probes.insert(),
                [
                    {
                        **_metrics(metrics),
                        "direction_id": result.direction_id,
                        "feature_index": index,
                        "key": probe_key(key, metrics.feature),
                        "row_index": rows_of.get(metrics.feature),
                    }
                    for index, metrics in enumerate(found.metrics)
                ],
            )


def probe_key(direction_key: bytes, feature: str) -> bytes:
    """Return the key of a feature's probe among directions."""
    return content_key("probe", 1, {"feature": feature}, [direction_key])


def _arrays(found: ProbeSet) -> dict[str, Any]:
    return {
        "n_features": len(found.feature_names),
        "d_hook": int(found.scale.shape[-1]),
        "coef_raw": found.coef_raw,
        "coef_scaled": found.coef_scaled,
        "intercept": found.intercept,
        "scale": found.scale,
        "label_permutation": found.label_permutation,
        "permutation_note": found.permutation_note,
        "content_digest": array_digest(found.coef_raw, found.intercept),
    }


def _metrics(metrics: ProbeMetrics) -> dict[str, Any]:
    """Return the metrics that have a column."""
    return {name: value for name, value in asdict(metrics).items() if name in probes.c}


def finish_set(connection: sa.Connection, direction_id: int, values: dict[str, Any]) -> bool:
    """Write a set of directions unless another run has; whether it was written."""
    c = direction_sets.c
    changed = connection.execute(
        direction_sets.update().where(c.direction_id == direction_id, c.status == "planned").values(values)
    )
    return changed.rowcount > 0


def insert_rows(connection: sa.Connection, direction_id: int, names: Sequence[str]) -> None:
    """Write the names of a set's rows."""
    connection.execute(
        direction_rows.insert(),
        [{"direction_id": direction_id, "row_index": row, "feature": name} for row, name in enumerate(names)],
    )


def pass_on_refusals(database: Database) -> None:
    """Mark what rests on a refused layer or probe set as not applicable, with the same reason."""
    with database.write(Commit.REFUSALS) as connection:
        for child, parent, column in (
            (direction_sets, activation_sets, "activation_id"),
            (targets, direction_sets, "direction_id"),
        ):
            reason = sa.select(parent.c.reason).where(parent.c[column] == child.c[column]).scalar_subquery()
            refused = sa.select(parent.c[column]).where(parent.c.status == "not_applicable")
            connection.execute(
                child.update()
                .where(child.c.status == "planned", child.c[column].in_(refused))
                .values(status="not_applicable", reason=reason)
            )


def missing_sources(database: Database, study_id: int) -> tuple[SourceWork, ...]:
    """Return a study's directions without probes that are not there though their data set is built."""
    d = direction_sets.c
    return _source_works(
        database,
        d.status == "planned",
        datasets.c.status == "done",
        d.direction_id.in_(study_direction_ids(study_id)),
        not_quarantined("probes", d.key),
    )


def source_works(database: Database, direction_ids: Collection[int]) -> tuple[SourceWork, ...]:
    """Return the work of directions without probes by id, whether they are there or not."""
    return _source_works(database, direction_sets.c.direction_id.in_(direction_ids))


def source_works_by_key(database: Database, keys: Collection[bytes]) -> tuple[SourceWork, ...]:
    """Return the work of directions without probes by key."""
    return _source_works(database, direction_sets.c.key.in_(keys)) if keys else ()


def _source_works(database: Database, *conditions: sa.ColumnElement[bool]) -> tuple[SourceWork, ...]:
    d = direction_sets.c
    query = (
        sa.select(d.direction_id, d.key, datasets.c.key, models.c.key, d.hookpoint)
        .join(datasets, datasets.c.dataset_id == d.dataset_id)
        .outerjoin(models, models.c.model_id == d.model_id)
        .where(d.activation_id.is_(None), *conditions)
        .order_by(d.direction_id)
    )
    with database.read() as connection:
        return tuple(SourceWork(*row) for row in connection.execute(query))


def finish_sources(database: Database, results: list[SourceResult], run_id: int) -> None:
    """Write directions without probes; those that are refused are not applicable, with the reason.

    Raises
    ------
    ArgumentError
        If a result without a reason has neither vectors nor a matrix, or both, or names other than its rows.
    """
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "probes")
        for result in results:
            values: dict[str, Any] = {
                "status": "not_applicable" if result.reason else "done",
                "reason": result.reason,
                "run_id": run_id,
            }
            if not result.reason:
                values.update(_source_arrays(result))
            if finish_set(connection, result.direction_id, values) and not result.reason:
                insert_rows(connection, result.direction_id, result.feature_names)


def left_out_rows(result: SourceResult) -> list[dict[str, str]] | None:
    """Return the copies without a row as JSON data, None where there are none."""
    return [asdict(copy) | {"status": str(copy.status)} for copy in result.copies] or None


def _source_arrays(result: SourceResult) -> dict[str, Any]:
    given = [array for array in (result.vectors, result.matrix) if array is not None]
    if len(given) != 1 or len(given[0]) != len(result.feature_names):
        raise ArgumentError(
            "results",
            f"directions {result.direction_id} need either vectors or a matrix, a row for each of "
            f"{len(result.feature_names)} names",
        )
    return {
        "n_features": len(result.feature_names),
        "d_hook": None if result.vectors is None else int(result.vectors.shape[1]),
        "coef_raw": result.vectors,
        "matrix": result.matrix,
        "matrix_similarity": result.similarity,
        "left_out": left_out_rows(result),
        "content_digest": array_digest(given[0]),
    }
