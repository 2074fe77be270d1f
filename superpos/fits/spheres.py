"""The energy on the product of spheres ||x_i|| = n_i: value, Riemannian gradient, Hessian-vector products.

With x_i = n_i u_i, ||u_i|| = 1 and c_ij = <u_i, u_j>, every kernel is a function of c_ij alone, K = phi(c),
whose derivatives the kinds give (`superpos.kinds.energies`), of c itself or of

    rho^2 = (n_i - n_j)^2 + b ||u_i - u_j||^2 + eps^2,   b = n_i n_j   (d rho^2 / dc = -2 b)

Row force, tangent part and derivatives, eta tangent (<eta_i, u_i> = 0) and P_i = I - u_i u_i^T:

    t_i = sum_{j != i} w_j phi'_ij u_j                 dE/du_i = 2 w_i P_i t_i,    q_i = <t_i, u_i>
    (H eta)_i = 2 w_i (P_i sum_j w_j (phi'_ij eta_j + phi''_ij a_ij u_j) - q_i eta_i),
    a_ij = <u_i, eta_j> + <u_j, eta_i>

In scaled coordinates z_i = sqrt(w_i) eta_i both lose their division by the row's own weight: gradient
2 sqrt(w_i) P_i t_i, Hessian blocks 2 sqrt(w_i w_j) (...) off and 2 (...) on the diagonal. P_i t_i is summed
over differences u_j - u_i, so that close pairs do not cancel. In terms of x: grad_i E = 2 w_i P_i t_i / n_i.

    relative gradient_i = ||P_i t_i|| / (n_i sum_{j != i} w_j k'_ij),  0/0 = 0
    k' = |dK/dc| / n_i for energies of cosines, |dK/drho| for those of distances (the kinds' `force`)

Source: Absil, Mahony & Sepulchre, Optimization Algorithms on Matrix Manifolds (2008), chapters 3 and 5, for
the sphere as a Riemannian submanifold; the formulas for these kernels are ours, checked against differences.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from superpos.arrays import Bool, Float, row_lengths
from superpos.fits.kernels import self_value
from superpos.specs.axes import Kernel

ZERO_NORM = 1e-100
"""Rows below this share of the largest norm are points, not spheres: they do not move.

