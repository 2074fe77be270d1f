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

import math

from superpos.arrays import Float
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.options import OPTIONS, PASTE, compiled
from superpos.fits.compiled.machine.pointers import FloatPointer, part
from superpos.fits.compiled.machine.vectors import cold


@compiled(PASTE)
def sign_of(x: float) -> float:
    """Return the sign of a number, that of 0 being 1."""
    return 1.0 if x >= 0.0 else -1.0


@compiled(OPTIONS)
def project(units: FloatPointer, gram: FloatPointer, p: FloatPointer, n: int, f: int) -> None:
    """Write c_ij, (n, n), and p_ij, (n, n, f - 1), of unit rows, (n, f)."""
    cold()
    k = f - 1
    for i in range(n):
        own = part(units, i * f)
        for j in range(n):
            other = part(units, j * f)
            value = 0.0
            for a in range(f):
                value += own[a] * other[a]
            gram[i * n + j] = value
    for i in range(n):
        own = part(units, i * f)
        sign, height = sign_of(own[0]), 1.0 + abs(own[0])
        for j in range(n):
            other, out_p = part(units, j * f), part(p, (i * n + j) * k)
            share = (gram[i * n + j] + sign * other[0]) / height
            for a in range(k):
                out_p[a] = other[a + 1] - own[a + 1] * share


@entry
def assemble(
    rows: Float, radii: Float, importance: Float, slopes: Float, bends: Float, pulls: Float, products: Float,
    projected: Float, hessian: Float
) -> None:  # fmt: skip
    """Write the Hessian, (n (f - 1), n (f - 1)), row blocks in order; all arrays are flat.

    Parameters
    ----------
    rows
        Unit rows, (n, f).
    radii, importance, pulls
        n_i, w_i and q_i, all (n,).
    slopes, bends
        phi' and phi'', (n, n), zero on the diagonal.
    products, projected
        Buffers, (n, n) and (n, n, f - 1).
    hessian
        Written.
    """
    n = radii.size
    f = rows.size // n
    k = f - 1
    width = n * k
    units, norms, weights, radial = part(rows, 0), part(radii, 0), part(importance, 0), part(pulls, 0)
    first, second, gram, p, out = (
        part(slopes, 0), part(bends, 0), part(products, 0), part(projected, 0), part(hessian, 0)
    )  # fmt: skip
    project(units, gram, p, n, f)
    for i in range(n):
        own = part(units, i * f)
        sign_i, height_i = sign_of(own[0]), 1.0 + abs(own[0])
        scale_i = math.sqrt(weights[i]) / norms[i]
        for j in range(i + 1, n):
            other = part(units, j * f)
            sign_j, height_j = sign_of(other[0]), 1.0 + abs(other[0])
            scale = 2.0 * scale_i * math.sqrt(weights[j]) / norms[j]
            slope, bend = scale * first[i * n + j], scale * second[i * n + j]
            mirrors = gram[i * n + j] + sign_j * own[0] + sign_i * other[0] + sign_i * sign_j
            cross = mirrors / (height_i * height_j)
            p_ij, p_ji = part(p, (i * n + j) * k), part(p, (j * n + i) * k)
            for a in range(k):
                row = part(out, (i * k + a) * width + j * k)
                left = slope * (cross * own[a + 1] - other[a + 1] / height_j)
                right, pull = slope * own[a + 1] / height_i, bend * p_ij[a]
                for b in range(k):
                    row[b] = left * other[b + 1] - right * own[b + 1] + pull * p_ji[b]
                row[a] += slope
                for b in range(k):
                    out[(j * k + b) * width + i * k + a] = row[b]
        scale = 2.0 / (norms[i] * norms[i])
        for a in range(k):
            row = part(out, (i * k + a) * width + i * k)
            for b in range(k):
                row[b] = 0.0
            row[a] = -scale * radial[i]
        for j in range(n):
            factor, p_ij = scale * weights[j] * second[i * n + j], part(p, (i * n + j) * k)
            for a in range(k):
                row, pull = part(out, (i * k + a) * width + i * k), factor * p_ij[a]
                for b in range(k):
                    row[b] += pull * p_ij[b]
