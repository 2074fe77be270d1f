"""A folder of this machine for an object store: files that are being written, and copies of what was read.

Copies are named by the SHA-256 of their content, so that they cannot be out of date, and are checked when
they are read. They are only ever a help: what cannot be kept or is damaged is read from the store. The least
recently used go first once they take more than `SUPERPOS_CACHE_GB`. The whole folder can be deleted when no
run is at work.
"""

from __future__ import annotations

import math
import os
import shutil
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from superpos.errors import InputError, shown
from superpos.hashing import text_digest

FOLDER_VARIABLE = "SUPERPOS_CACHE_DIR"
SIZE_VARIABLE = "SUPERPOS_CACHE_GB"
DEFAULT_GB = 10.0


def check_settings() -> None:
    """Refuse variables that say nothing usable, before anything runs; raises `InputError`."""
    most_bytes()
    cache_folder()


def most_bytes() -> float:
    """Return how many bytes copies may take; raises `InputError` if the variable is no size."""
    text = os.environ.get(SIZE_VARIABLE, "")
    try:
        size = float(text) if text else DEFAULT_GB
    except ValueError:
        size = math.nan
    if not 0.0 <= size < math.inf:
        raise InputError(f"{SIZE_VARIABLE}: {shown(text)} is no size; allowed: gigabytes, 0 keeps no copies")
    return 1e9 * size


def cache_folder() -> Path:
    """Return the folder, made if it is not there.

    Raises
    ------
    InputError
        If it cannot be made, or if the one in the shared temporary folder is not this user's alone.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(named) if named else Path(tempfile.gettempdir()) / f"superpos-cache-{user}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise InputError(f"{FOLDER_VARIABLE}: {folder} cannot be made ({error.strerror})") from error
    others = os.name != "nt" and (found.st_uid != user or found.st_mode & 0o022)
    if not named and (others or not stat.S_ISDIR(found.st_mode)):  # anyone can write beside it
        raise InputError(f"{folder}: is not a folder of yours alone; set {FOLDER_VARIABLE} to one")
    return folder


def scratch_file(name: str) -> Path:
    """Return where a file of this process is written before it is uploaded."""
    return cache_folder() / "scratch" / f".{name}.{socket.gethostname()}.{os.getpid()}.tmp"


def read_copy(sha256: str) -> bytes | None:
    """Return the content with this SHA-256 if there is a copy of it; one that is damaged is removed."""
    path = _copy(sha256)
    try:
        content = path.read_bytes()
        if text_digest(content) == sha256:
            os.utime(path)
            return content
        path.unlink()
    except OSError:
        pass
    return None


def read_part_of_copy(sha256: str, first: int, count: int) -> bytes | None:
    """Return some bytes of the content with this SHA-256 if there is a copy of it."""
    try:
        with _copy(sha256).open("rb") as stream:
            stream.seek(first)
            content = stream.read(count)
    except OSError:
        return None
    return content if len(content) == count else None


def keep(sha256: str, content: bytes) -> None:
    """Keep a copy of content if there is room."""
    if not _admits(len(content)):
        return
    path = _copy(sha256)
    temporary = path.with_name(f".{sha256}.{socket.gethostname()}.{os.getpid()}.tmp")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def keep_file(sha256: str, file: Path) -> None:
    """Keep a file that was uploaded as a copy if there is room, else remove it."""
    try:
        if _admits(file.stat().st_size):
            path = _copy(sha256)
            path.parent.mkdir(parents=True, exist_ok=True)
            file.replace(path)
    except OSError:
        pass
    file.unlink(missing_ok=True)


def make_room(n_bytes: float) -> None:
    """Remove copies until the disk has so much free, or none is left."""
    lacking = n_bytes - shutil.disk_usage(cache_folder()).free
    if lacking > 0:
        copies = _copies()
        _remove_oldest(copies, sum(size for _, size, _ in copies) - lacking)


def _copy(sha256: str) -> Path:
    return cache_folder() / "copies" / sha256[:2] / sha256


def _admits(n_bytes: int) -> bool:
    """Whether so many bytes may be kept, once others have been removed for them."""
    left = most_bytes() - n_bytes
    if left < 0:
        return False
    _remove_oldest(_copies(), left)
    return shutil.disk_usage(cache_folder()).free > 2 * n_bytes


def _copies() -> list[tuple[float, int, Path]]:
    """Return time of the last use, size and path of every copy."""
    found = []
    for path in (cache_folder() / "copies").glob("*/*"):
        with suppress(OSError):  # another process has removed it
            known = path.stat()
            found.append((known.st_mtime, known.st_size, path))
    return found


def _remove_oldest(copies: list[tuple[float, int, Path]], most: float) -> None:
    """Remove copies, the least recently used first, until the others take at most so many bytes."""
    taken = sum(size for _, size, _ in copies)
    for _, size, path in sorted(copies):
        if taken <= most:
            return
        with suppress(OSError):
            path.unlink()
        taken -= size
