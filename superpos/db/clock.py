"""The database's clock, by which runs on several machines agree on what came first."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa


def seconds_now(connection: sa.Connection) -> sa.ColumnElement[float]:
    """Return the time as an expression, seconds since 1970."""
    if connection.dialect.name == "sqlite":
        return sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Double())
    return sa.literal_column("CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)", sa.Double())


def time_now(connection: sa.Connection) -> datetime:
    """Return the time; with SQLite the clock is that of the one machine."""
    return datetime.fromtimestamp(float(connection.scalar(sa.select(seconds_now(connection))) or 0.0), UTC)
