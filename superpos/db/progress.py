"""How far studies are, from the database alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.stage_names import STAGES


@dataclass(frozen=True, slots=True)
class StageProgress:
    """Counts of one stage of one study; cells for `fits`, rows for the others."""

    stage: str
    planned: int
    done: int
    failed: int
    quarantined: int
    not_applicable: int

    @property
    def undone(self) -> int:
        """Rows without a result that should have one."""
        return self.planned - self.done - self.not_applicable

    @property
    def to_do(self) -> int:
        """Rows that a run would try; quarantined ones it does not."""
        return self.undone - self.quarantined


COUNTS = ("planned", "done", "failed", "quarantined", "not_applicable")


def study_names(database: Database) -> tuple[str, ...]:
    """Return the names of all studies, oldest first."""
    query = sa.text("SELECT name FROM studies GROUP BY name ORDER BY MIN(study_id)")
    with database.read() as connection:
        return tuple(connection.scalars(query))


def study_progress(database: Database, study: str) -> tuple[StageProgress, ...]:
    """Return the progress of a study's newest revision, in the order of the stages."""
    query = sa.text(f"SELECT stage, {', '.join(COUNTS)} FROM study_progress WHERE study = :study")  # noqa: S608 (names of our own)
    with database.read() as connection:
        rows = {
            row["stage"]: StageProgress(stage=row["stage"], **{name: int(row[name]) for name in COUNTS})
            for row in connection.execute(query, {"study": study}).mappings()
        }
    return tuple(rows[stage] for stage in STAGES if stage in rows)


def is_left(found: Iterable[StageProgress]) -> bool:
    """Whether a run would find anything to do (quarantined cells do not count)."""
    return any(stage.to_do > 0 for stage in found)


def fit_rate(database: Database) -> float | None:
    """Return the fits a second of the newest run that made any, None if there is none."""
    query = sa.text(
        "SELECT r.seconds, COUNT(*) FROM fits f JOIN runs r ON r.run_id = f.run_id "
        "WHERE r.ended_at IS NOT NULL GROUP BY r.run_id, r.seconds ORDER BY r.run_id DESC LIMIT 1"
    )
    with database.read() as connection:
        row = connection.execute(query).first()
    seconds = 0.0 if row is None else float(json.loads(row[0]).get("fits", 0.0))
    return None if row is None or seconds <= 0.0 else int(row[1]) / seconds
