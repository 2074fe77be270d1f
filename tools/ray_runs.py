"""Runs as their users start them, `superpos run` on Ray, and a cluster of three nodes on this machine."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CPUS_OF_NODE = 8
"""Logical ones: three drivers with eight workers each have room on three nodes."""


@contextmanager
def short_folder() -> Iterator[Path]:
    """Yield a folder whose path leaves room for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="sp", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def three_nodes() -> Iterator[Any]:
    """Yield a `ray.cluster_utils.Cluster` of three nodes on loopback, with a token of its own."""
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # loopback alone
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    args = {"num_cpus": CPUS_OF_NODE, "include_dashboard": False, "object_store_memory": 2**27}
    cluster = Cluster(initialize_head=True, head_node_args=args)
    try:
        for _ in range(2):
            add_node(cluster)
        cluster.wait_for_nodes(timeout=600)
        yield cluster
    finally:
        cluster.shutdown()


def add_node(cluster: Any) -> Any:
    """Add a node like the others; return it."""
    return cluster.add_node(num_cpus=CPUS_OF_NODE, object_store_memory=2**27)


def start_driver(
    file: Path, url: str, data: Path, log: Path, workers: int, address: str = "", **variables: str
) -> subprocess.Popen[bytes]:
    """Start `superpos run` in a session of its own; what it says is appended to a file."""
    command = [sys.executable, "-m", "superpos", "run", str(file), "--db", url, "--workers", str(workers)]
    command += ["--address", address] if address else []
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            env={**os.environ, "SUPERPOS_DATA_DIR": str(data), **variables},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
