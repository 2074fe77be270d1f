"""A head node of Ray with a token, as `docs/cluster.md` starts one, and jobs that are submitted to it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import sqlalchemy as sa
from tiny_study import count

from superpos.db.engine import Database

ROOT = Path(__file__).resolve().parents[2]
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
LATE = "No available agent to submit job"
"""What a head says while its agent is not up yet."""


@dataclass
class Head:
    """A head node of one CPU on loopback."""

    dashboard: str
    folder: Path
    environment: dict[str, str]

    def ray(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run `ray` as a user of the cluster, who knows its token."""
        return subprocess.run(
            [*RAY, *arguments],
            env={**self.environment, **changes},
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )

    def submit(self, working_dir: Path, *entry: str, wait: bool = True) -> subprocess.CompletedProcess[str]:
        """Submit a job, again while the head is not ready; wait for its end unless told otherwise."""
        options = ("--address", self.dashboard, "--working-dir", str(working_dir))
        waits = () if wait else ("--no-wait",)
        while True:
            done = self.ray("job", "submit", *options, *waits, "--", *entry)
            if done.returncode == 0 or LATE not in done.stdout + done.stderr:
                return done
            time.sleep(1)


@contextmanager
def head_node(n_cpus: int = 1, **variables: str) -> Iterator[Head]:
    """Start a head node; `variables` are of its environment, and of that of its jobs."""
    folder = Path(tempfile.mkdtemp(prefix="sp"))
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text("0123456789abcdef" * 4, encoding="utf-8")
    environment = environment_of_rays(token, **variables)
    log = folder / "head.log"
    with log.open("w") as stream:
        head = subprocess.Popen(
            [
                *(*RAY, "start", "--head", "--block", "--num-cpus", str(n_cpus), "--port", "0"),
                *(
                    "--dashboard-host",
                    "127.0.0.1",
                    "--dashboard-port",
                    "0",
                    "--dashboard-agent-listen-port",
                    "0",
                ),
                *("--temp-dir", str(folder / "ray"), "--disable-usage-stats"),
            ],
            env=environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        found = _wait_for(log, r"RAY_API_SERVER_ADDRESS='(http://[^']+)'", head)
        yield Head(found, folder, environment)
    finally:
        end_family(head.pid)
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)


def environment_of_rays(token: Path, **variables: str) -> dict[str, str]:
    """Return an environment in which Ray asks for a token and listens on loopback."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "SUPERPOS_", "PG"))
    }
    path = os.pathsep.join([str(ROOT), *filter(None, [kept.get("PYTHONPATH")])])
    return {
        **kept,
        "PYTHONPATH": path,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_JOB_STOP_WAIT_TIME_S": "60",  # then a driver is killed; Ray's 3 are few on a busy machine
        "NO_COLOR": "1",
        **variables,
    }


def end_family(pid: int) -> None:
    """Kill a process and all that it has started."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        family = [*parent.children(recursive=True), parent]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(family[:-1])


def has_rows(file: Path, database: Database, table: str) -> bool:
    """Whether a SQLite database has been made, and a table of it has rows."""
    if not file.exists():
        return False
    with database.read() as connection:
        return sa.inspect(connection).has_table(table) and count(database, table) > 0


def _wait_for(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    while True:
        text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
        if found := re.search(pattern, text):
            return found[1]
        assert process.poll() is None, f"the head ended: {text}"
        time.sleep(0.2)
