"""Run migrations on the connection that `superpos db upgrade` hands over, or on SUPERPOS_DB_URL."""

from __future__ import annotations

import os

import sqlalchemy as sa
from alembic import context


def _run(connection: sa.Connection) -> None:
    context.configure(connection=connection, render_as_batch=connection.dialect.name == "sqlite")
    with context.begin_transaction():
        context.run_migrations()


given: sa.Connection | None = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    engine = sa.create_engine(os.environ.get("SUPERPOS_DB_URL", "sqlite:///superpos.db"))
    try:
        with engine.begin() as own:
            _run(own)
    finally:
        engine.dispose()
