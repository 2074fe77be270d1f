"""A driver that is killed while it uploads: nothing that it left is believed before it is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from s3_server import CUT, Server
from tiny_study import Tiny, count, read_views, run_tiny

from superpos.db.engine import Database
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study
from superpos.storage import ObjectPlace

DRIVER = Path(__file__).with_name("driver.py")


@pytest.mark.parametrize(
    ("file", "stored"),
    [("datasets/", True), (".safetensors", False), (".safetensors", True), (".json", True)],
)
def test_a_driver_killed_while_it_uploads(
    file: str,
    stored: bool,
    tiny: Tiny,
    finished_views: dict[str, list[tuple[str, ...]]],
    new_database: Callable[[str], Database],
    place: ObjectPlace,
    server: Server,
) -> None:
    """Before or after the server has a feature set, a shard, the list of finished shards."""
    database, study = new_database("killed"), tiny.file()
    killed: list[str] = []

    def kill(method: str, path: str) -> int:
        wanted = file in path and (file == "datasets/" or "activations/" in path)
        if method != "PUT" or killed or not wanted:
            return 0
        killed.append(path)
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        return CUT

    if stored:
        server.done = kill
    else:
        server.fault = kill
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, str(DRIVER), str(database.url), str(study), place.url]
    driver = subprocess.Popen(command, env=environment)
    assert driver.wait() == -signal.SIGKILL
    assert (ObjectPlace(f"s3:/{killed[0]}").read() is not None) == stored
    run_tiny(database, plan_study(load_study(study)), data_folder=place)
    assert read_views(database) == finished_views
    assert count(database, "cell_failures") == count(database, "leases") == 0
    assert count(database, "runs", "outcome = 'done'") == 1
