"""The balanced Hessian of the certificate, lifted on the rotation orbit: one Cholesky factor is a verdict.

In coordinates d_i A u_i, d_i = n_i sqrt(w_i h_i) (notation and stiffness h_i of
`superpos.fits.certificate`), the generators E_ab = e_a e_b^T - e_b e_a^T, a < b, of all rotations give
tangents z(E_ab) whose products sum to

    G = sum_ab z z^T,      G_ij = d_i d_j (c_ij B_i^T B_j - p_ij p_ji^T),      G_ii = d_i^2 I

G has the form of the Hessian's own blocks: it costs an addition to each of two numbers of a pair, and no
basis of the orbit is ever made. It is zero on all that is orthogonal to the orbit, so with any c >= 0

    H + c G - t I positive definite   =>   every eigenvalue of H off the orbit is above t.

t is the zero tolerance of the certificate and a little more, for rounding: a factorisation that succeeds says
`strict` where the spectrum does, whatever c is. One that fails says nothing, and the spectrum decides. With c
the mean eigenvalue of c G on the orbit is that of a balanced row, so that the orbit is no reason to fail.

Where f > n the rows are taken in coordinates of their span, and every direction outside of it has the block

    i != j   2 a_i a_j phi'_ij + c d_i d_j c_ij      i = j   -2 q_i / (n_i^2 h_i) + c d_i^2 - t
                                                     a_i = sqrt(w_i / h_i) / n_i

Source: Courant and Fischer for the inference; Rump, BIT 46 (2006), for what a factorisation in floating
point proves: eigenvalues above -(N + 1) N eps of a matrix with a unit diagonal, 1e-9 at N = 3,000.
"""

from __future__ import annotations

import math

from superpos.arrays import Float, Int
from superpos.fits.certificate import ZERO_EIGENVALUE
from superpos.fits.compiled.hessian import project, sign_of
from superpos.fits.compiled.machine.dense import dot
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.pointers import part
from superpos.fits.compiled.sphere_point import slot_start
from superpos.fits.compiled.sphere_workspace import BUFFER, FIRST, NORMS, RADIAL, SECOND, WEIGHTS, M, N

SHIFT = 1.01 * ZERO_EIGENVALUE
"""t: above the zero tolerance by more than the rounding of a factorisation."""
LARGEST_ENTRY = 1e290
"""A Hessian whose rows stay below this overflows nowhere."""


@entry
def largest_entry(arrays: Float, places: Int, stiffness: Float) -> float:
    """Write h_i, (m,), of the point in slot 0; return a bound on the entries of the scaled Hessian.

    It is infinite where one is not finite.
    """
    memory, at, out = part(arrays, 0), part(places, 0), part(stiffness, 0)
    n, m, start = at[N], at[M], slot_start(at, 0)
    weights, norms, buffer = part(memory, at[WEIGHTS]), part(memory, at[NORMS]), part(memory, at[BUFFER])
    largest = 0.0
    for i in range(n):
        slope = part(memory, start + at[FIRST] + i * m)
        bend = part(memory, start + at[SECOND] + i * m)
        total = 0.0
        for j in range(m):
            buffer[j] = abs(slope[j]) + abs(bend[j]) if j < n else 0.0
            total += buffer[j]
        square = norms[i] * norms[i]
        out[i] = 2.0 * dot(buffer, 0, weights, 0, m) / square
        size = 8.0 * total / square
        if not size <= largest:
            largest = size if size < math.inf else math.inf
    return largest


@entry
def lift(
    arrays: Float, places: Int, units: Float, stiffness: Float, scales: Float, projected: Float,
    products: Float, matrix: Float, outside: Float
) -> None:  # fmt: skip
    """Write H + c G - t I of the point in slot 0, whose stiffness is known.

    Parameters
    ----------
    arrays, places
        The workspace.
    units
        Unit rows, (n, g), flat, in g = min(f, n) coordinates of their span.
    stiffness
        h_i, (m,).
    scales, projected, products
        Buffers, (3, n), (n, n, g - 1), (n, n).
    matrix
        Written, (n (g - 1), n (g - 1)): entries right of the diagonal, and the diagonal blocks in full.
    outside
        Written where it is not empty: the block of a direction outside of the span, (n, n), in full.
    """
    memory, at = part(arrays, 0), part(places, 0)
    n, m, start = at[N], at[M], slot_start(at, 0)
    g = units.size // n
    k, size = g - 1, n * (g - 1)
    rows, p, gram, out = part(units, 0), part(projected, 0), part(products, 0), part(matrix, 0)
    weights, norms, radial = (
        part(memory, at[WEIGHTS]), part(memory, at[NORMS]), part(memory, start + at[RADIAL])
    )  # fmt: skip
    own_scale, orbit, diagonal = part(scales, 0), part(scales, n), part(scales, 2 * n)
    total = 0.0
    for i in range(n):
        hard = stiffness[i] if stiffness[i] > 0.0 else 1.0
        own_scale[i] = math.sqrt(weights[i] / hard) / norms[i]
        orbit[i] = math.sqrt(weights[i] * hard) * norms[i]
        total += orbit[i] * orbit[i]
        diagonal[i] = -2.0 * radial[i] / (norms[i] * norms[i] * hard) - SHIFT
    c = 0.5 * g / total
    for i in range(n):
        orbit[i] *= math.sqrt(c)
        diagonal[i] += orbit[i] * orbit[i]
    project(rows, gram, p, n, g)
    for i in range(n):
        slopes = part(memory, start + at[FIRST] + i * m)
        bends = part(memory, start + at[SECOND] + i * m)
        own = part(rows, i * g)
        sign_i, height_i = sign_of(own[0]), 1.0 + abs(own[0])
        for j in range(i + 1, n):
            other = part(rows, j * g)
            sign_j, height_j = sign_of(other[0]), 1.0 + abs(other[0])
            scale, turned = 2.0 * own_scale[i] * own_scale[j], orbit[i] * orbit[j]
            slope, bend = scale * slopes[j] + turned * gram[i * n + j], scale * bends[j] - turned
            mirrors = gram[i * n + j] + sign_j * own[0] + sign_i * other[0] + sign_i * sign_j
            cross = mirrors / (height_i * height_j)
            p_ij, p_ji = part(p, (i * n + j) * k), part(p, (j * n + i) * k)
            for a in range(k):
                row = part(out, (i * k + a) * size + j * k)
                left = slope * (cross * own[a + 1] - other[a + 1] / height_j)
                right, pull = slope * own[a + 1] / height_i, bend * p_ij[a]
                for b in range(k):
                    row[b] = left * other[b + 1] - right * own[b + 1] + pull * p_ji[b]
                row[a] += slope
        for a in range(k):
            row = part(out, (i * k + a) * size + i * k)
            for b in range(k):
                row[b] = 0.0
            row[a] = diagonal[i]
        hard = stiffness[i] if stiffness[i] > 0.0 else 1.0
        for j in range(n):
            factor = 2.0 * weights[j] * bends[j] / (norms[i] * norms[i] * hard)
            p_ij = part(p, (i * n + j) * k)
            for a in range(k):
                row, pull = part(out, (i * k + a) * size + i * k), factor * p_ij[a]
                for b in range(k):
                    row[b] += pull * p_ij[b]
    if outside.size > 0:
        block = part(outside, 0)
        for i in range(n):
            slopes = part(memory, start + at[FIRST] + i * m)
            for j in range(n):
                pair = 2.0 * own_scale[i] * own_scale[j] * slopes[j]
                block[i * n + j] = pair + orbit[i] * orbit[j] * gram[i * n + j]
            block[i * n + i] = diagonal[i]
