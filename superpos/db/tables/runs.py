"""Tables of executions: runs, and cells that failed."""

from __future__ import annotations

import sqlalchemy as sa

from superpos.db.metadata import metadata, one_of, reference
from superpos.db.types import Json, Time

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.Integer, primary_key=True),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("ended_at", Time),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("git_commit", sa.Text, nullable=False),
    sa.Column("versions", Json, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("study", sa.Text, nullable=False),
    sa.Column("seconds", Json, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False, server_default="0"),
    sa.Column("owner", sa.Text, nullable=False, server_default=""),
    one_of("outcome", ("running", "done", "incomplete", "failed", "interrupted")),
)

cell_failures = sa.Table(
    "cell_failures",
    metadata,
    sa.Column("stage", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(98), primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("quarantined", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("failed_at", Time, nullable=False),
    reference("run_id", "runs.run_id"),
)
