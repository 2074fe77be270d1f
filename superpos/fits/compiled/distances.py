"""Distances between the similarity matrices of a cell, all in one compiled call.

    pairs              sum_ij (|A_ij - B_ij| / l)^2,  l = max_ij |A_ij - B_ij|,  for d_2 = l sqrt(sum)
    off the diagonal   sum_{i != j} (A_ij - B_ij)^2
    upper triangle     sum_{i < j} A_ij

These are the sums of `superpos.psms.distances`, term for term and in the order in which NumPy adds (module
`sums`), so the bits are the same. A cell has eight such distances between matrices of a few hundred numbers;
of the time that NumPy takes for them nine tenths are calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from superpos.arrays import Float, Int
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.options import PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, part
from superpos.fits.compiled.machine.sums import numpy_sum


@compiled(PASTE)
def _is_finite(x: FloatPointer, count: int) -> bool:
    for j in range(count):
        if not math.isfinite(x[j]):
            return False
    return True


@entry
def sums_of_pairs(stack: Float, size: int, pairs: Int, buffer: Float, out: Float) -> None:
    """Write l and the sum of each pair of matrices, NaN where one of them is not finite.

    Parameters
    ----------
    stack
        Matrices of `size` numbers, one after another.
    pairs
        Which two, (pairs, 2), flat.
    buffer
        `size` numbers.
    out
        (pairs, 2), flat.
    """
    matrices, terms = part(stack, 0), part(buffer, 0)
    for k in range(pairs.size // 2):
        a, b = part(matrices, pairs[2 * k] * size), part(matrices, pairs[2 * k + 1] * size)
        largest = 0.0
        for j in range(size):
            terms[j] = abs(a[j] - b[j])
            if not terms[j] <= largest:
                largest = terms[j]
        out[2 * k] = largest
        out[2 * k + 1] = 0.0
        if not (_is_finite(a, size) and _is_finite(b, size)):
            out[2 * k] = out[2 * k + 1] = math.nan
        elif largest > 0.0:
            for j in range(size):
                share = terms[j] / largest
                terms[j] = share * share
            out[2 * k + 1] = numpy_sum(terms, size)


@entry
def sums_off_diagonal(matrices: Float, others: Float, n: int, buffer: Float) -> tuple[float, float]:
    """Return the sum of (A - B)^2 off the diagonal and that of A above it, for flat (n, n)."""
    a, b, terms, count = part(matrices, 0), part(others, 0), part(buffer, 0), 0
    for i in range(n):
        for j in range(n):
            if i != j:
                difference = a[i * n + j] - b[i * n + j]
                terms[count] = difference * difference
                count += 1
    off = numpy_sum(terms, count)
    count = 0
    for i in range(n):
        for j in range(i + 1, n):
            terms[count] = a[i * n + j]
            count += 1
    return off, numpy_sum(terms, count)


class MatrixStack:
    """Similarity matrices of one size, (n, n), beside one another, to be compared."""

    def __init__(self, count: int, n: int) -> None:
        self.matrices = np.empty((count, n, n))
        self._buffer = np.empty(n * n)

    def off_diagonal(self, a: int, b: int) -> tuple[float, float]:
        """Return the root mean square of A - B over i != j, and the mean of A over i < j."""
        n = self.matrices.shape[1]
        flat = self.matrices[a].ravel(), self.matrices[b].ravel()
        squares, total = sums_off_diagonal(*flat, n, self._buffer)
        pairs = n * (n - 1) // 2
        return math.sqrt(squares / (2 * pairs)), total / pairs

    def distances(self, pairs: Sequence[tuple[int, int]]) -> list[float]:
        """Return the Minkowski distances of order 2 of pairs of matrices by place, NaN where not finite."""
        out = np.empty(2 * len(pairs))
        flat = np.array(pairs, dtype=np.int64).ravel()
        sums_of_pairs(self.matrices.ravel(), self._buffer.size, flat, self._buffer, out)
        # Raised to a power as `minkowski_distance` does it: a square root may differ in the last bit.
        return [largest * total ** (1.0 / 2.0) for largest, total in out.reshape(-1, 2).tolist()]
