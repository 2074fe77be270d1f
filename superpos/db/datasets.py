"""Missing and finished rows of the stage `datasets`."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa

from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.failures import not_quarantined
from superpos.db.insert import still_planned
from superpos.db.tables import datasets, features, study_datasets
from superpos.errors import ContentChangedError
from superpos.records.work import DatasetSummary


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


def is_missing(database: Database, key: bytes) -> bool:
    """Return whether a data set has not been built yet."""
    return key in still_planned(database, datasets, [key])


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
    with database.write(Commit.STORE) as connection:
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
                    "feature": one.feature,
                    "n_positive": one.n_positive,
                    "n_negative": one.n_negative,
                    "status": str(one.status),
                    "duplicate_of": one.duplicate_of,
                    "example": None if one.example is None else asdict(one.example),
                }
                for index, one in enumerate(summary.features)
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
