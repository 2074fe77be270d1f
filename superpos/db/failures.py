"""Work that ended without a result: counted, quarantined after repeated attempts, put back on request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from superpos.db.clock import time_now
from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.tables import cell_failures
from superpos.records.work import CellFailure

VARIES = re.compile(r"\b[0-9a-f]{32}\b|[-+]?\d[\d.,]*(?:e[-+]?\d+)?")
"""Keys and numbers in a message."""
MAX_ATTEMPTS = 3
"""Attempts after which a cell is quarantined until `superpos retry`."""


def not_quarantined(stage: str, key: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that the row with this key may be tried."""
    c = cell_failures.c
    return ~sa.exists().where(c.stage == stage, c.key == key, c.quarantined == 1)


def record_failures(database: Database, failures: Iterable[CellFailure], run_id: int) -> None:
    """Count an attempt for each failure and quarantine those that have had enough."""
    c = cell_failures.c
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "failures")
        for failure in failures:
            where = sa.and_(c.stage == failure.stage, c.key == failure.key)
            attempts = 1 + int(connection.scalar(sa.select(c.attempts).where(where)) or 0)
            connection.execute(cell_failures.delete().where(where))
            connection.execute(
                cell_failures.insert().values(
                    stage=failure.stage,
                    key=failure.key,
                    attempts=attempts,
                    quarantined=int(attempts >= MAX_ATTEMPTS or failure.final),
                    reason=failure.reason,
                    message=failure.message,
                    failed_at=time_now(connection),
                    run_id=run_id,
                )
            )


def clear_failures(database: Database, stage: str, keys: Iterable[str]) -> None:
    """Forget the failures of work that has a result now."""
    c = cell_failures.c
    with database.write(Commit.STORE) as connection:
        for key in keys:
            connection.execute(cell_failures.delete().where(c.stage == stage, c.key == key))


def failed_keys(database: Database, stage: str) -> dict[str, bool]:
    """Return the keys of a stage's failures and whether each is quarantined."""
    c = cell_failures.c
    with database.read() as connection:
        rows = connection.execute(sa.select(c.key, c.quarantined).where(c.stage == stage))
        return {row[0]: bool(row[1]) for row in rows}


STUDY_KEYS = """
SELECT ds.key FROM current_studies s JOIN study_datasets x ON x.study_id = s.study_id
  JOIN datasets ds ON ds.dataset_id = x.dataset_id WHERE s.name = :study
UNION SELECT d.key FROM current_studies s JOIN study_directions x ON x.study_id = s.study_id
  JOIN direction_sets d ON d.direction_id = x.direction_id WHERE s.name = :study
UNION SELECT a.key FROM current_studies s JOIN study_directions x ON x.study_id = s.study_id
  JOIN direction_sets d ON d.direction_id = x.direction_id
  JOIN activation_sets a ON a.activation_id = d.activation_id WHERE s.name = :study
UNION SELECT t.key FROM current_studies s JOIN study_targets x ON x.study_id = s.study_id
  JOIN targets t ON t.target_id = x.target_id WHERE s.name = :study
UNION SELECT p.key || '.' || ja.key || '.' || fa.key FROM cell_failures cf
  JOIN psms p ON p.key = SUBSTR(cf.key, 1, 32)
  JOIN joint_axes ja ON ja.key = SUBSTR(cf.key, 34, 32)
  JOIN fit_axes fa ON fa.key = SUBSTR(cf.key, 67, 32)
  JOIN targets t ON t.psm_id = p.psm_id
  JOIN block_targets bt ON bt.target_id = t.target_id
  JOIN blocks b ON b.block_id = bt.block_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id AND bj.joint_axes_id = ja.joint_axes_id
  JOIN block_fit_axes bf ON bf.block_id = b.block_id AND bf.fit_axes_id = fa.fit_axes_id
  JOIN current_studies s ON s.study_id = b.study_id WHERE cf.stage = 'fits' AND s.name = :study
"""
"""Keys of a study's rows, and of those of its cells that have failed; another study may share a matrix."""


def put_back(database: Database, study: str) -> int:
    """Put every quarantined cell of a study back; return how many there were."""
    c = cell_failures.c
    keys = sa.text(STUDY_KEYS).columns(sa.column("key", sa.String)).subquery()
    with database.write(Commit.RETRY) as connection:
        changed = connection.execute(
            cell_failures.update()
            .where(c.quarantined == 1, c.key.in_(sa.select(keys.c.key)))
            .values(quarantined=0, attempts=0),
            {"study": study},
        )
        return changed.rowcount


def failures_by_reason(database: Database, names: Sequence[str]) -> dict[str, int]:
    """Return how many rows and cells of some studies failed by stage, reason and message, most first.

    What differs from cell to cell within a message (numbers, keys) is no other reason: it is shown of the
    first one.
    """
    c = cell_failures.c
    keys = sa.text(STUDY_KEYS).columns(sa.column("key", sa.String)).subquery()
    query = (
        sa.select(c.stage, c.reason, c.message)
        .where(c.key.in_(sa.select(keys.c.key)))
        .order_by(c.failed_at, c.key)
    )
    counts: dict[tuple[str, str, str], int] = {}
    shown: dict[tuple[str, str, str], str] = {}
    with database.read() as connection:
        for name in names:
            for stage, reason, message in connection.execute(query, {"study": name}):
                alike = (stage, reason, VARIES.sub("#", message))
                counts[alike] = counts.get(alike, 0) + 1
                shown.setdefault(alike, f"{stage}: {message}")
    return {shown[alike]: count for alike, count in sorted(counts.items(), key=lambda item: -item[1])}
