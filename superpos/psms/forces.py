"""Balance of forces: how far unit vectors are from an equilibrium of an energy, without an optimiser.

At unit vectors x_i with importance w~ the energy sum_ij phi(<x_i, x_j>) w~_i w~_j pushes feature i along
its sphere with a force that is, over -2 w~_i,

    F_i = sum_{j != i} w~_j b_ij,   b_ij = phi'(c_ij) P_i x_j = phi'(c_ij) (x_j - c_ij x_i)

Residual, 0 in equilibrium and 1 where no force meets another:

    rho(w~)^2 = sum_i |F_i|^2 / sum_i (sum_j w~_j |b_ij|)^2 = w~' M w~ / w~' N w~
    M_jk = sum_i <b_ij, b_ik>      N_jk = sum_i |b_ij| |b_ik|

It is homogeneous in w~, so importance whose largest is at most `RATIO` times its smallest is a box in
log w~. The least residual is sought there. The generalised eigenvector of the smallest eigenvalue of (M, N)
is the minimum over all of R^n, and so the answer where it lies in the box. Elsewhere L-BFGS-B runs from equal
importance and from that eigenvector's nearest point, and the lowest is taken: a local minimum.

n linearly independent vectors are in equilibrium only where every phi' vanishes: `docs/science.md`, "Balance
of forces", has the proof.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from superpos.arrays import Float
from superpos.kinds.potentials import Potential

RATIO = 100.0
"""Largest importance over the smallest."""
_TOLERANCE = 1e-10


def residual_equal(vectors: Float, kernel: Potential) -> Float:
    """Return rho of unit vectors (m, n, f) at equal importance, (m,); NaN where a force is not finite.

    0 where no vector feels a force along its sphere.
    """
    forces, lengths = _forces(vectors, kernel)
    equal = np.ones(vectors.shape[1])
    return np.array([_residual(*pair, equal) for pair in zip(forces, lengths, strict=True)])


def residual_least(vectors: Float, kernel: Potential) -> Float:
    """Return the least rho of unit vectors (m, n, f) over the importance, (m,); as `residual_equal`."""
    forces, lengths = _forces(vectors, kernel)
    return np.array([_residual(*pair, _best(*pair)) for pair in zip(forces, lengths, strict=True)])


def best_importance(vectors: Float, kernel: Potential) -> Float:
    """Return the importance (n,), largest 1, at which unit vectors (n, f) have their least rho."""
    forces, lengths = _forces(vectors[None], kernel)
    return _best(forces[0], lengths[0])


def _best(forces: Float, lengths: Float) -> Float:
    """Return the importance of the least rho, (n,); equal importance where a force is not finite."""
    n = len(lengths)
    equal = np.ones(n)
    largest = float(np.max(lengths))
    if not 0.0 < largest < math.inf:
        return equal
    forces, lengths = forces / largest, lengths / largest
    net, total = forces.T @ forces, lengths.T @ lengths
    value, free = _free_minimum(net, total)
    found = [equal]
    if free.min() * RATIO >= 1.0:
        found.append(free)
    if len(found) == 1 or abs(float(free @ net @ free) / float(free @ total @ free) - value) > _TOLERANCE:
        found += _descents(net, total, free)
    return min(found, key=lambda weights: _residual(forces, lengths, weights))


def _descents(net: Float, total: Float, free: Float) -> list[Float]:
    """Return where descents within the ratio end, from equal importance and from near a free minimum."""
    from scipy.optimize import minimize

    def quotient(logs: Float) -> tuple[float, Float]:
        weights = np.exp(logs)
        up, down = net @ weights, total @ weights
        above, below = float(weights @ up), float(weights @ down)
        value = above / below
        return value, 2.0 * weights * (up - value * down) / below

    width = math.log(RATIO)
    starts = (np.full(len(free), -width / 2.0), np.log(np.maximum(free, 1.0 / RATIO)))
    options: Any = {"maxiter": 500, "ftol": 0.0, "gtol": _TOLERANCE}
    bounds = [(-width, 0.0)] * len(free)
    ends = [
        minimize(quotient, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
        for start in starts
    ]
    return [np.exp(end - end.max()) for end in ends]


def _free_minimum(net: Float, total: Float) -> tuple[float, Float]:
    """Return the smallest eigenvalue of (M, N) and its eigenvector, largest entry 1; some may be negative."""
    from scipy.linalg import eigh

    n = len(net)
    ridge = 1e-13 * float(np.trace(total)) / n  # N is singular where a feature pushes no other
    values, vectors = eigh(net, total + ridge * np.eye(n), subset_by_index=[0, 0])
    first = vectors[:, 0]
    return float(values[0]), np.asarray(first / first[np.argmax(np.abs(first))])


def _forces(vectors: Float, kernel: Potential) -> tuple[Float, Float]:
    """Return b_ij of unit vectors (m, n, f) as (m, n f, n), rows (i, coordinate), and |b_ij|, (m, n, n)."""
    m, n, f = vectors.shape
    cosines = np.clip(vectors @ np.swapaxes(vectors, 1, 2), -1.0, 1.0)
    slopes = kernel.slope(cosines).copy()
    slopes[:, range(n), range(n)] = 0.0
    with np.errstate(all="ignore"):  # an infinite slope makes NaN, which is what is said of it
        parts = slopes[..., None] * (vectors[:, None, :, :] - cosines[..., None] * vectors[:, :, None, :])
        lengths = np.sqrt(np.sum(parts**2, axis=-1))
    return np.swapaxes(parts, 2, 3).reshape(m, n * f, n), lengths


def _residual(forces: Float, lengths: Float, weights: Float) -> float:
    with np.errstate(all="ignore"):
        above, below = np.linalg.norm(forces @ weights), np.linalg.norm(lengths @ weights)
        return 0.0 if below == 0.0 else float(above / below)
