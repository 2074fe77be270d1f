"""Missing and finished directions without probes: rows of a matrix of a model, imported vectors and matrices.

They belong to the stage `probes`, whose place they take; the data set names what is read.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from superpos.db.directions import finish_set, insert_rows
from superpos.db.engine import Database, take_turns
from superpos.db.failures import not_quarantined
from superpos.db.inputs import study_direction_ids
from superpos.db.tables_inputs import datasets, direction_sets, models
from superpos.errors import ArgumentError
from superpos.hashing import array_digest
from superpos.records.work import SourceResult, SourceWork


def missing_sources(database: Database, study_id: int) -> tuple[SourceWork, ...]:
    """Return a study's directions without probes that are not there though their data set is built."""
    d = direction_sets.c
    return _works(
        database,
        d.status == "planned",
        datasets.c.status == "done",
        d.direction_id.in_(study_direction_ids(study_id)),
        not_quarantined("probes", d.key),
    )


def source_works(database: Database, direction_ids: Collection[int]) -> tuple[SourceWork, ...]:
    """Return the work of directions without probes by id, whether they are there or not."""
    return _works(database, direction_sets.c.direction_id.in_(direction_ids))


def _works(database: Database, *conditions: sa.ColumnElement[bool]) -> tuple[SourceWork, ...]:
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
    with database.write() as connection:
        take_turns(connection, "probes")
        for result in results:
            values: dict[str, Any] = {
                "status": "not_applicable" if result.reason else "done",
                "reason": result.reason,
                "run_id": run_id,
            }
            if not result.reason:
                values.update(_arrays(result))
            if finish_set(connection, result.direction_id, values) and not result.reason:
                insert_rows(connection, result.direction_id, result.feature_names)


def left_out_rows(result: SourceResult) -> list[dict[str, str]] | None:
    """Return the copies without a row as JSON data, None where there are none."""
    return [asdict(copy) | {"status": str(copy.status)} for copy in result.copies] or None


def _arrays(result: SourceResult) -> dict[str, Any]:
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
