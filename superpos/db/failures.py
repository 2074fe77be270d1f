"""Work that ended without a result: counted, quarantined after repeated attempts, put back on request."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.tables_fits import cell_failures
from superpos.records.work import CellFailure

MAX_ATTEMPTS = 3
"""Attempts after which a cell is quarantined until `superpos retry`."""


def not_quarantined(stage: str, key: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that the row with this key may be tried."""
    c = cell_failures.c
    return ~sa.exists().where(c.stage == stage, c.key == key, c.quarantined == 1)


def record_failures(database: Database, failures: Iterable[CellFailure], run_id: int) -> None:
    """Count an attempt for each failure and quarantine those that have had enough."""
    c = cell_failures.c
    with database.write() as connection:
        for failure in failures:
            where = sa.and_(c.stage == failure.stage, c.key == failure.key)
            attempts = 1 + int(connection.scalar(sa.select(c.attempts).where(where)) or 0)
            connection.execute(cell_failures.delete().where(where))
            connection.execute(
                cell_failures.insert().values(
                    stage=failure.stage,
                    key=failure.key,
                    attempts=attempts,
                    quarantined=int(attempts >= MAX_ATTEMPTS),
                    reason=failure.reason,
                    message=failure.message,
                    failed_at=datetime.now(UTC),
                    run_id=run_id,
                )
            )


def clear_failures(database: Database, stage: str, keys: Iterable[str]) -> None:
    """Forget the failures of work that has a result now."""
    c = cell_failures.c
    with database.write() as connection:
        for key in keys:
            connection.execute(cell_failures.delete().where(c.stage == stage, c.key == key))


def failed_keys(database: Database, stage: str) -> dict[str, bool]:
    """Return the keys of a stage's failures and whether each is quarantined."""
    c = cell_failures.c
    with database.read() as connection:
        rows = connection.execute(sa.select(c.key, c.quarantined).where(c.stage == stage))
        return {row[0]: bool(row[1]) for row in rows}


def put_back(database: Database) -> int:
    """Put every quarantined cell back; return how many there were."""
    c = cell_failures.c
    with database.write() as connection:
        changed = connection.execute(
            cell_failures.update().where(c.quarantined == 1).values(quarantined=0, attempts=0)
        )
        return changed.rowcount
