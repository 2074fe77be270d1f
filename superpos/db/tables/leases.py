"""Table of leases: what a run is working on, so that no other run does the same."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.metadata import metadata, reference

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("stage", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(98), primary_key=True),
    reference("run_id", "runs.run_id", index=True),
    sa.Column("fence", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""A row from the claim of a unit of work to its result; when it expires stands at its run."""
