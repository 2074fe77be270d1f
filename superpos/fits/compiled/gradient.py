"""Relative gradient of a re-optimised point, its rows projected to the spheres ||x_i|| = n_i.

    t_i = sum_{j != i} w_j phi'_ij (u_j - u_i),   relative gradient = max_i ||P_i t_i|| / F_i,   0/0 = 0
    F_i = sum_j w_j times the kind's force

as in `superpos.fits.spheres`, for one point and so without vectors; O(n^2 f). A row on a sphere of radius 0
stands at the first axis and exerts no force; rows that the energy does not see do not count.
"""

from __future__ import annotations

import math

from superpos.fits.compiled.machine.options import OPTIONS, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, IntPointer, part
from superpos.fits.compiled.machine.vectors import cold
from superpos.fits.compiled.pairs import steepness
from superpos.fits.compiled.workspace import ANGULAR, BUFFER, CODE, EPS2, NORMS, SUFFIX, WEIGHTS, F, M, N, S
from superpos.fits.spheres import UNSEEN, ZERO_NORM


@compiled(OPTIONS)
def relative_gradient(memory: FloatPointer, at: IntPointer, rows: FloatPointer) -> float:
    """Return the relative gradient at rows, (n f,); NaN where it is not finite. Writes the suffix sums."""
    cold()
    n, f, m, code, s = at[N], at[F], at[M], at[CODE], memory[S]
    norms, weights, pull = part(memory, at[NORMS]), part(memory, at[WEIGHTS]), part(memory, at[BUFFER] + m)
    units, buffer = part(memory, at[SUFFIX]), part(memory, at[BUFFER])
    longest = 0.0
    for i in range(n):
        longest = max(longest, norms[i])
    for i in range(n):
        square = 0.0
        for k in range(f):
            square += rows[i * f + k] * rows[i * f + k]
        fixed = norms[i] <= ZERO_NORM * longest or square == 0.0
        for k in range(f):
            units[i * f + k] = (1.0 if k == 0 else 0.0) if fixed else rows[i * f + k] / math.sqrt(square)
    heaviest, n_seen = 0.0, 0
    for i in range(n):
        heaviest = max(heaviest, weights[i])
    for i in range(n):
        n_seen += 1 if weights[i] > UNSEEN * heaviest else 0
    largest = 0.0
    for i in range(n):
        own = norms[i] if norms[i] > ZERO_NORM * longest else 0.0
        unit = part(units, i * f)
        for k in range(f):
            pull[k] = 0.0
        force = 0.0
        for j in range(n):
            if j == i:
                continue
            length = norms[j] if norms[j] > ZERO_NORM * longest else 0.0
            other = part(units, j * f)
            square = 0.0
            for k in range(f):
                square += (other[k] - unit[k]) * (other[k] - unit[k])
            rho2 = (own - length) * (own - length) + own * length * square + memory[EPS2]
            cosine = 1.0 - 0.5 * square
            slope, share = steepness(code, s, own, length, rho2, cosine, at[ANGULAR], buffer)
            force += weights[j] * share
            for k in range(f):
                pull[k] += weights[j] * slope * (other[k] - unit[k])
        radial = 0.0
        for k in range(f):
            radial += pull[k] * unit[k]
        square = 0.0
        for k in range(f):
            tangent = pull[k] - radial * unit[k]
            square += tangent * tangent
        if not (math.isfinite(square) and math.isfinite(force)):
            return math.nan
        if force > 0.0 and (n_seen < 2 or weights[i] > UNSEEN * heaviest):
            largest = max(largest, math.sqrt(square) / force)
    return largest
