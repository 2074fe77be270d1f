"""Arrays as safetensors, in shards of bounded size, and an index from keys to tensors.

    directions   direction_key   coef_raw, coef_scaled, coef_whitened, intercept, scale
    psms         psm_key         matrix
    joint_fits   joint_key       vectors, logits, similarities
    fits         fit_key         vectors, similarities, polished
    phi          dataset_key     phi

A tensor is named `KIND/KEY/ARRAY`, and lies in the file that the index says. Names of the rows stand in the
index beside directions and matrices.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from safetensors.numpy import save_file

from superpos.db.snapshot import ARRAYS, Named, Rows, Snapshot
from superpos.export.tables import write_rows

SHARD_BYTES = 128 * 2**20
"""Arrays that are held at once, about, and the size of a file."""
SHARD_ROWS = 20_000
"""Tensors of a file: its header names each."""
INDEX = pa.schema(
    [
        pa.field("kind", pa.string()),
        pa.field("key", pa.string()),
        pa.field("array", pa.string()),
        pa.field("tensor", pa.string(), metadata={"description": "name of the tensor in its file"}),
        pa.field("file", pa.string()),
        pa.field("dtype", pa.string()),
        pa.field("shape", pa.list_(pa.int64())),
        pa.field(
            "names", pa.list_(pa.string()), metadata={"description": "of the rows; empty where unknown"}
        ),
    ]
)


def write_tensors(read: Snapshot, folder: Path) -> dict[str, int]:
    """Write the arrays of the studies, and the index; return the number of tensors by kind."""
    counts = dict.fromkeys(ARRAYS, 0)

    def index() -> Iterator[Rows]:
        for kind in ARRAYS:
            for place, shard in enumerate(_shards(read.arrays(kind))):
                counts[kind] += len(shard)
                yield _write_shard(read, kind, shard, folder / f"{kind}-{place:05}.safetensors")

    write_rows(folder / "index.parquet", INDEX, index())
    return counts


def _write_shard(read: Snapshot, kind: str, shard: list[Named], path: Path) -> Rows:
    """Write one file; return its rows of the index."""
    tensors = {f"{kind}/{key}/{name}": np.ascontiguousarray(array) for key, name, array in shard}
    save_file(tensors, path)
    path.chmod(path.parent.stat().st_mode & 0o666)  # the library lets nobody else read it
    names = read.names(kind, sorted({key for key, _, _ in shard}))
    return [
        (
            kind,
            key,
            name,
            f"{kind}/{key}/{name}",
            path.name,
            str(array.dtype),
            array.shape,
            names.get(key, ()),
        )
        for key, name, array in shard
    ]


def _shards(arrays: Iterator[Named]) -> Iterator[list[Named]]:
    shard: list[Named] = []
    size = 0
    for one in arrays:
        shard.append(one)
        size += one[2].nbytes
        if size >= SHARD_BYTES or len(shard) >= SHARD_ROWS:
            yield shard
            shard, size = [], 0
    if shard:
        yield shard
