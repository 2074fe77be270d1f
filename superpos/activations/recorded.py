"""Activations that were recorded elsewhere, into the same checked files as those of a model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.activations.shard_writer import ShardWriter
from superpos.records.data import ActivationInfo
from superpos.storage.files import Place, check_free_space

SHARD_BYTES = 1 << 30


def write_recorded(
    values: NDArray[Any],
    hookpoint: str,
    layer: int,
    root: Place,
    stem: str,
    *,
    dtype: str = "float32",
    identity: str = "",
) -> ActivationInfo:
    """Write the activations of one place; rows are samples in order.

    Parameters
    ----------
    values
        (n_samples, d). Half precision is kept, all else is stored in single precision.
    hookpoint, layer
        Where they are from.
    root, stem
        Data folder, and the stem of the files as in `superpos.activations.extract`.
    dtype
        In which they were computed, for the record.
    identity
        What the content depends on: files of another content are made anew.

    Returns
    -------
    ActivationInfo
        With the status `non_finite`, `constant` or `ok`, and no agreement: there is no oracle.
    """
    n_rows, width = values.shape
    with np.errstate(over="ignore"):  # what single precision does not hold is infinite, and said so
        rows = np.ascontiguousarray(values, dtype="float16" if dtype == "float16" else "float32")
    status, n_constant = "ok", None
    if not np.isfinite(rows).all():
        status = "non_finite"
    else:
        n_constant = int(np.count_nonzero((rows == rows[:1]).all(axis=0)))
        status = "constant" if n_constant == width and n_rows > 1 else "ok"
    writer = ShardWriter(root, stem, n_rows, width, rows.dtype.name, SHARD_BYTES, f"recorded {identity}")
    try:
        if status == "ok":
            check_free_space(root, writer.n_bytes_missing)
            writer.write(0, rows)
        else:
            writer.drop()
        return ActivationInfo(
            hookpoint=hookpoint,
            layer=layer,
            status=status,
            n_rows=n_rows,
            d_hook=width,
            dtype=dtype,
            agreement=math.nan,
            shards=writer.shards() if status == "ok" else (),
            n_constant=n_constant,
        )
    finally:
        writer.close()
