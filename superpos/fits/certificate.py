"""First and second order conditions on the product of spheres, with the rotation orbit projected out.

Blocks of the scaled Riemannian Hessian of E over xi_i = n_i eta_i, in coordinates sqrt(w_i) xi_i and in
orthonormal bases B_i (f, f - 1) of the tangent spaces (notation of `spheres.py`; p_ij = B_i^T u_j):

    i != j   2 sqrt(w_i w_j) / (n_i n_j) (phi'_ij B_i^T B_j + phi''_ij p_ij p_ji^T)
    i  = j   2 / n_i^2 (sum_k w_k phi''_ik p_ik p_ik^T - q_i I)

E is constant along rotations x_i -> exp(A) x_i, A skew, so the Hessian annihilates xi_i = A x_i at a critical
point, in these coordinates zeta_i = sqrt(w_i) A x_i. With the singular value decomposition sqrt(w_i) x_i =
sum_a U_ia S_a v_a the generators E_ab = v_a v_b^T - v_b v_a^T give orthogonal vectors, for

    sum_i <zeta_i(E_ab), zeta_i(E_cd)> = (S_a^2 + S_b^2) delta_(ab)(cd),      a < b, c < d,

so the orthonormal basis of the orbit is zeta_i = (U_ib S_b v_a - U_ia S_a v_b) / hypot(S_a, S_b) over pairs
that are not both outside the span of X: r f - r (r + 1) / 2 = r (2 f - r - 1) / 2 of them, r = rank X. The
Hessian is restricted to the complement; its eigenvalues there are the certificate's.

Counting. Eigenvalues are reported in these coordinates, but counted after a further scaling of each row by
its own stiffness h_i = 2 sum_j w_j (|phi'_ij| + |phi''_ij|) / n_i^2, which leaves the inertia alone
(Sylvester) and makes every row's entries of order 1 even where norms or close pairs make some rows a million
times stiffer than others. h_i is a sum of absolute values and does not cancel at a flat point. A point counts
as critical up to a relative gradient of 1e-6, and an eigenvalue then moves by about 1e-6 in these units: that
is the zero tolerance. The rank counts singular values of the unit rows above 1e-6 of the largest, for the
same reason.

Source: Absil, Mahony & Sepulchre (2008), section 5.5, for the Hessian of a submanifold of Euclidean space.
"""

from __future__ import annotations

import math

import numpy as np

from superpos.arrays import Float
from superpos.fits.spheres import ZERO_NORM, SphereEnergy, SpherePoint, effective_features, seen, unit_rows
from superpos.records.fits import Certificate, Verdict
from superpos.specs.axes import Kernel

CRITICAL = 1e-6
"""Largest relative gradient of a critical point."""
ZERO_EIGENVALUE = 1e-6
"""Zero tolerance of eigenvalues of the Hessian whose rows are scaled by their stiffness."""
RANK_TOLERANCE = 1e-6
"""Smallest singular value of the unit rows that counts, in units of the largest."""
EIGENVALUE_ROUNDING = 1e-15
"""Rounding of an eigenvalue over the largest one, for each row of the matrix."""
FEWEST_FEATURES = 1.5
"""Effective features below which the importance has collapsed and nothing is certified."""
SPECTRA = ("full", "critical", "verdict")
"""Where eigenvalues are wanted: everywhere, at critical points alone, or nowhere but for the verdict."""


def tangent_bases(units: Float) -> Float:
    """Return orthonormal bases of the tangent spaces at unit rows (n, f), as (n, f, f - 1).

    Columns 2 to f of the Householder reflection that takes the first axis to the row, up to its sign.
    """
    n, f = units.shape
    mirror = units.copy()
    mirror[:, 0] += np.where(units[:, 0] >= 0.0, 1.0, -1.0)
    factor = 2.0 / np.einsum("ij,ij->i", mirror, mirror)
    bases = np.broadcast_to(np.eye(f)[:, 1:], (n, f, f - 1)).copy()
    bases -= factor[:, None, None] * mirror[:, :, None] * mirror[:, None, 1:]
    return bases


