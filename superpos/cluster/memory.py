"""How much memory a task may take: what is beyond fails as an allocation, in the cell that asked for it.

The limit is the kernel's on the private data of a process (`RLIMIT_DATA`, setrlimit(2), Linux 4.7 and later):
what is there already counts, and so do the stacks of threads, but no files and no shared memory. Elsewhere
there is none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from superpos.cpus import MOUNT

STATUS = Path("/proc/self/status")
MEMORY = Path("/proc/meminfo")
LEAST = 2**30
"""Bytes that a task may take at least."""


@contextmanager
def at_most(limit: int | None) -> Iterator[None]:
    """Let this process take at most so many bytes more than it has; None for as many as there are."""
    taken = _kilobytes(STATUS, "VmData")
    if limit is None or taken is None or not sys.platform.startswith("linux"):
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = 1024 * taken + limit
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def share_of_memory(n_workers: int) -> int | None:
    """Return the bytes of this machine, or of its control group, a worker; None if unknown."""
    found = [value for value in (_group_limit(), _kilobytes(MEMORY, "MemTotal", 1024)) if value]
    return max(LEAST, min(found) // max(n_workers, 1)) if found else None


def _group_limit(mount: Path = MOUNT) -> int | None:
    """Return the limit of the control group as its root shows it: `memory.max`, or that of version 1."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (mount / name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            return int(text)
    return None


def _kilobytes(path: Path, name: str, factor: int = 1) -> int | None:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(f"{name}:"):
            return factor * int(line.split()[1])
    return None
