"""A Ray cluster of several nodes on this machine, whose nodes can be killed and are started again.

Nodes are `ray start --block`, as `docs/cluster.md` has it, with a token. Ray gives a node 30 s to be there,
which a loaded machine may miss: one that has ended, or is not there after a while, is started again at the
next look. Two that start at once choose the same sockets, so that one waits for the other.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from superpos.cluster.connect import SECRETS
from superpos.cluster.local import WAIT_SECONDS

RAY = (sys.executable, "-m", "ray.scripts.scripts")
HOST = "127.0.0.1"
STORE_BYTES = 100 * 2**20
LOOK_SECONDS = 0.5
START_SECONDS = 90.0
"""After which a node that is not there is started again."""
TRIES = 6
"""Starts in a row that may fail."""
STARTED = "Ray runtime started"
"""What `ray start` says of a node that is there."""


def environment() -> dict[str, str]:
    """Return an environment in which Ray asks for a token and takes several nodes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {
        **kept,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
        **{name: str(seconds) for name, seconds in WAIT_SECONDS.items()},
    }


def family_of(pid: int) -> list[psutil.Process]:
    """Return a process and all that it has started."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def kill_family(pid: int) -> None:
    """End a process and all that it has started at once, without a word to them."""
    family = family_of(pid)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family[1:], timeout=30)


def workers_below(pid: int) -> list[psutil.Process]:
    """Return the processes below one that are at work on a call."""
    found = []
    for process in family_of(pid):
        with suppress(psutil.NoSuchProcess):
            if "LiveWorker.call" in " ".join(process.cmdline()):
                found.append(process)
    return found


@dataclass
class Node:
    """A node on its way, or there, or ended."""

    process: subprocess.Popen[bytes]
    log: Path
    began: float = field(default_factory=time.monotonic)

    @property
    def has_started(self) -> bool:
        """Whether it said so."""
        return STARTED in self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def is_there(self) -> bool:
        """Whether it takes part."""
        return self.process.poll() is None and self.has_started

    @property
    def is_starting(self) -> bool:
        """Whether there is still hope."""
        late = time.monotonic() - self.began > START_SECONDS
        return self.process.poll() is None and not self.has_started and not late


class Nodes:
    """A head and some nodes of one CPU each."""

    def __init__(self, n_nodes: int, folder: Path) -> None:
        """Start the head; `look` and `wait` start the nodes.

        Raises
        ------
        RuntimeError
            If it does not start.
        """
        self.environment = environment()
        self.late_starts = 0
        """Starts that came to nothing."""
        self._late_in_a_row = 0
        self._folder = folder
        self._n_logs = 0
        self._nodes: list[Node | None] = [None] * (n_nodes - 1)
        while True:
            with socket.socket() as free:
                free.bind((HOST, 0))
                port = free.getsockname()[1]
            self.address = f"{HOST}:{port}"
            options = ("--head", f"--port={port}", f"--node-ip-address={HOST}", "--include-dashboard=false")
            self._head = self._start(*options, f"--temp-dir={folder / 'ray'}")
            while self._head.is_starting:
                time.sleep(LOOK_SECONDS)
            if self._head.is_there:
                break
            self._give_up(self._head)

    def look(self) -> bool:
        """Start what is not there, one after the other; whether all are there."""
        for place, node in enumerate(self._nodes):
            if node is not None and node.is_there:
                self._late_in_a_row = 0
                continue
            if node is not None and node.is_starting:
                return False
            if node is not None:
                self._give_up(node)
            self._nodes[place] = self._start(f"--address={self.address}")
            return False
        return True

    def wait(self) -> None:
        """Wait until all nodes are there."""
        while not self.look():
            time.sleep(LOOK_SECONDS)

    def workers(self) -> list[psutil.Process]:
        """Return the processes on all nodes that are at work on a call."""
        there = [self._head, *filter(None, self._nodes)]
        return [worker for node in there for worker in workers_below(node.process.pid)]

    def busy(self) -> list[int]:
        """Return the places of nodes, without the head, on which somebody is at work."""
        return [
            place
            for place, node in enumerate(self._nodes)
            if node is not None and workers_below(node.process.pid)
        ]

    def kill(self, place: int) -> None:
        """Kill all that is on a node."""
        node = self._nodes[place]
        if node is not None:
            kill_family(node.process.pid)
            node.process.wait()
        self._nodes[place] = None

    def stop(self) -> None:
        """End the cluster."""
        for node in (*self._nodes, self._head):
            if node is not None:
                kill_family(node.process.pid)
                node.process.wait()

    def _start(self, *options: str) -> Node:
        common = (
            "--num-cpus=1", f"--object-store-memory={STORE_BYTES}", "--dashboard-agent-listen-port=0",
            "--disable-usage-stats", "--block",
        )  # fmt: skip
        log = self._folder / f"node{self._n_logs}.log"
        self._n_logs += 1
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [*RAY, "start", *options, *common],
                env={name: value for name, value in self.environment.items() if name not in SECRETS},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Node(process, log)

    def _give_up(self, node: Node) -> None:
        """End what did not start, or has ended by itself."""
        kill_family(node.process.pid)
        node.process.wait()
        self.late_starts += 1
        self._late_in_a_row += 1
        if self._late_in_a_row == TRIES:
            said = node.log.read_text(encoding="utf-8", errors="replace").strip()
            raise RuntimeError(f"{TRIES} nodes in a row did not start: {said[-500:]}")
