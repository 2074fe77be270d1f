"""What the Hessian of the joint step is made of, by pairs, and the force that its gradient is small against.

    a, a', b, b'   sums of w~_i w~_j K', w~_i w~_j K'' and the mismatch's derivatives, each over its argument
    block of v     8 v_i v_j K_ij,  plus 4 (f_i - E) on the diagonal
    dJ/dv_i        4 v_i (f_i - E)
    force          max_i sum_j |w~_i w~_j K'| l_ij + max_i sum_j |mismatch'| l_ij,
                   l_ij = 2 ||p_ij|| / ||x_i|| of cosines, 4 ||x_i - x_j|| of distances

Notation of `superpos.fits.joint_curvature`, whose NumPy these are to the bit: the same products in the same
order, and sums as NumPy adds (module `sums`). What is left to NumPy is BLAS and the functions of the kinds,
which have bits of their own.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.machine.options import PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer
from superpos.fits.compiled.machine.sums import numpy_sum

N, F, BY_ANGLE, SPHERES, LEARNED, SHIFTS, COSINES, DIRECTED = range(8)
"""Integers: features, dimensions; whether the energy depends on cosines, norms are held, importance is
learned, a common shift changes nothing, the similarity depends on cosines, directions are read at all."""


@compiled(PASTE)
def fill_terms(
    at: IntPointer, v: FloatPointer, slope: FloatPointer, bend: FloatPointer, pull: FloatPointer,
    stiff: FloatPointer, terms: FloatPointer
) -> None:  # fmt: skip
    """Write a, a', b, b' and dK over its argument, five times (n, n), zero on the diagonals."""
    n = at[N]
    many = n * n
    for i in range(n):
        for j in range(n):
            pair = i * n + j
            if i == j:
                for k in range(5):
                    terms[k * many + pair] = 0.0
                continue
            both = (v[i] * v[i]) * (v[j] * v[j])
            energy, energy_bend = 0.0 + both * slope[pair], 0.0 + both * bend[pair]
            a = b = a2 = b2 = 0.0
            if at[BY_ANGLE] == 1:
                a, a2 = energy, energy_bend
            else:
                b, b2 = energy, energy_bend
            if at[COSINES] == 1:
                a, a2 = a + pull[pair], a2 + stiff[pair]
            else:
                b, b2 = b + pull[pair], b2 + stiff[pair]
            terms[pair], terms[many + pair] = a, a2
            terms[2 * many + pair], terms[3 * many + pair] = b, b2
            terms[4 * many + pair] = slope[pair]


@compiled(PASTE)
def fill_importance(
    at: IntPointer, v: FloatPointer, values: FloatPointer, fields: FloatPointer, energy: float,
    block: FloatPointer, gradient: FloatPointer
) -> None:  # fmt: skip
    """Write the block of the importance off its sphere, (n, n), and the gradient over v, (n,)."""
    n = at[N]
    for i in range(n):
        for j in range(n):
            block[i * n + j] = 8.0 * (v[i] * v[j]) * values[i * n + j]
        block[i * n + i] += 4.0 * (fields[i] - energy)
        gradient[i] = 4.0 * v[i] * (fields[i] - energy)


@compiled(PASTE)
def largest_force(
    at: IntPointer, units: FloatPointer, norms: FloatPointer, cosines: FloatPointer, squares: FloatPointer,
    v: FloatPointer, slope: FloatPointer, pull: FloatPointer, row: FloatPointer, other: FloatPointer,
    square: FloatPointer
) -> float:  # fmt: skip
    """Return the force; `row`, `other` and `square` are buffers of n, n and f numbers."""
    n, f = at[N], at[F]
    of_energy = of_mismatch = -1.0
    for i in range(n):
        for j in range(n):
            pair = i * n + j
            by_angle = far = 0.0
            if at[BY_ANGLE] == 1 or at[COSINES] == 1:
                for k in range(f):
                    toward = (units[j * f + k] - cosines[pair] * units[i * f + k]) / norms[i]
                    square[k] = toward * toward
                by_angle = 2.0 * math.sqrt(numpy_sum(square, f))
            if at[BY_ANGLE] == 0 or at[COSINES] == 0:
                far = 4.0 * math.sqrt(squares[pair])
            both = (v[i] * v[i]) * (v[j] * v[j])
            energy = 0.0 if i == j else both * slope[pair]
            mismatch = 0.0 if i == j else pull[pair]
            row[j] = (by_angle if at[BY_ANGLE] == 1 else far) * abs(energy)
            other[j] = (by_angle if at[COSINES] == 1 else far) * abs(mismatch)
        # What is no number stays, as in NumPy's largest.
        ours, theirs = numpy_sum(row, n), numpy_sum(other, n)
        if not (math.isnan(of_energy) or ours <= of_energy):
            of_energy = ours
        if not (math.isnan(of_mismatch) or theirs <= of_mismatch):
            of_mismatch = theirs
    return of_energy + of_mismatch
