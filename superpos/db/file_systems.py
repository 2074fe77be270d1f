"""The kind of file system that a file lies on, and why SQLite is refused on those of a network.

SQLite in WAL mode shares memory between its processes, which only one machine has, and relies on locks that
network file systems keep badly (https://www.sqlite.org/wal.html, https://www.sqlite.org/faq.html#q5): two
machines would damage the file.
"""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "ncpfs",
        "afs",
        "ceph",
        "lustre",
        "gpfs",
        "beegfs",
        "glusterfs",
        "panfs",
        "pvfs2",
        "orangefs",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.s3fs",
        "fuse.gcsfuse",
        "fuse.rclone",
        "fuse.juicefs",
    }
)
"""File systems that several machines mount, by their names in the kernel's list of mounts."""


def file_system_of(path: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of file system of a path; empty where the system has no list of mounts.

    Parameters
    ----------
    path
        A file or folder, which need not be there.
    mounts
        The list, as in `proc(5)`: the fifth field is where it is mounted, the kind follows a lone dash.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place = path.resolve()
    found, depth = "", -1
    for line in lines:
        front, _, back = line.partition(" - ")
        fields, kind = front.split(" "), back.split(" ")[0]
        if len(fields) < 5 or not kind:
            continue
        folder = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4]))
        if place.is_relative_to(folder) and len(folder.parts) >= depth:  # a later mount hides an earlier one
            found, depth = kind, len(folder.parts)
    return found


def why_refused(path: Path, mounts: Path = MOUNTS) -> str:
    """Return why a SQLite file may not lie there; empty where it may."""
    kind = file_system_of(path, mounts)
    if kind not in NETWORK:
        return ""
    return (
        f"lies on a network file system ({kind}), where SQLite loses data; use a folder of this machine, or "
        "PostgreSQL (`superpos db dev`)"
    )
