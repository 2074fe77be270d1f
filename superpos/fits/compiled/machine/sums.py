"""Sums in the order in which NumPy adds up contiguous numbers, so that a compiled formula gives NumPy's bits.

    up to 7 numbers    one after another
    up to 128          eight running sums r_k over blocks of eight, ((r_0 + r_1) + (r_2 + r_3)) +
                       ((r_4 + r_5) + (r_6 + r_7)), then the rest one after another
    more               both halves, the first a multiple of 8 long

Source: the order is that of pairwise summation in NumPy's `add.reduce` (Higham, SIAM J. Sci. Comput. 14
(1993)); the tests compare bits.
"""

from __future__ import annotations

from superpos.fits.compiled.machine.options import OPTIONS, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, part
from superpos.fits.compiled.machine.vectors import cold

BLOCK = 128
"""Most numbers that are not halved."""


@compiled(OPTIONS)
def _block(x: FloatPointer, count: int) -> float:
    """Return the sum of at most 128 numbers."""
    if count < 8:
        value = -0.0
        for j in range(count):
            value += x[j]
        return value
    r0, r1, r2, r3, r4, r5, r6, r7 = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
    whole = count - count % 8
    for j in range(8, whole, 8):
        r0, r1, r2, r3 = r0 + x[j], r1 + x[j + 1], r2 + x[j + 2], r3 + x[j + 3]
        r4, r5, r6, r7 = r4 + x[j + 4], r5 + x[j + 5], r6 + x[j + 6], r7 + x[j + 7]
    value = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for j in range(whole, count):
        value += x[j]
    return value


@compiled(OPTIONS)
def numpy_sum(x: FloatPointer, count: int) -> float:
    """Return the sum of contiguous numbers, as `numpy.sum` does."""
    cold()
    if count <= BLOCK:
        return _block(x, count)
    half = count // 2
    half -= half % 8
    return numpy_sum(x, half) + numpy_sum(part(x, half), count - half)
