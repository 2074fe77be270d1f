"""Activation matrices in safetensors files: rows are samples in order, files are checked by SHA-256.

They are written by `superpos.activations.shard_writer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.errors import FileLostError, InputError
from superpos.records.data import Shard
from superpos.storage.files import Place, read_checked

TENSOR = "activations"
MEND = "a run of the study makes it again"


def read_shards(root: Place, shards: Sequence[Shard]) -> NDArray[Any]:
    """Return the activation matrix (n_rows, d) of shards, each checked against its SHA-256.

    Raises
    ------
    FileLostError
        Naming a file that is missing, damaged or of another shape.
    DataFolderError
        If an object store cannot be read.
    InputError
        If there are no shards.
    """
    from safetensors.numpy import load

    if not shards:
        raise InputError(f"{root}: this activation set has no shards (its status is not ok)")
    parts = []
    for shard in shards:
        path = root / shard.path
        values = load(read_checked(path, shard.sha256, "activation file", MEND))[TENSOR]
        if values.shape != (shard.n_rows, shard.width) or values.dtype.name != shard.dtype:
            raise FileLostError(
                f"{path}: holds {values.dtype.name} {values.shape}, recorded is {shard.dtype} "
                f"{(shard.n_rows, shard.width)}; {MEND}"
            )
        parts.append(values)
    return np.concatenate(parts) if len(parts) > 1 else parts[0]
