"""Missing and finished rows of the stage `whitening`: whitened directions of trained probes, on request."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.arrays import Float
from superpos.db.commits import Commit
from superpos.db.engine import Database, take_turns
from superpos.db.failures import not_quarantined
from superpos.db.probes import direction_works
from superpos.db.studies import study_target_ids
from superpos.db.tables import direction_sets, targets
from superpos.records.work import DirectionWork


def missing_whitened(database: Database, study_id: int) -> tuple[tuple[DirectionWork, Float], ...]:
    """Return a study's probe sets whose whitened directions are asked for and not there, with raw ones."""
    d = direction_sets.c
    wanted = (
        sa.select(targets.c.direction_id)
        .where(
            targets.c.target_id.in_(study_target_ids(study_id)),
            targets.c.space == "whitened",
            targets.c.status == "planned",
        )
        .distinct()
    )
    query = sa.select(d.direction_id, d.coef_raw).where(
        d.direction_id.in_(wanted),
        d.status == "done",
        d.coef_whitened.is_(None),
        not_quarantined("whitening", d.key),
    )
    with database.read() as connection:
        raw: dict[int, Float] = {row[0]: row[1] for row in connection.execute(query)}
    works = direction_works(database, list(raw)) if raw else ()
    return tuple((work, raw[work.direction_id]) for work in works)


def without_whitened(database: Database, direction_id: int) -> bool:
    """Return whether the directions of a probe set have not been whitened yet."""
    d = direction_sets.c
    query = sa.select(d.direction_id).where(d.direction_id == direction_id, d.coef_whitened.is_(None))
    with database.read() as connection:
        return connection.scalar(query) is not None


def finish_whitened(database: Database, direction_id: int, whitened: Float) -> None:
    """Write the whitened directions of a probe set."""
    d = direction_sets.c
    with database.write(Commit.STORE) as connection:
        take_turns(connection, "probes")
        connection.execute(
            direction_sets.update()
            .where(d.direction_id == direction_id, d.coef_whitened.is_(None))
            .values(coef_whitened=whitened)
        )