A short row counts as much as a long one where the energy sees angles, so this is no tolerance but the place
where squares of lengths would be rounded to 0."""


UNSEEN = 1e-16
"""Importance, over the largest one, of rows that the energy does not see beside its own rounding."""


def seen(importance: Float) -> Bool:
    """Return which rows (n,) the energy sees; all of them where fewer than two would be left.

    The others exert no force and feel one that counts for nothing. In the field of the seen rows they would
    all want the same place, where a singular kernel has them repel each other: no point would be critical.
    """
    found = np.asarray(importance > UNSEEN * importance.max())
    return found if int(found.sum()) >= 2 else np.ones_like(found)


def unit_rows(vectors: Float, norms: Float) -> Float:
    """Return the rows of `vectors` (n, f) over their lengths; (1, 0, ...) on a sphere of radius 0.

    Parameters
    ----------
    vectors
        (n, f).
    norms
        Radii of the spheres, (n,).
    """
    lengths = row_lengths(vectors)
    fixed = (norms <= ZERO_NORM * norms.max()) | (lengths == 0.0)
    if not fixed.any():
        return np.asarray(vectors / lengths[:, None])
    units = vectors / np.where(fixed, 1.0, lengths)[:, None]
    units[fixed] = 0.0
    units[fixed, 0] = 1.0
    return np.asarray(units)


def effective_features(importance: Float) -> float:
    """Return exp(entropy of the importance), between 1 and n."""
    return math.exp(_entropy(importance))


def importance_entropy(importance: Float) -> float:
    """Return the entropy of the importance (n,) over log n: 1 if all are equal, 0 if one has everything."""
    return _entropy(importance) / math.log(importance.size)


def _entropy(importance: Float) -> float:
    present = importance[importance > 0.0]
    return max(0.0, -float(present @ np.log(present)))


class SphereEnergy:
    """The energy with weights, norms and kernel held; `at` evaluates it at unit rows."""

    def __init__(self, importance: Float, norms: Float, kernel: Kernel) -> None:
        self.importance = importance
        self.norms = np.where(norms <= ZERO_NORM * norms.max(), 0.0, norms)
        self.kernel = kernel
        self.products = np.outer(self.norms, self.norms)
        self.gaps = (self.norms[:, None] - self.norms) ** 2 + kernel.softening**2
        self.roots = np.sqrt(importance)
        self.root_products = np.outer(self.roots, self.roots)
        self.constant = self_value(kernel) * float(importance @ importance)

    def at(self, units: Float) -> SpherePoint:
        """Return the energy and its derivatives at unit rows (n, f); not finite where vectors coincide."""
        return SpherePoint(self, units)


class SpherePoint:
    """Energy, scaled gradient, relative gradient and Hessian-vector products at one point."""

    def __init__(self, problem: SphereEnergy, units: Float) -> None:
        kind, weights, s = problem.kernel.kind, problem.importance, problem.kernel.s
        self.problem = problem
        self.units = units
        differences = units[None, :, :] - units[:, None, :]
        squares = np.einsum("ijk,ijk->ij", differences, differences)
        self.cosines = 1.0 - 0.5 * squares
        if kind.angular:
            argument = self.cosines
        else:
            argument = problem.gaps + problem.products * squares
            np.fill_diagonal(argument, 1.0)
        value, slope, bend, pull_of = kind.on_spheres()
        values = _filled(value(argument, s), argument)
        first = _filled(slope(argument, problem.products, 1.0, s, values), argument)
        second = _filled(bend(argument, problem.products, 1.0, s, values, first), argument)
        forces = _filled(pull_of(argument, problem.norms[:, None], s, values), argument)
        for matrix in (values, first, second, forces):
            np.fill_diagonal(matrix, 0.0)
        self.energy = float(weights @ values @ weights) + problem.constant
        self.first = first
        self.second = second
        pull = np.einsum("ij,ijk->ik", first * weights, differences)
        radial = np.einsum("ij,ij->i", pull, units)
        self.tangent = pull - radial[:, None] * units
        self.radial = (first * self.cosines) @ weights
        self.gradient = 2.0 * problem.roots[:, None] * self.tangent
        self.forces = forces @ weights
        self._coupled = first * problem.root_products
        self._bent = second * problem.root_products
        self._own = second * weights

    @property
    def is_finite(self) -> bool:
        """Whether energy and gradient are finite."""
        return math.isfinite(self.energy) and bool(np.isfinite(self.gradient).all())

    def relative_gradients(self) -> Float:
        """Return the relative gradient of each row, (n,); 0 for rows that the energy does not see."""
        sizes = np.sqrt(np.einsum("ij,ij->i", self.tangent, self.tangent))
        counted = (self.forces > 0.0) & seen(self.problem.importance)
        return np.asarray(np.divide(sizes, self.forces, out=np.zeros_like(sizes), where=counted))

    def relative_gradient(self) -> float:
        """Return the largest relative gradient of a row; NaN where it is not finite."""
        return float(self.relative_gradients().max()) if self.is_finite else math.nan

    def off_orbit(self) -> OrbitProjection:
        """Return the projection of scaled tangents z onto the complement of the rotation orbit."""
        return OrbitProjection(self.problem.roots[:, None] * self.units)

    def hessian_product(self, z: Float) -> Float:
        """Return the scaled Riemannian Hessian times a tangent z, (n, f)."""
        units = self.units
        mixed = units @ z.T
        result = self._coupled @ z + (self._bent * mixed + self._own * mixed.T) @ units
        result -= self.radial[:, None] * z
        result -= np.einsum("ij,ij->i", result, units)[:, None] * units
        result *= 2.0
        return np.asarray(result)


def _filled(found: Any, argument: Float) -> Float:
    """Return what a point function gave as a fresh array of the argument's shape."""
    return np.array(np.broadcast_to(found, argument.shape))


class OrbitProjection:
    """Projection onto the complement of {W B : B skew}, the rotations of rows W = sqrt(w_i) u_i, (n, f).

    Z - W B is orthogonal to all W C, C skew, if M B + B M = W^T Z - Z^T W with M = W^T W: entrywise division
    by the sums of eigenvalues lambda_a + lambda_b in the eigenbasis of M.
    """

    def __init__(self, rows: Float) -> None:
        values, self._basis = np.linalg.eigh(rows.T @ rows)
        self._rotated = rows @ self._basis
        sums = values[:, None] + values
        self._inverse = np.where(sums > 1e-15 * values[-1], 1.0 / sums, 0.0)

    def __call__(self, z: Float) -> Float:
        """Return z (n, f) without its part along the orbit."""
        moment = self._rotated.T @ (z @ self._basis)
        turn = (moment - moment.T) * self._inverse
        return np.asarray(z - self._rotated @ (turn @ self._basis.T))


def relative_gradient(vectors: Float, importance: Float, kernel: Kernel) -> float:
    """Return the largest relative gradient of `vectors` (n, f) on the spheres through its own rows.

    Free of an offset, a scale or the sign of the energy and of the row's own weight; NaN where the energy is
    not finite.
    """
    norms = np.linalg.norm(vectors, axis=1)
    with np.errstate(all="ignore"):
        return SphereEnergy(importance, norms, kernel).at(unit_rows(vectors, norms)).relative_gradient()