def scaled_hessian(point: SpherePoint, norms: Float, bases: Float) -> Float:
    """Return the scaled Riemannian Hessian over all rows, (n (f - 1), n (f - 1)), row blocks in order.

    Parameters
    ----------
    point
        Evaluation at n unit rows, none of them on a sphere of radius 0.
    norms
        Radii, (n,).
    bases
        Tangent bases, (n, f, f - 1).
    """
    n, f, k = bases.shape
    scale = np.outer(1.0 / norms, 1.0 / norms)
    roots = point.problem.root_products * scale
    projected = np.einsum("iab,ja->ijb", bases, point.units)
    flat = bases.transpose(1, 0, 2).reshape(f, n * k)
    blocks = (flat.T @ flat).reshape(n, k, n, k)
    blocks *= (roots * point.first)[:, None, :, None]
    bent = projected * (roots * point.second)[:, :, None]
    blocks += bent.transpose(0, 2, 1)[:, :, :, None] * projected.transpose(1, 0, 2)[:, None, :, :]
    own = projected * (point.second * point.problem.importance)[:, :, None]
    diagonal = own.transpose(0, 2, 1) @ projected
    diagonal -= point.radial[:, None, None] * np.eye(k)
    rows = np.arange(n)
    blocks[rows, :, rows, :] = diagonal / (norms**2)[:, None, None]
    matrix = 2.0 * blocks.reshape(n * k, n * k)
    return np.asarray(0.5 * (matrix + matrix.T))


def orbit_basis(weighted: Float, rank: int, bases: Float) -> Float:
    """Return an orthonormal basis of the rotation orbit, (n (f - 1), dimension), in scaled coordinates.

    Parameters
    ----------
    weighted
        d_i x_i, (n, f), for coordinates d_i xi_i: d_i = sqrt(w_i), or any other positive scale.
    rank
        Rank r of X.
    bases
        Tangent bases, (n, f, f - 1).
    """
    n, f = weighted.shape
    left, sizes, right = np.linalg.svd(weighted, full_matrices=True)
    count = min(n, f)
    body = np.zeros((n, f))
    body[:, :count] = left[:, :count] * sizes
    spread = np.zeros(f)
    spread[:count] = sizes
    a, b = np.triu_indices(f, k=1)
    # Directions whose weighted size is rounding only (weights many orders apart) span no numerical orbit.
    seen = min(rank, int(np.sum(sizes > 1e-14 * sizes[0])))
    a, b = a[a < seen], b[a < seen]
    lengths = np.hypot(spread[a], spread[b])
    turned = np.einsum("iab,ca->icb", bases, right)
    basis = turned[:, a, :] * (body[:, b] / lengths)[:, :, None]
    basis -= turned[:, b, :] * (body[:, a] / lengths)[:, :, None]
    return np.asarray(basis.transpose(0, 2, 1).reshape(n * (f - 1), a.size))


def _eigenvalues_off_orbit(hessian: Float, orbit: Float) -> Float:
    complement = np.linalg.qr(orbit, mode="complete")[0][:, orbit.shape[1] :]
    return np.asarray(np.linalg.eigvalsh(complement.T @ hessian @ complement))


def rank_of(units: Float) -> int:
    """Return the numerical rank of unit rows (n, f)."""
    sizes = np.linalg.svd(units, compute_uv=False)
    return int(np.sum(sizes > RANK_TOLERANCE * sizes[0]))


