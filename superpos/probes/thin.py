"""Products of a long matrix with a column a feature, block by block of its rows.

BLAS packs both matrices before it multiplies them, which takes longer than so thin a product itself. OpenBLAS
leaves the packing out where a product has at most `UNPACKED` multiplications, so the rows come in blocks of
that size: 1.3 to 2 times as fast on AVX-512, and no slower elsewhere. The order of the sums hangs on the
shapes alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Float

LARGE = 2**21
"""Entries of a matrix above which its products, not what surrounds them, take the time of probes. Up to there
every sum keeps the order it had before there were these blocks, and with it its last bits."""
UNPACKED = 10**6
"""Multiplications of a product that OpenBLAS does on the matrices as they lie."""
ROWS = 256
"""Rows in a block of a matrix that is not large, and where even a few rows are too many for that."""
REGISTER = 4
"""Columns are filled up to a multiple of this, for whole registers."""


def images(Z: NDArray[Any], V: NDArray[Any]) -> NDArray[Any]:
    """Return Z V, (n, k), in the precision of Z, block by block; V is (r, k)."""
    right = filled(V, Z.dtype)
    found = np.empty((len(Z), right.shape[1]), dtype=Z.dtype)
    for rows in blocks(Z.shape, right.shape[1]):
        np.matmul(Z[rows], right, out=found[rows])
    return found[:, : V.shape[1]]


def products(Z: Float, V: Float) -> Float:
    """Return Z V, (n, k), block by block where Z is large."""
    return images(Z, V) if Z.size > LARGE else Z @ V


def filled(vectors: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return vectors (n, k) with columns of zeros up to a whole number of registers, C order."""
    n, k = vectors.shape
    wide = np.zeros((n, -(-k // REGISTER) * REGISTER), dtype=dtype)
    wide[:, :k] = vectors
    return wide


def blocks(shape: tuple[int, ...], width: int) -> list[slice]:
    """Return the blocks of rows for products of a matrix (n, r) with `width` columns."""
    n, r = shape
    size = (n * r > LARGE and UNPACKED // (width * r) // 8 * 8) or ROWS
    return [slice(start, start + size) for start in range(0, n, size)]
