"""`certify` on the compiled engine: the certificate of `superpos.fits.certificate`, in the span of the rows.

The Hessian splits where f > n. In an orthonormal basis of the span of the rows (n coordinates) it is that of
the same rows in R^n. A tangent direction eta_i = y_i v along one fixed v outside the span moves no u_j of the
others to first order, so every one of the f - n such v has the same block on (y_i), (n, n),

    i != j   2 s_i s_j phi'_ij          i = j   -2 q_i / n_i^2          s_i = sqrt(w_i) / n_i

and its rotations are y_i = sqrt(w_i) <x_i, c>, the column space of W = (sqrt(w_i) x_i). Its eigenvalues off
that space count f - n times. This turns (11, 50) into (11, 11).

Of the Hessian H and an orthonormal basis of the rotations, the block of Q^T H Q off the first columns is what
counts, Q from the Householder factorisation of the basis: LAPACK's geqrf, ormqr and syevd. Tolerances and
counting are those of `superpos.fits.certificate`.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import lapack

from superpos.arrays import Float
from superpos.fits.certificate import (
    CRITICAL,
    FEWEST_FEATURES,
    judge,
    not_applicable,
    orbit_basis,
    rank_of,
    tangent_bases,
    without_spectrum,
)
from superpos.fits.compiled.hessian import assemble
from superpos.fits.compiled.manifold import assess
from superpos.fits.compiled.sphere_workspace import FIRST, NORMS, RADIAL, SECOND, make_sphere_workspace
from superpos.fits.compiled.verdict import Quick, quick_verdict
from superpos.fits.spheres import ZERO_NORM, effective_features, seen, unit_rows
from superpos.records.fits import Certificate, Verdict
from superpos.specs.axes import Kernel


def certify_compiled(
    vectors: Float, importance: Float, kernel: Kernel, *, spectrum: str = "full"
) -> Certificate:
    """Return the certificate of `vectors` (n, f) under `importance` (n,).

    Parameters, conventions and tolerances are those of `superpos.fits.certificate.certify_point`.
    """
    quick = quick_verdict(vectors, importance, kernel)
    if quick is not None and quick.settles(spectrum):
        return quick.certificate()
    return certify_at(vectors, importance, kernel, quick, spectrum=spectrum)


def certify_at(
    vectors: Float, importance: Float, kernel: Kernel, quick: Quick | None, *, spectrum: str
) -> Certificate:
    """Return the certificate of a point whose quick verdict is known, or known not to be had."""
    if quick is not None and quick.workspace is not None and quick.units is not None:
        full, rows, gradient = quick.workspace, quick.units, quick.relative_gradient
        rank, weights = rank_of(rows), importance
        first, second = full.matrix(0, FIRST), full.matrix(0, SECOND)
        radial, radii = full.slot(0, RADIAL, len(rows)), full.array(NORMS, len(rows))
    else:
        norms = np.linalg.norm(vectors, axis=1)
        units = unit_rows(vectors, norms)
        free = (norms > ZERO_NORM * norms.max()) & seen(importance)
        rank = rank_of(units[free])
        full = make_sphere_workspace(importance, norms, kernel, vectors.shape[1])
        _, gradient = assess(full, units)
        if effective_features(importance) < FEWEST_FEATURES or math.isnan(gradient):
            return not_applicable(rank)
        # A row on a sphere of radius 0, or one that the energy does not see, leaves the problem.
        first, second = (full.matrix(0, place)[np.ix_(free, free)] for place in (FIRST, SECOND))
        radial = full.slot(0, RADIAL, free.size)[free]
        radii, weights, rows = norms[free], importance[free], units[free]
    n, f = rows.shape
    if f > n:
        # Coordinates within the span of the rows: QR of the transpose keeps lengths and angles.
        triangle = np.asarray(np.linalg.qr(rows.T, mode="r"))
        rows = np.ascontiguousarray(triangle.T)
    stiffness = 2.0 * ((np.abs(first) + np.abs(second)) @ weights) / radii**2
    balance = 1.0 / np.sqrt(np.where(stiffness > 0.0, stiffness, 1.0))
    weighted = (np.sqrt(weights) * radii)[:, None] * rows
    width = rows.shape[1] - 1
    hessian = np.empty((n * width, n * width))
    slopes, bends = first.ravel(), second.ravel()
    buffers = np.empty(n * n), np.empty(n * n * width)
    assemble(rows.ravel(), radii, weights, slopes, bends, radial, *buffers, hessian.ravel())
    if not np.isfinite(hessian).all():
        return not_applicable(rank)
    if gradient > CRITICAL and spectrum != "full":
        return without_spectrum(gradient, Verdict.NOT_CRITICAL)
    bases = tangent_bases(rows)
    outside = _outside(first, radial, radii, weights)

    def eigenvalues(scale: Float) -> Float:
        each = np.repeat(scale, width)
        orbit = orbit_basis(weighted / scale[:, None], rank, bases)
        parts = [_off(each[:, None] * hessian * each, orbit)]
        if f > n and rank < n:
            span = np.linalg.svd(weighted / scale[:, None], full_matrices=False)[0][:, :rank]
            parts += [_off(scale[:, None] * outside * scale, span)] * (f - n)
        return np.sort(np.concatenate(parts))

    # Off critical points nothing is counted, and where a factorisation proved it all are above 0.
    balanced = None if quick is not None or gradient > CRITICAL else eigenvalues(balance)
    if spectrum == "verdict" and balanced is not None:
        return without_spectrum(gradient, judge(gradient, balanced, balanced, rank).verdict)
    return judge(gradient, eigenvalues(np.ones(n)), balanced, rank)


def _outside(first: Float, radial: Float, radii: Float, weights: Float) -> Float:
    """Return the block of one direction outside the span of the rows, (n, n)."""
    scale = np.sqrt(weights) / radii
    block = 2.0 * (scale[:, None] * scale) * first
    np.fill_diagonal(block, -2.0 * radial / radii**2)
    return np.asarray(block)


def _off(matrix: Float, basis: Float) -> Float:
    """Return the eigenvalues of a symmetric matrix (N, N) off the span of an orthonormal basis (N, k)."""
    size, count = basis.shape
    if count:
        factor, tau, _, _ = lapack.dgeqrf(basis)
        matrix, _, _ = lapack.dormqr("L", "T", factor, tau, matrix, 64 * size)
        matrix, _, _ = lapack.dormqr("R", "N", factor, tau, matrix, 64 * size)
    if count == size:
        return np.empty(0)
    values, _, info = lapack.dsyevd(matrix[count:, count:], compute_v=0)
    if info != 0:
        raise np.linalg.LinAlgError(f"dsyevd failed with {info}")
    return np.asarray(values)
