"""A place in an object store, by fsspec: what is read, written and removed there.

An upload is atomic: an object is what it was before, or whole. A reader that was cut off, or whose answer was
lost, asks again; asking twice for any of these operations is the same as asking once.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from superpos.errors import DataFolderAwayError, DataFolderError, FileLostError
from superpos.storage.failing import MISTAKES, Meaning, meaning_of, reason_of

R = TypeVar("R")
READ_SECONDS = 20.0
"""How long a read is tried; whoever waits for it can wait longer and say so."""
WRITE_SECONDS = 300.0
"""How long a write is tried: work stands behind it that is lost otherwise."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
PART_BYTES = 1 << 26
"""Bytes of an object that are hashed at a time."""
CONNECT_SECONDS, ANSWER_SECONDS = 10, 60


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """An object or a prefix: a URL and nothing else, so that no secret travels with it."""

    url: str

    def __truediv__(self, name: str) -> ObjectPlace:
        """Return a place below this one, names divided by slashes."""
        return ObjectPlace(f"{self.url}/{name}")

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """What stands behind the last slash."""
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> ObjectPlace:
        """The place that this one is below."""
        return ObjectPlace(self.url.rpartition("/")[0])

    def read(self) -> bytes | None:
        """Return the content, None if there is no such object."""
        return self._found(lambda fs, path: bytes(fs.cat_file(path)))

    def read_part(self, first: int, count: int) -> bytes:
        """Return some bytes of the content; raises `FileLostError` if there are no such bytes."""
        found = self._found(lambda fs, path: bytes(fs.cat_file(path, start=first, end=first + count)))
        if found is None or len(found) != count:
            raise FileLostError(f"{self}: is missing or shorter than it was")
        return found

    def digest(self) -> str | None:
        """Return the SHA-256 of the content as 64 hexadecimal digits, None if there is no such object."""
        size = self._found(lambda fs, path: int(fs.info(path)["size"]))
        if size is None:
            return None
        digest = hashlib.sha256()
        for first in range(0, size, PART_BYTES):
            digest.update(self.read_part(first, min(PART_BYTES, size - first)))
        return digest.hexdigest()

    def write(self, content: bytes) -> None:
        """Put an object with this content; raises `DataFolderError` where that cannot be done."""
        self._done(lambda fs, path: fs.pipe_file(path, content))

    def upload(self, file: Path) -> None:
        """Put an object with the content of a file; raises `DataFolderError` where that cannot be done."""
        self._done(lambda fs, path: fs.put_file(str(file), path))

    def remove(self) -> None:
        """Remove the object if there is one."""
        self._found(lambda fs, path: fs.rm_file(path))

    def names(self) -> tuple[str, ...]:
        """Return the names right below a prefix; raises `DataFolderError` if the store refuses."""
        found = self._found(lambda fs, path: [str(one) for one in fs.ls(path, detail=False)])
        return tuple(sorted(name.rstrip("/").rpartition("/")[2] for name in found or ()))

    def try_out(self) -> None:
        """Write, read, list and remove a small object.

        Raises
        ------
        DataFolderError
            Naming what cannot be done.
        """
        place, content = self / f"superpos-doctor-{uuid4().hex}", os.urandom(64)
        place._ask(lambda fs, path: fs.pipe_file(path, content), READ_SECONDS, "cannot be written")  # noqa: SLF001
        if place.read() != content:
            raise DataFolderError(f"{self}: does not give back what was written")
        if place.name not in self.names():
            raise DataFolderError(f"{self}: does not list what was written")
        place.remove()
        if place.read() is not None:
            raise DataFolderError(f"{place}: was removed and is still there")

    def _found(self, work: Callable[[Any, str], R]) -> R | None:
        return self._ask(work, READ_SECONDS, "cannot be read")

    def _done(self, work: Callable[[Any, str], Any]) -> None:
        try:
            if self._ask(lambda fs, path: (work(fs, path),), WRITE_SECONDS, "cannot be written") is None:
                raise DataFolderError(f"{self}: cannot be written: no such bucket")
        except DataFolderAwayError as error:  # it has been waited for already
            raise DataFolderError(f"{error}; waited {WRITE_SECONDS:.0f} s; finished work is kept") from error

    def _ask(self, work: Callable[[Any, str], R], seconds: float, what: str) -> R | None:
        """Return what `work` returns for the file system and the path; None if nothing is there.

        Raises
        ------
        DataFolderError
            If the store refuses.
        DataFolderAwayError
            If it does not answer within `seconds`, though it is asked again.
        """
        began, pause = time.monotonic(), FIRST_PAUSE
        while True:
            try:
                fs, path = _opened(self.url, os.getpid())
                return work(fs, path)
            except MISTAKES:
                raise
            except Exception as error:  # drivers have errors of their own; see superpos.storage.failing
                meaning = meaning_of(error)
                if meaning is Meaning.GONE:
                    return None
                said = f"{self}: {what}: {reason_of(error)}"
                if meaning is Meaning.REFUSED:
                    raise DataFolderError(said) from error
                if time.monotonic() - began + pause > seconds:
                    raise DataFolderAwayError(said) from error
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _opened(url: str, process: int) -> tuple[Any, str]:
    """Return the file system of a URL, and its path there."""
    scheme, _, rest = url.partition("://")
    root = f"{scheme}://{rest.partition('/')[0]}"
    fs = _file_system(root, process)
    return fs, str(fs._strip_protocol(url))  # noqa: SLF001 (fsspec's own way to say this)


@cache
def _file_system(root: str, process: int) -> Any:  # noqa: ARG001 (connections do not survive a fork)
    """Return the file system of a bucket; what it listed is not remembered, for others write there too."""
    from fsspec.core import url_to_fs

    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if root.startswith(("s3://", "s3a://")):
        options["config_kwargs"] = {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": ANSWER_SECONDS,
            "retries": {"mode": "standard", "total_max_attempts": 1},
        }
    fs = url_to_fs(root, **options)[0]
    if hasattr(fs, "retries"):
        fs.retries = 1  # asking again is up to us: several loops one in another would take hours
    return fs
