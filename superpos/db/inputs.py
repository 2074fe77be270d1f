"""Missing and finished rows of the stages `datasets`, `activations` and `probes`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database, take_turns
from superpos.db.failures import not_quarantined
from superpos.db.insert import insert_missing
from superpos.db.tables_fits import block_targets, blocks, targets
from superpos.db.tables_inputs import (
    activation_sets,
    datasets,
    direction_sets,
    features,
    models,
    probes,
    shards,
    study_datasets,
)
from superpos.errors import ContentChangedError
from superpos.hashing import array_digest, content_key, text_digest
from superpos.records.data import ActivationInfo, Shard
from superpos.records.work import ActivationWork, DatasetSummary, DirectionResult, DirectionWork
from superpos.specs.probes import ProbeSettings


def study_direction_ids(study_id: int) -> sa.Select[Any]:
    """Return the query of the direction sets that a study's targets rest on."""
    return (
        sa.select(targets.c.direction_id)
        .join(block_targets, block_targets.c.target_id == targets.c.target_id)
        .join(blocks, blocks.c.block_id == block_targets.c.block_id)
        .where(blocks.c.study_id == study_id)
    )


def missing_datasets(database: Database, study_id: int) -> tuple[bytes, ...]:
    """Return the keys of a study's data sets that are not built."""
    query = (
        sa.select(datasets.c.key)
        .join(study_datasets, study_datasets.c.dataset_id == datasets.c.dataset_id)
        .where(study_datasets.c.study_id == study_id, datasets.c.status == "planned")
        .where(not_quarantined("datasets", datasets.c.key))
        .order_by(datasets.c.dataset_id)
    )
    with database.read() as connection:
        return tuple(connection.scalars(query))


def dataset_digest(database: Database, key: bytes) -> str | None:
    """Return the content digest of a built data set, None if it is not built."""
    with database.read() as connection:
        return connection.scalar(sa.select(datasets.c.content_digest).where(datasets.c.key == key))


def finish_dataset(database: Database, key: bytes, summary: DatasetSummary, run_id: int) -> None:
    """Write counts, features and digest of a built data set.

    Raises
    ------
    ContentChangedError
        If results hang on other content under this key.
    """
    with database.write() as connection:
        take_turns(connection, "datasets")
        query = sa.select(datasets.c.dataset_id, datasets.c.content_digest).where(datasets.c.key == key)
        dataset_id, digest = connection.execute(query).one()
        if digest is not None:
            check_same("data set", key, digest, summary.content_digest)
            return
        connection.execute(
            datasets.update()
            .where(datasets.c.dataset_id == dataset_id)
            .values(
                n_documents=summary.n_documents,
                n_sequences=summary.n_sequences,
                n_tokens=summary.n_tokens,
                n_samples=summary.n_samples,
                phi=summary.phi,
                path=summary.path,
                content_digest=summary.content_digest,
                provenance=dict(summary.provenance),
                status="done",
                run_id=run_id,
            )
        )
        connection.execute(
            features.insert(),
            [
                {
                    "dataset_id": dataset_id,
                    "feature_index": index,
                    "feature": name,
                    "n_positive": positive,
                    "n_negative": negative,
                    "status": str(status),
                    "example": None if example is None else asdict(example),
                }
                for index, (name, positive, negative, status, example) in enumerate(summary.features)
            ],
        )


def check_same(what: str, key: bytes, stored: str, found: str) -> None:
    """Refuse content that differs from what results hang on.

    Raises
    ------
    ContentChangedError
        Naming the key and the way out.
    """
    if stored != found:
        raise ContentChangedError(
            f"{what} {key.hex()}: content_changed: results hang on content {stored[:12]}, it is now "
            f"{found[:12]} (another Python, library or device?); `superpos run STUDY --rebuild {key.hex()}` "
            "drops and remakes them"
        )


def missing_activations(database: Database, study_id: int) -> tuple[ActivationWork, ...]:
    """Return a study's activation sets that are not extracted though their data set is built."""
    a = activation_sets.c
    query = (
        sa.select(a.activation_id, a.key, models.c.key, datasets.c.key, a.hookpoint, a.layer, a.dtype)
        .join(models, models.c.model_id == a.model_id)
        .join(datasets, datasets.c.dataset_id == a.dataset_id)
        .where(a.status == "planned", datasets.c.status == "done")
        .where(
            a.activation_id.in_(
                sa.select(direction_sets.c.activation_id).where(
                    direction_sets.c.direction_id.in_(study_direction_ids(study_id))
                )
            )
        )
        .where(not_quarantined("activations", a.key))
        .order_by(a.activation_id)
    )
    with database.read() as connection:
        return tuple(ActivationWork(*row) for row in connection.execute(query))


