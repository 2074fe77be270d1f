"""Activation matrices in safetensors files: rows are samples in order, files are checked by SHA-256.

A writer knows the shape beforehand, so it lays down the file under a temporary name and puts rows where they
belong in whatever order they come; memory does not grow with the number of rows. The finished file is synced,
hashed and renamed: whatever carries the final name is complete.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.errors import InputError, StageError
from superpos.files import sync_folder
from superpos.hashing import file_digest, text_digest
from superpos.records.data import Shard

TENSOR = "activations"
SAFETENSORS_DTYPES = {"float32": "F32", "float16": "F16"}


class ShardWriter:
    """Rows of one activation matrix, put into files of at most `shard_bytes` each."""

    def __init__(self, root: Path, stem: str, n_rows: int, width: int, dtype: str, shard_bytes: int) -> None:
        self.root = root
        self.width = width
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.row_bytes = width * self.dtype.itemsize
        self.rows_per_shard = max(1, shard_bytes // self.row_bytes)
        self.sizes = [
            min(self.rows_per_shard, n_rows - start) for start in range(0, n_rows, self.rows_per_shard)
        ]
        self.paths = [
            f"activations/{stem[:2]}/{stem}-{number:03d}.safetensors" for number in range(len(self.sizes))
        ]
        self._data_starts = [self._lay_down(number) for number in range(len(self.sizes))]

    def write(self, first_row: int, values: NDArray[Any]) -> None:
        """Put `values`, (m, width), into rows `first_row` and following."""
        if values.ndim != 2 or values.shape[1] != self.width:
            raise StageError(f"{self.paths[0]}: rows of shape {values.shape[1:]} instead of ({self.width},)")
        done = 0
        while done < values.shape[0]:
            number, offset = divmod(first_row + done, self.rows_per_shard)
            part = values[done : done + self.sizes[number] - offset]
            with self._temporary(number).open("r+b") as stream:
                stream.seek(self._data_starts[number] + offset * self.row_bytes)
                stream.write(np.ascontiguousarray(part, dtype=self.dtype).tobytes())
            done += part.shape[0]

    def read(self, first_row: int, n_rows: int) -> NDArray[Any]:
        """Return rows written before, (n_rows, width)."""
        parts = []
        done = 0
        while done < n_rows:
            number, offset = divmod(first_row + done, self.rows_per_shard)
            count = min(n_rows - done, self.sizes[number] - offset)
            with self._temporary(number).open("rb") as stream:
                stream.seek(self._data_starts[number] + offset * self.row_bytes)
                content = stream.read(count * self.row_bytes)
            parts.append(np.frombuffer(content, dtype=self.dtype).reshape(count, self.width))
            done += count
        return np.concatenate(parts)

    def finish(self) -> tuple[Shard, ...]:
        """Sync, hash and rename the files; return their records."""
        shards = []
        for number, path in enumerate(self.paths):
            temporary, final = self._temporary(number), self.root / path
            with temporary.open("r+b") as stream:
                os.fsync(stream.fileno())
            digest = file_digest(temporary)
            temporary.replace(final)
            sync_folder(final.parent)
            shards.append(Shard(path, self.sizes[number], self.width, self.dtype.name, digest))
        return tuple(shards)

    def discard(self) -> None:
        """Remove the temporary files."""
        for number in range(len(self.paths)):
            self._temporary(number).unlink(missing_ok=True)

    def _temporary(self, number: int) -> Path:
        final = self.root / self.paths[number]
        return final.with_name(f".{final.name}.{os.getpid()}.tmp")

    def _lay_down(self, number: int) -> int:
        """Write the header and reserve the data of one file; return where the data begin."""
        shape = [self.sizes[number], self.width]
        n_bytes = self.sizes[number] * self.row_bytes
        entry = {"dtype": SAFETENSORS_DTYPES[self.dtype.name], "shape": shape, "data_offsets": [0, n_bytes]}
        header = json.dumps({TENSOR: entry}, separators=(",", ":")).encode("ascii")
        header += b" " * (-len(header) % 8)  # data begin at a multiple of 8 bytes
        path = self._temporary(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            stream.write(len(header).to_bytes(8, "little") + header)
            stream.truncate(8 + len(header) + n_bytes)
        return 8 + len(header)


def check_free_space(root: Path, n_bytes: int) -> None:
    """Raise `StageError` unless the disk under `root` has `n_bytes` and a tenth free."""
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free < 1.1 * n_bytes:
        raise StageError(
            f"{root}: activations need {n_bytes / 1e9:.2f} GB and the disk has {free / 1e9:.2f} GB free; "
            "free some, or name another data folder"
        )


def read_shards(root: Path, shards: Sequence[Shard]) -> NDArray[Any]:
    """Return the activation matrix (n_rows, d) of shards, each checked against its SHA-256.

    Raises
    ------
    InputError
        Naming a file that is missing, damaged or of another shape, and how to make it again.
    """
    from safetensors.numpy import load

    if not shards:
        raise InputError(f"{root}: this activation set has no shards (its status is not ok)")
    parts = []
    for shard in shards:
        path = root / shard.path
        mend = "delete it and build the activation set again (run --rebuild KEY)"
        if not path.is_file():
            raise InputError(
                f"{path}: activation file is missing; build the activation set again (run --rebuild KEY)"
            )
        content = path.read_bytes()
        if (digest := text_digest(content)) != shard.sha256:
            raise InputError(
                f"{path}: activation file is damaged (SHA-256 {digest[:12]}…, recorded "
                f"{shard.sha256[:12]}…); {mend}"
            )
        values = load(content)[TENSOR]
        if values.shape != (shard.n_rows, shard.width) or values.dtype.name != shard.dtype:
            raise InputError(
                f"{path}: holds {values.dtype.name} {values.shape}, recorded is {shard.dtype} "
                f"{(shard.n_rows, shard.width)}; {mend}"
            )
        parts.append(values)
    return np.concatenate(parts) if len(parts) > 1 else parts[0]
