"""The scaled Riemannian Hessian of the certificate, assembled.

With tangent bases B_i, p_ij = B_i^T u_j, s_i = sqrt(w_i) / n_i (notation of `superpos.fits.certificate`):

    i != j   2 s_i s_j (phi'_ij B_i^T B_j + phi''_ij p_ij p_ji^T)
    i  = j   2 / n_i^2 (sum_k w_k phi''_ik p_ik p_ik^T - q_i I)

B_i are columns 2 to f of the Householder reflection I - m m^T / h that takes the first axis to u_i, up to its
sign, m = u_i + sgn(u_i1) e_1, h = 1 + |u_i1|. Its entries are written out, so no basis is stored:

    p_ij = u_j[1:] - m_i[1:] <m_i, u_j> / h_i
    B_i^T B_j = I - a a^T / h_i - b b^T / h_j + <m_i, m_j> a b^T / (h_i h_j),   a = m_i[1:], b = m_j[1:]
"""

from __future__ import annotations

import numpy as np
from numba import njit

from superpos.arrays import Float
from superpos.fits.compiled.elementary import ENTRY, PASTE


@njit(**PASTE)
def _sign(x: float) -> float:
    return 1.0 if x >= 0.0 else -1.0


@njit(**ENTRY)
def assemble(
    units: Float, norms: Float, weights: Float, first: Float, second: Float, radial: Float, out: Float
) -> None:
    """Write the Hessian, (n (f - 1), n (f - 1)), row blocks in order.

    Parameters
    ----------
    units
        Unit rows, (n, f).
    norms, weights, radial
        n_i, w_i and q_i, all (n,).
    first, second
        phi' and phi'', (n, n), zero on the diagonal.
    out
        Written, (n (f - 1), n (f - 1)).
    """
    n, f = units.shape
    k = f - 1
    # gram: <u_i, u_j>; p: (n, n, f - 1).
    gram, p = np.empty((n, n)), np.empty((n, n, k))
    for i in range(n):
        for j in range(n):
            value = 0.0
            for a in range(f):
                value += units[i, a] * units[j, a]
            gram[i, j] = value
    for i in range(n):
        sign = _sign(units[i, 0])
        height = 1.0 + abs(units[i, 0])
        for j in range(n):
            share = (gram[i, j] + sign * units[j, 0]) / height
            for a in range(k):
                p[i, j, a] = units[j, a + 1] - units[i, a + 1] * share
    for i in range(n):
        sign_i, height_i = _sign(units[i, 0]), 1.0 + abs(units[i, 0])
        scale_i = np.sqrt(weights[i]) / norms[i]
        for j in range(i + 1, n):
            sign_j, height_j = _sign(units[j, 0]), 1.0 + abs(units[j, 0])
            scale = 2.0 * scale_i * np.sqrt(weights[j]) / norms[j]
            slope, bend = scale * first[i, j], scale * second[i, j]
            mirrors = gram[i, j] + sign_j * units[i, 0] + sign_i * units[j, 0] + sign_i * sign_j
            cross = mirrors / (height_i * height_j)
            for a in range(k):
                own, pull = units[i, a + 1], bend * p[i, j, a]
                left, right = slope * (cross * own), slope * own / height_i
                for b in range(k):
                    other = units[j, b + 1]
                    value = left * other - right * units[i, b + 1] + pull * p[j, i, b]
                    value -= slope * units[j, a + 1] * other / height_j
                    out[i * k + a, j * k + b] = value
                out[i * k + a, j * k + a] += slope
            for a in range(k):
                for b in range(k):
                    out[j * k + b, i * k + a] = out[i * k + a, j * k + b]
        scale = 2.0 / (norms[i] * norms[i])
        for a in range(k):
            for b in range(k):
                out[i * k + a, i * k + b] = 0.0
        for j in range(n):
            factor = scale * weights[j] * second[i, j]
            for a in range(k):
                pull = factor * p[i, j, a]
                for b in range(k):
                    out[i * k + a, i * k + b] += pull * p[i, j, b]
        for a in range(k):
            out[i * k + a, i * k + a] -= scale * radial[i]
