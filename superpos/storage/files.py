"""Files of the data folder, on a disk or in an object store: written whole or not at all, checked when read.

On a disk a file is written under a temporary name beside its own, synced and renamed. For an object store it
is written in a scratch folder of this machine and uploaded.
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from superpos.errors import FileLostError, StageError
from superpos.files import sync_folder
from superpos.hashing import file_digest, text_digest
from superpos.reading.places import is_file, read_bytes
from superpos.storage import cache
from superpos.storage.objects import ObjectPlace

Place = Path | ObjectPlace
"""A data folder, or a file in one."""


def read_stored(place: Place) -> bytes | None:
    """Return the content of a file as it is now, None if there is none; raises as `read_bytes`."""
    if isinstance(place, ObjectPlace):
        return place.read()
    return read_bytes(place) if is_file(place) else None


def read_checked(place: Place, sha256: str, what: str, mend: str) -> bytes:
    """Return the content of a file, which has this SHA-256.

    Raises
    ------
    FileLostError
        If it is missing or another; says `what` it is and how to `mend` it.
    """
    if isinstance(place, ObjectPlace) and (kept := cache.read_copy(sha256)) is not None:
        return kept
    content = read_stored(place)
    if content is None:
        raise FileLostError(f"{place}: {what} is missing; {mend}")
    if (digest := text_digest(content)) != sha256:
        raise FileLostError(
            f"{place}: {what} is damaged (SHA-256 {digest[:12]}…, recorded {sha256[:12]}…); {mend}"
        )
    if isinstance(place, ObjectPlace):
        cache.keep(sha256, content)
    return content


def read_part(place: Place, sha256: str, first: int, count: int) -> bytes:
    """Return some bytes of a file that has this SHA-256, which is not checked again."""
    if isinstance(place, ObjectPlace):
        kept = cache.read_part_of_copy(sha256, first, count)
        return place.read_part(first, count) if kept is None else kept
    with place.open("rb") as stream:
        stream.seek(first)
        return stream.read(count)


def digest_of(place: Place) -> str | None:
    """Return the SHA-256 of a file as it is now, None if there is none; raises as `file_digest`."""
    if isinstance(place, ObjectPlace):
        return place.digest()
    return file_digest(place) if is_file(place) else None


def scratch_of(place: Place) -> Path:
    """Return where this process writes a file before it gets its name."""
    if isinstance(place, ObjectPlace):
        return cache.scratch_file(place.name)
    return place.with_name(f".{place.name}.{socket.gethostname()}.{os.getpid()}.tmp")


def publish(temporary: Path, place: Place, sha256: str) -> None:
    """Give a finished, synced file its name; on a disk the folder is still to be synced.

    Raises
    ------
    DataFolderError
        If it cannot be uploaded.
    """
    if isinstance(place, ObjectPlace):
        place.upload(temporary)
        cache.keep_file(sha256, temporary)
    else:
        temporary.replace(place)


def write_stored(place: Place, content: bytes, *, synced: bool = True) -> None:
    """Write a file as a whole, or nothing; raises `DataFolderError` or `OSError`.

    Parameters
    ----------
    place, content
        The file.
    synced
        Whether it survives a power cut as it is; one that is void when it is damaged need not.
    """
    if isinstance(place, ObjectPlace):
        place.write(content)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = scratch_of(place)
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            if synced:
                os.fsync(stream.fileno())
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(place.parent)


def remove_stored(place: Place) -> None:
    """Remove a file if there is one."""
    if isinstance(place, ObjectPlace):
        place.remove()
    else:
        place.unlink(missing_ok=True)


def names_in(folder: Place) -> tuple[str, ...]:
    """Return the names right in a folder, none if it is not there; raises `DataFolderError` or `OSError`."""
    if isinstance(folder, ObjectPlace):
        return folder.names()
    return tuple(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ()


def disk_under(root: Place) -> Path:
    """Return the folder of this machine in which files of a data folder are written."""
    return cache.cache_folder() if isinstance(root, ObjectPlace) else root


def check_free_space(root: Place, n_bytes: int) -> None:
    """Raise `StageError` unless the disk on which files are written has `n_bytes` and a tenth free."""
    folder, need = disk_under(root), 1.1 * n_bytes
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(root, ObjectPlace):
        cache.make_room(need)
    free = shutil.disk_usage(folder).free
    if free < need:
        other = cache.FOLDER_VARIABLE if isinstance(root, ObjectPlace) else "another data folder"
        raise StageError(
            f"{folder}: activations need {n_bytes / 1e9:.2f} GB and the disk has {free / 1e9:.2f} GB free; "
            f"free some, or name {other}"
        )


def check_reachable(root: Place) -> None:
    """Raise `DataFolderError` where an object store does not let its prefix be listed; a disk is there."""
    if isinstance(root, ObjectPlace):
        root.names()
