"""How many CPUs this process may use: its affinity and the quota of its control group.

A Slurm step or a cpuset limits the affinity, a container or a systemd unit the quota. The files of the quota
are described in the kernel's `Documentation/admin-guide/cgroup-v2.rst` (`cpu.max`) and
`Documentation/scheduler/sched-bwc.rst` (`cpu.cfs_quota_us` of version 1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")


def usable_cpus() -> int:
    """Return how many CPUs this process may use, at least 1; a quota is rounded down."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def cpu_quota(membership: Path = MEMBERSHIP, mount: Path = MOUNT) -> float | None:
    """Return the smallest CPU quota of this process's control groups in CPUs, None where there is none.

    Parameters
    ----------
    membership
        The file that names the groups of the process.
    mount
        Where the groups are mounted; of version 1 the parent of the controllers' folders.
    """
    quotas = [quota for folder in _folders(membership, mount) if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def _folders(membership: Path, mount: Path) -> Iterator[Path]:
    """Yield the folders of the groups and of all groups above them: every quota on the way binds."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # A container sees its own group as the root whatever its name outside: folders may be missing.
        root = mount / controllers
        inner = root.joinpath(*(part for part in group.split("/") if part not in ("", "..")))
        for folder in (inner, *inner.parents):
            yield folder
            if folder == root:
                break


def _quota_of(folder: Path) -> float | None:
    """Return the quota that one group states in CPUs; None without one."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((folder / name).read_text(encoding="ascii").strip() for name in names)
        return float(quota) / float(period) if quota.isdigit() and int(period) > 0 else None
    except (OSError, ValueError):  # no such file, or one that says something else
        return None
