"""Runs as their users start them: `superpos run`, with a Ray of its own or on nodes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.ray_nodes import Nodes


@contextmanager
def short_folder() -> Iterator[Path]:
    """Yield a folder whose path leaves room for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="sp", ignore_cleanup_errors=True) as name:
        yield Path(name)


def start_driver(
    file: Path, url: str, data: Path, log: Path, workers: int, nodes: Nodes | None = None
) -> subprocess.Popen[bytes]:
    """Start `superpos run` in a session of its own, on nodes or on a Ray of its own.

    What it says is appended to a file.
    """
    command = [sys.executable, "-m", "superpos", "run", str(file), "--db", url, "--workers", str(workers)]
    if nodes is not None:
        command += ["--address", nodes.address]
    environment = dict(os.environ) if nodes is None else nodes.environment
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            env={**environment, "SUPERPOS_DATA_DIR": str(data)},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
