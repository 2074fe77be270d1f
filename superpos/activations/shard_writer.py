"""Rows of one activation matrix into files, in any order, kept shard by shard.

A shard is laid down under a temporary name when its first row comes, stays open until its last one has come,
and is then synced, hashed and renamed, or uploaded as one object: whatever carries the final name is
complete. Memory does not grow with the number of rows. A pass that ends early leaves its finished shards, and
the next one makes the others.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.activations.journal import Journal
from superpos.activations.shards import TENSOR
from superpos.arrays import Bool
from superpos.errors import DataFolderError, StageError
from superpos.hashing import file_digest
from superpos.records.data import Shard
from superpos.storage.files import Place, publish, read_part, remove_stored, scratch_of
from superpos.storage.layout import journal_file, shard_file

SAFETENSORS_DTYPES = {"float32": "F32", "float16": "F16"}


class ShardWriter:
    """Files of at most `shard_bytes` of data each; rows of finished shards are passed over."""

    def __init__(
        self,
        root: Place,
        stem: str,
        n_rows: int,
        width: int,
        dtype: str,
        shard_bytes: int,
        identity: str = "",
    ) -> None:
        self.root = root
        self.width = width
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.row_bytes = width * self.dtype.itemsize
        self.rows_per_shard = max(1, shard_bytes // self.row_bytes)
        self.sizes = [
            min(self.rows_per_shard, n_rows - start) for start in range(0, n_rows, self.rows_per_shard)
        ]
        self.paths = [shard_file(stem, number) for number in range(len(self.sizes))]
        self.folder = (root / self.paths[0]).parent
        whole = f"{identity} {n_rows} {width} {self.dtype.name} {self.rows_per_shard}"
        self.journal = Journal(root / journal_file(stem), whole)
        self.journal.read(self.folder)
        self._headers = [self._header(number) for number in range(len(self.sizes))]
        self._open: dict[int, FileIO] = {}
        self._left = dict(enumerate(self.sizes))
        self._remove_leftovers()

    @property
    def n_bytes_missing(self) -> int:
        """Bytes of data that are still to be written."""
        return sum(size * self.row_bytes for number, size in enumerate(self.sizes) if not self._done(number))

    def missing_rows(self) -> Bool:
        """Return which rows belong to shards that are not finished, (n_rows,)."""
        return np.repeat([not self._done(number) for number in range(len(self.sizes))], self.sizes)

    def write(self, first_row: int, values: NDArray[Any]) -> None:
        """Put `values`, (m, width), into rows `first_row` and following, each row once."""
        if values.ndim != 2 or values.shape[1] != self.width:
            raise StageError(f"{self.paths[0]}: rows of shape {values.shape[1:]} instead of ({self.width},)")
        for number, offset, start, stop in self._parts(first_row, values.shape[0]):
            if self._done(number):
                continue
            content = np.ascontiguousarray(values[start:stop], dtype=self.dtype)
            stream = self._stream(number)
            stream.seek(len(self._headers[number]) + offset * self.row_bytes)
            left = content.data.cast("B")
            while left:
                left = left[stream.write(left) :]
            self._left[number] -= stop - start
            if self._left[number] == 0:
                self._finish(number)

    def read(self, first_row: int, n_rows: int) -> NDArray[Any]:
        """Return rows written before, (n_rows, width)."""
        found = np.empty((n_rows, self.width), dtype=self.dtype)
        for number, offset, start, stop in self._parts(first_row, n_rows):
            path = self.root / self.paths[number] if self._done(number) else self._temporary(number)
            digest = self.journal.digests.get(path.name, "")
            first = len(self._headers[number]) + offset * self.row_bytes
            content = read_part(path, digest, first, (stop - start) * self.row_bytes)
            found[start:stop] = np.frombuffer(content, dtype=self.dtype).reshape(-1, self.width)
        return found

    def shards(self) -> tuple[Shard, ...]:
        """Return the records of all shards; raises `StageError` if rows are missing."""
        if missing := int(np.count_nonzero(self.missing_rows())):
            raise StageError(f"{self.paths[0]}: {missing} rows were never written")
        return tuple(
            Shard(path, size, self.width, self.dtype.name, self.journal.digests[Path(path).name])
            for path, size in zip(self.paths, self.sizes, strict=True)
        )

    def close(self) -> None:
        """Close and remove what is not finished."""
        for number, stream in self._open.items():
            stream.close()
            self._temporary(number).unlink(missing_ok=True)
        self._open.clear()

    def drop(self) -> None:
        """Remove every file of this set, finished or not."""
        self.close()
        self.journal.drop()
        for path in self.paths:
            remove_stored(self.root / path)

    def _done(self, number: int) -> bool:
        return Path(self.paths[number]).name in self.journal.digests

    def _parts(self, first_row: int, n_rows: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield shard, first row in it, and the slice of the given rows that lies in it."""
        done = 0
        while done < n_rows:
            number, offset = divmod(first_row + done, self.rows_per_shard)
            count = min(n_rows - done, self.sizes[number] - offset)
            yield number, offset, done, done + count
            done += count

    def _temporary(self, number: int) -> Path:
        return scratch_of(self.root / self.paths[number])

    def _header(self, number: int) -> bytes:
        shape = [self.sizes[number], self.width]
        n_bytes = self.sizes[number] * self.row_bytes
        entry = {"dtype": SAFETENSORS_DTYPES[self.dtype.name], "shape": shape, "data_offsets": [0, n_bytes]}
        header = json.dumps({TENSOR: entry}, separators=(",", ":")).encode("ascii")
        header += b" " * (-len(header) % 8)  # data begin at a multiple of 8 bytes
        return len(header).to_bytes(8, "little") + header

    def _stream(self, number: int) -> FileIO:
        """Return the open file of a shard; its first use writes the header and reserves the data."""
        if number not in self._open:
            temporary = self._temporary(number)
            temporary.parent.mkdir(parents=True, exist_ok=True)
            stream = FileIO(temporary, "w+")
            self._open[number] = stream
            stream.write(self._headers[number])
            stream.truncate(len(self._headers[number]) + self.sizes[number] * self.row_bytes)
        return self._open[number]

    def _finish(self, number: int) -> None:
        stream = self._open.pop(number)
        os.fsync(stream.fileno())
        stream.close()
        temporary, final = self._temporary(number), self.root / self.paths[number]
        digest = file_digest(temporary)
        try:
            publish(temporary, final, digest)
        except DataFolderError:
            temporary.unlink(missing_ok=True)
            raise
        self.journal.add(final.name, digest)  # which syncs the folder

    def _remove_leftovers(self) -> None:
        """Remove temporary files of processes of this machine that are gone."""
        folder = self._temporary(0).parent
        if not folder.is_dir():
            return
        names = "|".join(re.escape(Path(path).name) for path in self.paths)
        pattern = re.compile(rf"\.({names})\.{re.escape(socket.gethostname())}\.(\d+)\.tmp")
        for path in folder.iterdir():
            match = pattern.fullmatch(path.name)
            if match and not _alive(int(match[2])):
                path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name == "nt":  # where signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there and is another user's
        return True
    return True
