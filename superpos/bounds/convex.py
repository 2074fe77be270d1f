"""Lower bounds without a limit on the dimension: a convex energy is nowhere below its tangent.

    E(Y) = sum_{i != j} w_i w_j h_ij(<y_i, y_j>),   ||y_i|| = 1
    h_ij(c) = K(c)   or   K(n_i^2 + n_j^2 - 2 n_i n_j c + eps^2 + d_ij),   convex in c

For any unit vectors x_i, with c_ij = <x_i, x_j>, M_ij = w_i w_j h'_ij(c_ij) off the diagonal and
M_ii = -sum_{j != i} M_ij c_ij, so that sum_ij M_ij c_ij = 0, and for any s_i > 0 and mu >= 0 with
M + mu diag(s) >= 0:

    E(Y) >= E(X) + sum_{i != j} M_ij (<y_i, y_j> - c_ij) = E(X) + sum_ij M_ij <y_i, y_j>
         >= E(X) - mu sum_i s_i

whatever the dimension of the y_i. Of all x_i the bound is best at the minimum in n dimensions, where mu = 0:
then it is that minimum. It takes the importance and the norms as they are. s_i = sum_j |M_ij|; mu is minus
the smallest eigenvalue of the scaled matrix, plus what rounding can hide. Pairs of a feature with next to no
importance are bounded one by one, by h(0) - |h'(0)|.

`d_ij` allows for norms that are off by at most e: no distance grows by more than 2 e then, so

    d_ij = 4 e (n_i + n_j) + 4 e^2

is enough where K falls with the distance. Where K falls, but is not convex, the largest distances bound it:
E(Y) >= sum_{i != j} w_i w_j K((n_i + n_j)^2 + eps^2 + d_ij).

Source: the dual of the semidefinite relaxation that Burer & Monteiro, A nonlinear programming algorithm for
solving semidefinite programs via low-rank factorization (2003), solve by vectors; the dual is read off a
critical point as in Boumal, Voroninski & Bandeira, The non-convex Burer-Monteiro approach works on smooth
semidefinite programs (2016).
"""

from __future__ import annotations

import math

import numpy as np

from superpos.arrays import Float
from superpos.bounds.shape import shape
from superpos.specs.axes import Kernel

_EPS = float(np.finfo(np.float64).eps)
UNSEEN = 1e-12
"""Importance, over the largest one, below which a feature's place does not matter to the bound."""
_LEAST = 1e-290
"""Scale of a row without forces."""


def tangent_bound(
    units: Float, importance: Float, norms: Float, kernel: Kernel, norm_error: float = 0.0
) -> float:
    """Return a lower bound on sum_{i != j} w_i w_j K of all vectors with these norms, in any dimension.

    Parameters
    ----------
    units
        x_i, (n, r): where the tangent is taken.
    importance, norms
        w_i and n_i, (n,); norms are not read for energies of cosines.
    kernel
        K.
    norm_error
        Largest difference of a norm from n_i, e.

    Returns
    -------
    float
        NaN where the energy is not shown to be convex (and to fall, if the norms matter) or not finite at x.
    """
    falls, convex = shape(kernel.energy, kernel.s)
    if not (falls and convex):
        return math.nan
    n = len(units)
    pairs = ~np.eye(n, dtype=bool)
    seen = importance > UNSEEN * importance.max()
    # A feature next to no importance is held by nothing, so its row of M has no balance and would cost the
    # scale of all the others. Its tangents are taken at right angles, and y_ij >= -1 for |slope| is enough.
    free = pairs & ~(seen[:, None] & seen)
    cosines = np.where(free, 0.0, np.clip(units @ units.T, -1.0, 1.0))
    with np.errstate(all="ignore"):
        if kernel.kind.angular:
            a, rate = cosines, np.ones((n, n))
        else:
            a, rate = _squares(cosines, norms, kernel, norm_error)
        a = np.where(pairs, a, 0.0 if kernel.kind.angular else 1.0)
        value = kernel.kind.value(a, kernel.s) * np.ones((n, n))
        slope = kernel.kind.slope(a, kernel.s, value) * rate
        weights = np.where(pairs, np.outer(importance, importance), 0.0)
        force = np.where(weights > 0.0, weights * slope, 0.0)
        energies = np.where(weights > 0.0, weights * value, 0.0)
        energies[free] -= np.abs(force[free])
        force[free] = 0.0
    if not (np.isfinite(force).all() and np.isfinite(energies).all()):
        return math.nan
    scale = np.maximum(np.abs(force).sum(axis=1), _LEAST)
    matrix = force - np.diag((force * cosines).sum(axis=1))
    root = 1.0 / np.sqrt(scale)
    smallest = float(np.linalg.eigvalsh(matrix * root[:, None] * root)[0])
    # Sums of n^2 terms; a spectral norm of at most 2, of which LAPACK loses a small multiple of n eps.
    mu = max(-smallest, 0.0) + 16.0 * n * _EPS
    return float(energies.sum()) - mu * float(scale.sum()) - 4.0 * n * _EPS * float(np.abs(energies).sum())


def farthest_bound(importance: Float, norms: Float, kernel: Kernel, norm_error: float = 0.0) -> float:
    """Return the lower bound on sum_{i != j} w_i w_j K that no pair is farther apart than opposite vectors.

    Parameters are those of `tangent_bound`. NaN for energies of cosines, and where K is not shown to fall.
    """
    if kernel.kind.angular or not shape(kernel.energy, kernel.s)[0]:
        return math.nan
    with np.errstate(all="ignore"):
        a, _ = _squares(np.full((len(norms), len(norms)), -1.0), norms, kernel, norm_error)
        values = kernel.kind.value(np.nextafter(a * (1.0 + 8.0 * _EPS), np.inf), kernel.s) * np.ones_like(a)
        energies = np.outer(importance, importance) * values
    np.fill_diagonal(energies, 0.0)
    return float(energies.sum()) - 4.0 * len(norms) * _EPS * float(np.abs(energies).sum())


def _squares(cosines: Float, norms: Float, kernel: Kernel, norm_error: float) -> tuple[Float, Float]:
    """Return squared distances at these cosines, longer by what the norms are off, and their slope."""
    product, total = np.outer(norms, norms), norms[:, None] + norms
    further = kernel.softening**2 + 4.0 * norm_error * total + 4.0 * norm_error**2
    return (norms[:, None] - norms) ** 2 + 2.0 * product * (1.0 - cosines) + further, -2.0 * product
