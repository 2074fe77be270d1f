"""Products of a tall matrix with thin ones, a column for each feature, with the bits of BLAS in less time.

    multiply    Z V             (n, d) (d, k)
    curve       Z V and Z^T (D * Z V) in single precision, the second while the rows of Z are in the cache

Half of a probe's time goes into these. BLAS packs both matrices first, which a thin one does not pay for;
here only the thin one is padded, to whole registers (`superpos.probes.tiles`).

The order of the sums is that of OpenBLAS' kernels for AVX-512: a sum is cut into parts of at most `PARTS`
entries, each is added up in order by fused multiply-adds, and the parts are added in order. Products of at
most `SMALL` multiplications go to BLAS, which packs nothing then and has another order. Other kernels have
others too. So before a shape is first computed here, random matrices with its edges and its sums are
multiplied both ways (about 2 ms). Where a bit differs, BLAS goes on with that shape: no result moves.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import config, njit
from numpy.typing import NDArray

from superpos.probes.tiles import REGISTER, make_tile
from superpos.seeding import generator

PARTS = {4: 448, 8: 384}
"""Entries of a sum that are added in one go, by the bytes of an entry."""
UNROLL = 16
"""What the last two parts are rounded to."""
SMALL = 100**3
"""Multiplications up to which OpenBLAS has kernels without packing."""
BLOCK = 256
"""Rows of `curve` whose sums are added in one go, no more than a part has."""
WITHIN = 64
"""Rows that pass both products while they are in the cache."""
PERIOD = 96
"""Rows and columns after which the edges of a matrix repeat: a multiple of all tiles of BLAS."""
TALL, WIDE = 8, 2
"""Rows and registers of a tile of the first product."""
BROAD = 4
"""Features, and registers, of a tile of the second product."""

Matrix = NDArray[Any]
_COMPILED = {"nogil": True, "cache": True, "error_model": "numpy"}
_tall, _low = make_tile(TALL, WIDE), make_tile(1, WIDE)
_broad, _narrow, _thin = make_tile(BROAD, BROAD), make_tile(BROAD, 1), make_tile(BROAD, 1, scalar=True)


def multiply(Z: Matrix, V: Matrix) -> Matrix:
    """Return Z V, (n, k), for Z (n, d) and V (d, k)."""
    (n, d), k = Z.shape, V.shape[1]
    if _ours(Z, n, k) and _multiplies_alike(Z.itemsize, _short(n, d * k), d, k):
        return _product(Z, V)
    return np.asarray(Z @ V)


def curve(Z: Matrix, V: Matrix, D: Matrix) -> tuple[Matrix, Matrix]:
    """Return Z V, (n, k), and Z^T (D * Z V), (d, k), summed block by block, for D (n, k), all float32."""
    (n, k), d = D.shape, Z.shape[1]
    images, total = np.empty((n, k), dtype=Z.dtype), np.zeros((k, d), dtype=Z.dtype)
    whole = n - n % BLOCK
    for first, last, step in ((0, whole, BLOCK), (whole, n, n - whole)):
        if first == last:
            continue
        if _curves_alike(Z, step, k):
            width = WIDE * REGISTER // Z.itemsize
            _curve(Z, first, last, step, _padded(V, width), D, images, total, _parts(d, Z.itemsize))
            continue
        for start in range(first, last, step):
            rows = slice(start, start + step)
            np.matmul(Z[rows], V, out=images[rows])
            total += np.ascontiguousarray((D[rows] * images[rows]).T) @ Z[rows]
    return images, total.T


def _curves_alike(Z: Matrix, n: int, k: int) -> bool:
    """Whether blocks of n rows are computed here."""
    d = Z.shape[1]
    return (
        k % BROAD == 0
        and _ours(Z, n, k)
        and _multiplies_alike(Z.itemsize, n, d, k)
        and _pulls_alike(n, _short(d, n * k), k)
    )


def _ours(Z: Matrix, n: int, k: int) -> bool:
    """Whether products with n rows of Z and k columns may be computed here."""
    large = k > 1 and n * Z.shape[1] * k > SMALL
    return large and Z.itemsize in PARTS and bool(Z.flags.c_contiguous) and not config.DISABLE_JIT


def _short(length: int, rest: int) -> int:
    """Return a length with the same edge, with which a product is still a large one."""
    return min(length, length % PERIOD + PERIOD * (1 + SMALL // (rest * PERIOD)))


@cache
def _multiplies_alike(size: int, n: int, d: int, k: int) -> bool:
    Z, V = _drawn(size, (n, d)), _drawn(size, (d, k))
    return np.array_equal(_product(Z, V), Z @ V)


@cache
def _pulls_alike(n: int, d: int, k: int) -> bool:
    Z, U = _drawn(4, (n, d)), _drawn(4, (n, k))
    sums = np.zeros((k, d), dtype=np.float32)
    _add_pull(Z, 0, U, sums)
    return np.array_equal(sums, U.T @ Z)


def _drawn(size: int, shape: tuple[int, int]) -> Matrix:
    draw = generator("sample", name=f"thin products {shape}", seed=0)
    return draw.standard_normal(shape, dtype=np.float32 if size == 4 else np.float64)


def _product(Z: Matrix, V: Matrix) -> Matrix:
    product = np.empty((len(Z), V.shape[1]), dtype=Z.dtype)
    _multiply(Z, _padded(V, WIDE * REGISTER // Z.itemsize), product, _parts(Z.shape[1], Z.itemsize))
    return product


def _parts(length: int, size: int) -> NDArray[np.int64]:
    """Return the lengths of the parts in which a sum of that length is added."""
    most, parts = PARTS[size], list[int]()
    while length:
        part = most
        if length <= most:
            part = length
        elif length < 2 * most:
            part = -(-(length // 2) // UNROLL) * UNROLL
        parts.append(part)
        length -= part
    return np.array(parts, dtype=np.int64)


def _padded(matrix: Matrix, multiple: int) -> Matrix:
    """Return a thin matrix with columns of zeros up to a multiple."""
    height, k = matrix.shape
    padded = np.zeros((height, -(-k // multiple) * multiple), dtype=matrix.dtype)
    padded[:, :k] = matrix
    return padded


@njit(**_COMPILED)  # type: ignore[untyped-decorator]
def _images(Z: Matrix, first: int, last: int, V: Matrix, out: Matrix, parts: NDArray[np.int64]) -> None:
    """Write rows of Z V, V padded to whole registers."""
    size, d, width, k = Z.itemsize, Z.shape[1], V.shape[1], out.shape[1]
    registers = WIDE * REGISTER // size
    sums = np.empty((TALL, width), Z.dtype)
    z, v, s = Z.ctypes.data, V.ctypes.data, sums.ctypes.data
    for i in range(first, last, TALL):
        height = min(TALL, last - i)
        out[i : i + height] = 0.0
        done = 0
        for part in parts:
            sums[:] = 0.0
            for j in range(0, width, registers):
                right, place = v + size * (done * width + j), s + size * j
                if height == TALL:
                    _tall(Z, z + size * (i * d + done), d, 1, right, width, place, width, part)
                else:
                    for row in range(height):
                        left = z + size * ((i + row) * d + done)
                        _low(Z, left, d, 1, right, width, place + size * row * width, width, part)
            out[i : i + height] += sums[:height, :k]
            done += part


@njit(**_COMPILED)  # type: ignore[untyped-decorator]
def _add_pull(Z: Matrix, first: int, U: Matrix, total: Matrix) -> None:
    """Add Z^T U over the rows of U, those of Z from `first` on, to `total`, (k, d); `BROAD` divides k."""
    size, d = Z.itemsize, Z.shape[1]
    n, k = U.shape
    lanes = REGISTER // size
    z, u, t = Z.ctypes.data + size * first * d, U.ctypes.data, total.ctypes.data
    c = 0
    while c < d:
        step = BROAD * lanes
        if c + step > d:
            step = lanes if c + lanes <= d else 1
        right = z + size * c
        for j in range(0, k, BROAD):
            left, place = u + size * j, t + size * (j * d + c)
            if step > lanes:
                _broad(Z, left, 1, k, right, d, place, d, n)
            elif step > 1:
                _narrow(Z, left, 1, k, right, d, place, d, n)
            else:
                _thin(Z, left, 1, k, right, d, place, d, n)
        c += step


@njit(**_COMPILED)  # type: ignore[untyped-decorator]
def _multiply(Z: Matrix, V: Matrix, out: Matrix, parts: NDArray[np.int64]) -> None:
    _images(Z, 0, Z.shape[0], V, out, parts)


@njit(**_COMPILED)  # type: ignore[untyped-decorator]
def _curve(
    Z: Matrix,
    start: int,
    stop: int,
    step: int,
    V: Matrix,
    D: Matrix,
    images: Matrix,
    total: Matrix,
    parts: NDArray[np.int64],
) -> None:
    sums = np.empty_like(total)
    for block in range(start, stop, step):
        sums[:] = 0.0
        end = min(block + step, stop)
        for first in range(block, end, WITHIN):
            last = min(first + WITHIN, end)
            _images(Z, first, last, V, images, parts)
            _add_pull(Z, first, D[first:last] * images[first:last], sums)
        total += sums