def certify_point(
    vectors: Float, importance: Float, kernel: Kernel, *, spectrum: str = "full"
) -> Certificate:
    """Return the certificate of `vectors` (n, f) under `importance` (n,); arguments are checked already.

    `spectrum` is one of `SPECTRA`; eigenvalues that are not wanted are left out of the certificate.
    """
    norms = np.linalg.norm(vectors, axis=1)
    free = (norms > ZERO_NORM * norms.max()) & seen(importance)
    rank = rank_of(unit_rows(vectors, norms)[free])
    with np.errstate(all="ignore"):
        full = SphereEnergy(importance, norms, kernel).at(unit_rows(vectors, norms))
    if effective_features(importance) < FEWEST_FEATURES or not full.is_finite:
        return not_applicable(rank)
    # A row on a sphere of radius 0, or one that the energy does not see, leaves the problem.
    units, radii, weights = full.units[free], norms[free], importance[free]
    point = SphereEnergy(weights, radii, kernel).at(units)
    bases = tangent_bases(units)
    hessian = scaled_hessian(point, radii, bases)
    if not np.isfinite(hessian).all():
        return not_applicable(rank)
    gradient = full.relative_gradient()
    if gradient > CRITICAL and spectrum != "full":
        return without_spectrum(gradient, Verdict.NOT_CRITICAL)
    rows = np.sqrt(weights)[:, None] * vectors[free]
    eigenvalues = _eigenvalues_off_orbit(hessian, orbit_basis(rows, rank, bases))
    stiffness = 2.0 * ((np.abs(point.first) + np.abs(point.second)) @ weights) / radii**2
    scale = np.sqrt(np.where(stiffness > 0.0, stiffness, 1.0))
    unit = np.repeat(1.0 / scale, bases.shape[2])
    balanced = _eigenvalues_off_orbit(
        unit[:, None] * hessian * unit, orbit_basis(scale[:, None] * rows, rank, bases)
    )
    certificate = judge(gradient, eigenvalues, balanced, rank)
    return without_spectrum(gradient, certificate.verdict) if spectrum == "verdict" else certificate


def judge(gradient: float, eigenvalues: Float, balanced: Float | None, rank: int) -> Certificate:
    """Return the certificate of a point.

    Parameters
    ----------
    gradient
        Relative gradient.
    eigenvalues
        Of the scaled Hessian off the rotation orbit, ascending.
    balanced
        Of the same Hessian balanced by each row's stiffness; these are counted. None where all of them are
        known to be above the zero tolerance.
    rank
        Rank of the vectors.
    """
    n_negative: int | None = 0 if balanced is None else int(np.sum(balanced < -ZERO_EIGENVALUE))
    n_zero: int | None = 0 if balanced is None else int(np.sum(np.abs(balanced) <= ZERO_EIGENVALUE))
    if gradient > CRITICAL:
        # The Hessian off a critical point depends on the coordinates, and so do the signs of its eigenvalues.
        verdict, n_negative, n_zero = Verdict.NOT_CRITICAL, None, None
    elif n_negative:
        verdict = Verdict.SADDLE
    else:
        verdict = Verdict.DEGENERATE if n_zero else Verdict.STRICT
    return Certificate(
        relative_gradient=gradient,
        eigenvalues=eigenvalues,
        min_eigenvalue=_smallest(eigenvalues),
        n_negative=n_negative,
        n_zero=n_zero,
        rank=rank,
        verdict=verdict,
    )


def _smallest(eigenvalues: Float) -> float:
    """Return the smallest eigenvalue, 0 where rounding of the largest hides it; NaN where there is none."""
    if not eigenvalues.size:
        return math.nan
    smallest, largest = float(eigenvalues[0]), float(np.abs(eigenvalues).max())
    return smallest if abs(smallest) > EIGENVALUE_ROUNDING * eigenvalues.size * largest else 0.0


def without_spectrum(gradient: float, verdict: Verdict) -> Certificate:
    """Return the certificate of a point whose eigenvalues nobody asked for."""
    counted = 0 if verdict is Verdict.STRICT else None
    return Certificate(gradient, np.empty(0), math.nan, counted, counted, None, verdict)


def not_applicable(rank: int) -> Certificate:
    """Return the certificate of a point that cannot be judged."""
    return Certificate(math.nan, np.empty(0), math.nan, None, None, rank, Verdict.NOT_APPLICABLE)
