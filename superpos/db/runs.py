"""Recorded executions: who computed what, when, with which versions; never with a secret."""

from __future__ import annotations

from collections.abc import Mapping

from superpos.db.clock import time_now
from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.leases import expiry, sweep, this_process
from superpos.db.tables import leases, runs


def start_run(
    database: Database, *, study: str, host: str, git_commit: str, versions: Mapping[str, str], address: str
) -> int:
    """Write that a run has begun, and how those ended that were killed; return its id."""
    sweep(database)
    with database.write(Commit.RUN_STARTED) as connection:
        inserted = connection.execute(
            runs.insert().values(
                started_at=time_now(connection),
                host=host,
                git_commit=git_commit,
                versions=dict(versions),
                address=address,
                study=study,
                seconds={},
                outcome="running",
                expires_at=expiry(connection),
                owner=this_process(),
            )
        )
        assert inserted.inserted_primary_key is not None  # noqa: S101 (both dialects return it)
        return int(inserted.inserted_primary_key[0])


def end_run(database: Database, run_id: int, seconds: Mapping[str, float], outcome: str) -> None:
    """Write how a run ended and how long each stage took; its leases end with it."""
    values = {
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "outcome": outcome,
        "expires_at": 0.0,  # and no beat that comes late makes it run again
    }
    with database.write(Commit.RUN_ENDED) as connection:
        ended = {**values, "ended_at": time_now(connection)}
        connection.execute(runs.update().where(runs.c.run_id == run_id).values(ended))
        connection.execute(leases.delete().where(leases.c.run_id == run_id))
