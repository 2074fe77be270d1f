"""Activation matrices in safetensors files: rows are samples in order, files are checked by SHA-256.

They are written by `superpos.activations.shard_writer`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.errors import FileLostError, InputError, StageError
from superpos.hashing import text_digest
from superpos.reading.places import is_file, read_bytes
from superpos.records.data import Shard

TENSOR = "activations"
MEND = "a run of the study makes it again"


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
    FileLostError
        Naming a file that is missing, damaged or of another shape.
    InputError
        If there are no shards.
    """
    from safetensors.numpy import load

    if not shards:
        raise InputError(f"{root}: this activation set has no shards (its status is not ok)")
    parts = []
    for shard in shards:
        path = root / shard.path
        if not is_file(path):
            raise FileLostError(f"{path}: activation file is missing; {MEND}")
        content = read_bytes(path)
        if (digest := text_digest(content)) != shard.sha256:
            raise FileLostError(
                f"{path}: activation file is damaged (SHA-256 {digest[:12]}…, recorded "
                f"{shard.sha256[:12]}…); {MEND}"
            )
        values = load(content)[TENSOR]
        if values.shape != (shard.n_rows, shard.width) or values.dtype.name != shard.dtype:
            raise FileLostError(
                f"{path}: holds {values.dtype.name} {values.shape}, recorded is {shard.dtype} "
                f"{(shard.n_rows, shard.width)}; {MEND}"
            )
        parts.append(values)
    return np.concatenate(parts) if len(parts) > 1 else parts[0]
