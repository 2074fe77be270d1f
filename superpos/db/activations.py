"""Missing and finished rows of the stage `activations`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict

import sqlalchemy as sa

from superpos.db.commits import Commit
from superpos.db.datasets import check_same
from superpos.db.engine import Database, take_turns
from superpos.db.failures import not_quarantined
from superpos.db.insert import insert_missing, still_planned
from superpos.db.studies import study_direction_ids
from superpos.db.tables import (
    activation_sets,
    datasets,
    direction_sets,
    models,
    shards,
)
from superpos.hashing import text_digest
from superpos.records.data import ActivationInfo, Shard
from superpos.records.work import ActivationWork


def missing_activations(database: Database, study_id: int) -> tuple[ActivationWork, ...]:
    """Return a study's activation sets that are not extracted though their data set is built."""
    a, d = activation_sets.c, direction_sets.c
    of_study = sa.select(d.activation_id).where(d.direction_id.in_(study_direction_ids(study_id)))
    return _activation_works(
        database,
        a.status == "planned",
        datasets.c.status == "done",
        a.activation_id.in_(of_study),
        not_quarantined("activations", a.key),
    )


def without_activations(database: Database, keys: Collection[bytes]) -> set[bytes]:
    """Return which of these activation sets have not been extracted yet."""
    return still_planned(database, activation_sets, keys)


def activation_works(database: Database, keys: Collection[bytes]) -> tuple[ActivationWork, ...]:
    """Return activation sets by key, finished or not, to be extracted again."""
    return _activation_works(database, activation_sets.c.key.in_(sorted(keys)))


def _activation_works(database: Database, *conditions: sa.ColumnElement[bool]) -> tuple[ActivationWork, ...]:
    a = activation_sets.c
    query = (
        sa.select(
            a.activation_id, a.key, models.c.key, datasets.c.key, a.hookpoint, a.layer, a.pooling, a.dtype
        )
        .join(models, models.c.model_id == a.model_id)
        .join(datasets, datasets.c.dataset_id == a.dataset_id)
        .where(*conditions)
        .order_by(a.activation_id)
    )
    with database.read() as connection:
        return tuple(ActivationWork(*row) for row in connection.execute(query))


def finish_activations(
    database: Database, results: list[tuple[ActivationWork, ActivationInfo]], digest: str, run_id: int
) -> None:
    """Write shape, shards and status of activations; a non-finite or constant layer is not applicable.

    Parameters
    ----------
    database
        The store.
    results
        Work and what extraction said of it.
    digest
        Content digest of the data set that was read.
    run_id
        The run that extracted.

    Raises
    ------
    ContentChangedError
        If an activation set that probes rest on has other content now.
    """
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "activations")
        for work, info in results:
            content = text_digest("".join(shard.sha256 for shard in info.shards))
            a = activation_sets.c
            stored = connection.scalar(
                sa.select(a.content_digest).where(a.activation_id == work.activation_id)
            )
            if stored is not None:
                check_same("activations", work.key, stored, content)
                continue
            usable = info.status == "ok"
            connection.execute(
                activation_sets.update()
                .where(a.activation_id == work.activation_id)
                .values(
                    n_rows=info.n_rows,
                    d_hook=info.d_hook,
                    n_constant=info.n_constant,
                    agreement=info.agreement,
                    dataset_digest=digest,
                    content_digest=content if usable else None,
                    status="done" if usable else "not_applicable",
                    reason="" if usable else _refusal(info),
                    run_id=run_id,
                )
            )
            rows = [
                {"activation_id": work.activation_id, "shard_index": index, **asdict(shard)}
                for index, shard in enumerate(info.shards)
            ]
            insert_missing(connection, shards, rows)


def _refusal(info: ActivationInfo) -> str:
    """Return why activations cannot be probed."""
    reasons = {
        "non_finite": f"activations hold NaN or infinities in {info.dtype}",
        "constant": "every sample has the same activations",
    }
    return f"{info.status}: {reasons[info.status]}"


def read_shard_rows(connection: sa.Connection, activation_id: int) -> tuple[Shard, ...]:
    """Return the shards of an activation set in order."""
    c = shards.c
    query = (
        sa.select(c.path, c.n_rows, c.width, c.dtype, c.sha256)
        .where(c.activation_id == activation_id)
        .order_by(c.shard_index)
    )
    return tuple(Shard(*row) for row in connection.execute(query))