def activation_works(database: Database, keys: Collection[bytes]) -> tuple[ActivationWork, ...]:
    """Return activation sets by key, finished or not, to be extracted again."""
    a = activation_sets.c
    query = (
        sa.select(a.activation_id, a.key, models.c.key, datasets.c.key, a.hookpoint, a.layer, a.dtype)
        .join(models, models.c.model_id == a.model_id)
        .join(datasets, datasets.c.dataset_id == a.dataset_id)
        .where(a.key.in_(sorted(keys)))
        .order_by(a.activation_id)
    )
    with database.read() as connection:
        return tuple(ActivationWork(*row) for row in connection.execute(query))


def finish_activations(
    database: Database, results: list[tuple[ActivationWork, ActivationInfo]], digest: str, run_id: int
) -> None:
    """Write shape, shards and status of extracted activations; a non-finite layer is not applicable.

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
    with database.write() as connection:
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
                    agreement=info.agreement,
                    dataset_digest=digest,
                    content_digest=content if usable else None,
                    status="done" if usable else "not_applicable",
                    reason=""
                    if usable
                    else f"{info.status}: activations hold NaN or infinities in {info.dtype}",
                    run_id=run_id,
                )
            )
            rows = [
                {"activation_id": work.activation_id, "shard_index": index, **asdict(shard)}
                for index, shard in enumerate(info.shards)
            ]
            insert_missing(connection, shards, rows)


def missing_directions(database: Database, study_id: int) -> tuple[DirectionWork, ...]:
    """Return a study's probe sets that are not trained though their activations are there."""
    d = direction_sets.c
    of_study = d.direction_id.in_(study_direction_ids(study_id))
    return _direction_works(database, d.status == "planned", of_study, not_quarantined("probes", d.key))


def direction_works(database: Database, direction_ids: Collection[int]) -> tuple[DirectionWork, ...]:
    """Return the work of probe sets by id, whether they are trained or not."""
    return _direction_works(database, direction_sets.c.direction_id.in_(direction_ids))


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
                row[0], row[1], row[2], row[3], row[4], read_shard_rows(connection, row[5]),
                ProbeSettings(**row[6]), row[7],
            )
            for row in rows
        )  # fmt: skip


def read_shard_rows(connection: sa.Connection, activation_id: int) -> tuple[Shard, ...]:
    """Return the shards of an activation set in order."""
    c = shards.c
    query = (
        sa.select(c.path, c.n_rows, c.width, c.dtype, c.sha256)
        .where(c.activation_id == activation_id)
        .order_by(c.shard_index)
    )
    return tuple(Shard(*row) for row in connection.execute(query))


def finish_directions(database: Database, results: list[DirectionResult], run_id: int) -> None:
    """Write trained probes with their metrics; a set of fewer than two directions is not applicable."""
    with database.write() as connection:
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
                values.update(
                    n_features=len(found.feature_names),
                    d_hook=int(found.scale.shape[0]),
                    coef_raw=found.coef_raw,
                    coef_scaled=found.coef_scaled,
                    intercept=found.intercept,
                    scale=found.scale,
                    content_digest=array_digest(found.coef_raw, found.intercept),
                )
            c = direction_sets.c
            changed = connection.execute(
                direction_sets.update()
                .where(c.direction_id == result.direction_id, c.status == "planned")
                .values(values)
            )
            if found is None or changed.rowcount == 0:
                continue
            key = connection.scalar(sa.select(c.key).where(c.direction_id == result.direction_id))
            assert key is not None  # noqa: S101 (the row was just updated)
            rows_of = {name: row for row, name in enumerate(found.feature_names)}
            connection.execute(
                probes.insert(),
                [
                    {
                        **asdict(metrics),
                        "direction_id": result.direction_id,
                        "feature_index": index,
                        "key": content_key("probe", 1, {"feature": metrics.feature}, [key]),
                        "row_index": rows_of.get(metrics.feature),
                    }
                    for index, metrics in enumerate(found.metrics)
                ],
            )


def pass_on_refusals(database: Database) -> None:
    """Mark what rests on a refused layer or probe set as not applicable, with the same reason."""
    with database.write() as connection:
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
