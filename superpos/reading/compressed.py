"""Files that are compressed as their name says: `.zst` (Zstandard, RFC 8878) and `.gz` (gzip, RFC 1952).

They are unpacked while they are read, so that memory does not depend on what a file unpacks to.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from superpos.reading.places import opened

CODECS = {".zst": "zstd", ".gz": "gzip"}
"""Endings of names, and what Arrow calls the format."""
_BUFFER_BYTES = 1 << 20


def format_of(path: Path) -> tuple[str, str]:
    """Return the ending that says what a file holds (`.csv`), in small letters, and how it is compressed.

    The second is `zstd`, `gzip`, or empty.
    """
    ending = path.suffix.lower()
    if ending not in CODECS:
        return ending, ""
    return path.with_suffix("").suffix.lower(), CODECS[ending]


def plain_name(path: Path) -> str:
    """Return the name of a file without the endings that say how it is written."""
    return Path(path.stem).stem if path.suffix.lower() in CODECS else path.stem


@contextmanager
def unpacked(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open a file, unpacking it if its name says that it is compressed.

    Reading what is no such stream, or is cut off, raises `OSError` where it is read.

    Raises
    ------
    InputError
        As `opened`.
    """
    _, codec = format_of(path)
    with opened(path) as stream:
        if not codec:
            yield stream
            return
        import pyarrow as pa

        with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), codec) as packed:
            # What Arrow gives reads like a raw stream of Python's, though it is not declared as one.
            yield io.BufferedReader(cast("io.RawIOBase", packed), _BUFFER_BYTES)
