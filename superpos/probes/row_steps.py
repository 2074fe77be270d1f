"""Newton steps of probes on a number a sample: conjugate gradients with the Gram matrix.

With Z the centred samples, K = Z Z^T and w = Z^T a (the penalty rewards nothing outside the span of the
samples), D the weights of the Hessian and r = f - p a the residuals of the pulls f_i = c_i y_i s_i, the
gradient is -Z^T r in w and -sum_i f_i in b. A Newton step, w by Z^T q and b by t, solves

    D (K q + t 1) + p q = r,     1^T q = 0             (for 1^T f = p 1^T a where the intercept is best)

or, with q = S u and S = sqrt(D),

    (S K S + p) u + t S 1 = S^-1 r,     (S 1)^T u = 0

by conjugate gradients among the u that fulfil the constraint, with residuals from which the constraint's
normal is taken out (N. I. M. Gould, M. E. Hribar, J. Nocedal, On the solution of equality constrained
quadratic programming problems, 2001, algorithm 6.2). A step multiplies K once. The preconditioner is a
feature's own: with the largest eigenvalues and vectors of K, U L U^T, which all features share, and T the
diagonal of what is left,

    M = S U L U^T S + E,    E = D T + p,    M^-1 = E^-1 - E^-1 S U (L^-1 + U^T D E^-1 U)^-1 U^T S E^-1.

Arrays of all features have a row a feature, (k, n). K and its products are in single precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Float, Int
from superpos.probes.thin import images
from superpos.seeding import generator

RANK = 48
"""Eigenvectors of K in the preconditioner."""
POWERS = 2
MAX_CG = 60
"""Conjugate gradient steps at most."""
TINY = 1e-14
"""Least weight of a sample in a Hessian, over the largest."""
SMALL = 1e-6
"""Least eigenvalue of K in the preconditioner, over the largest: single precision knows no others."""

Inverse = Callable[[Float, Int], Float]
"""(V, features) -> M^-1 V, rows being vectors of these features."""


@dataclass(frozen=True, slots=True, eq=False)
class Gram:
    """K, and the start of its spectrum."""

    K: NDArray[np.float32]
    """(n, n)."""
    values: Float
    """Largest eigenvalues, (m,)."""
    vectors: Float
    """Their vectors, (n, m)."""
    rest: Float
    """Diagonal of K without them, (n,)."""

    def product(self, vectors: Float) -> Float:
        """Return vectors times K, (k, n), each in the range of single precision."""
        largest = np.max(np.abs(vectors), axis=1, keepdims=True)
        largest[largest == 0.0] = 1.0
        found: Float = images(self.K, (vectors / largest).T).T.astype(np.float64)
        found *= largest
        return found

    def inverse(self, weights: Float, penalty: Float) -> Inverse:
        """Return the preconditioners for weights D, (k, n)."""
        E = weights * self.rest + penalty[:, None]
        shares = weights / E
        core = np.stack([(self.vectors * row[:, None]).T @ self.vectors for row in shares])
        core[:, np.arange(len(self.values)), np.arange(len(self.values))] += 1.0 / self.values
        inner, sides = np.linalg.inv(core), np.sqrt(weights) / E

        def apply(given: Float, features: Int) -> Float:
            side = sides[features]
            middle = (side * given) @ self.vectors
            middle = np.matmul(middle[:, None, :], inner[features])[:, 0]
            return np.asarray(given / E[features] - side * (middle @ self.vectors.T))

        return apply


def gram_of(K: NDArray[np.float32]) -> Gram:
    """Return K, (n, n), with the start of its spectrum: Rayleigh-Ritz on a random subspace after a power."""
    draw = generator("sample", name="probe rows", seed=0)
    found = draw.standard_normal((len(K), min(RANK, len(K))), dtype=np.float32)
    for _ in range(POWERS):
        basis, _ = np.linalg.qr(found)
        found = K @ basis
    values, rotation = np.linalg.eigh((basis.T @ found).astype(np.float64))
    kept = values > max(SMALL * float(values[-1]), float(np.finfo(np.float64).tiny))
    vectors = basis.astype(np.float64) @ rotation[:, kept]
    rest = K.diagonal() - np.sum(vectors**2 * values[kept], axis=1)
    return Gram(K, values[kept], vectors, np.maximum(rest, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class RowSteps:
    """Newton steps of k features."""

    q: Float
    """(k, n)."""
    image: Float
    """K q, (k, n)."""
    t: Float
    """Of the intercepts, (k,)."""
    n_cg: Int
    """Conjugate gradient steps, (k,)."""


def row_steps(gram: Gram, weights: Float, residual: Float, penalty: Float, forcing: Float) -> RowSteps:
    """Return Newton steps.

    Parameters
    ----------
    gram
        K.
    weights
        D, (k, n).
    residual
        r, (k, n).
    penalty
        p, (k,).
    forcing
        Norms of the equations' residuals over those of r at which to stop, (k,).
    """
    weights = np.maximum(weights, TINY * np.max(weights, axis=1, keepdims=True))
    inverse = gram.inverse(weights, penalty)
    k = len(weights)
    steps = RowSteps(
        np.zeros_like(residual), np.zeros_like(residual), np.zeros(k), np.zeros(k, dtype=np.int64)
    )
    live, roots, p = np.arange(k), np.sqrt(weights), penalty[:, None]
    normal = inverse(roots, live)
    inner = np.sum(roots * normal, axis=1)
    left, wanted = residual / roots, forcing * np.linalg.norm(residual, axis=1)
    direction, last = np.zeros_like(left), np.ones(k)
    while True:
        conditioned = inverse(left, live)
        t = np.sum(roots * conditioned, axis=1) / inner
        steps.t[live] += t
        left -= t[:, None] * roots
        conditioned -= t[:, None] * normal
        product = np.sum(left * conditioned, axis=1)
        going = (np.linalg.norm(roots * left, axis=1) > wanted) & (product > 0.0)
        going &= steps.n_cg[live] < MAX_CG
        if not np.any(going):
            return steps
        if not np.all(going):
            live, roots, normal, inner, p = live[going], roots[going], normal[going], inner[going], p[going]
            left, wanted, conditioned = left[going], wanted[going], conditioned[going]
            direction, last, product = direction[going], last[going], product[going]
        direction = conditioned + (product / last)[:, None] * direction
        back = roots * direction
        image = gram.product(back)
        curved = roots * image + p * direction
        bend = np.sum(direction * curved, axis=1)
        # Rounding can leave no curvature along a direction; then there is nothing to gain.
        length = np.divide(product, bend, out=np.zeros_like(bend), where=bend > 0.0)[:, None]
        steps.q[live] += length * back
        steps.image[live] += length * image
        left -= length * curved
        steps.n_cg[live] += 1
        last = product
