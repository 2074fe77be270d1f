"""Gradient and Hessian of the joint step by NumPy, a block a pair: the reference of the compiled assembly.

Formulas and notation are those of `superpos.fits.joint_curvature`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from superpos.arrays import Float
from superpos.fits.joint_manifold import JointManifold
from superpos.fits.problem import JointProblem

BLOCK_NUMBERS = 2_000_000
"""Numbers in one temporary array of blocks: rows of the Hessian are made so many at a time."""


class Pairs(NamedTuple):
    """Geometry of all pairs of rows."""

    units: Float
    norms: Float
    cosines: Float
    squares: Float
    """r^2_ij, (n, n), unless all goes by the angle."""


class _Steps(NamedTuple):
    """p_ij / ||x_i|| and q_ij, (n, n, f), zero where nothing reads them; the engine makes its own."""

    toward: Float
    gaps: Float


class Slopes(NamedTuple):
    """Derivatives over the arguments of energy and similarity, (n, n); nothing reads their diagonals."""

    slope: Float
    bend: Float
    pull: Float
    """Of lambda_d (S - T)^2."""
    stiff: Float
    """Its derivative."""


def _off_diagonal(matrix: Float) -> Float:
    """Return a copy, (n, n), with 0 on the diagonal."""
    found = matrix.copy()
    found.ravel()[:: len(found) + 1] = 0.0
    return found


class JointBlocks:
    """Derivatives of a joint problem on the manifold of its gauge."""

    def __init__(self, problem: JointProblem, manifold: JointManifold) -> None:
        self.problem = problem
        self.manifold = manifold
        self._angular = problem.kernel.kind.angular
        self._by_angle = problem.similarity_kind.angular

    def __call__(
        self,
        vectors: Float,
        amplitudes: Float,
        pairs: Pairs,
        values: Float,
        slopes: Slopes,
        fields: Float,
        energy: float,
    ) -> tuple[Float, Float, Float, float, bool]:
        """Return gradient, Hessian, stiff Hessian, force and whether all is finite, by NumPy."""
        slope, bend, pull, stiff = (_off_diagonal(matrix) for matrix in slopes)
        steps = self._steps(vectors, pairs)
        weights = amplitudes**2
        both = weights[:, None] * weights
        zero = np.zeros_like(both)
        a, a2, b, b2 = zero, zero, zero, zero
        for by_angle, first, second in (
            (self._angular, both * slope, both * bend),
            (self._by_angle, pull, stiff),
        ):
            if by_angle:
                a, a2 = a + first, a2 + second
            else:
                b, b2 = b + first, b2 + second
        slope_x = 4.0 * np.einsum("ij,ijk->ik", b, steps.gaps)
        if self._angular or self._by_angle:
            slope_x += 2.0 * np.einsum("ij,ijk->ik", a, steps.toward)
        length, manifold = self.problem.length, self.manifold
        gradient = length * manifold.project(vectors, slope_x.reshape(-1, 1)).ravel()
        hessian = length**2 * manifold.curved(vectors, slope_x, self._hessian(pairs, steps, a, a2, b, b2))
        if self.problem.learned:
            own = 8.0 * (amplitudes[:, None] * amplitudes) * values
            own.ravel()[:: weights.size + 1] += 4.0 * (fields - energy)
            per_pair = 2.0 * steps.toward if self._angular else 4.0 * steps.gaps
            mixed = self._mixed(amplitudes, slope[:, :, None] * per_pair)
            tangent = np.eye(amplitudes.size) - np.outer(amplitudes, amplitudes)
            mixed = length * manifold.project(vectors, mixed) @ tangent
            hessian = np.block([[hessian, mixed], [mixed.T, tangent @ own @ tangent]])
            gradient = np.concatenate([gradient, 4.0 * amplitudes * (fields - energy)])
        flat = self.manifold.flat_of_problem(vectors, amplitudes)
        stiffened = np.asfortranarray(hessian + np.abs(hessian.diagonal()).max() * (flat @ flat.T))
        lengths = np.sqrt(np.add.reduce(steps.toward * steps.toward, axis=2))
        force = self._force(pairs, lengths, both * slope, by_angle=self._angular)
        force += self._force(pairs, lengths, pull, by_angle=self._by_angle)
        is_finite = bool(np.isfinite(gradient).all() and np.isfinite(hessian).all())
        return gradient, hessian, stiffened, force, is_finite

    @staticmethod
    def _mixed(amplitudes: Float, per_pair: Float) -> Float:
        """Return d^2 J / dX dv, (n f, n), from V_ij, (n, n, f)."""
        n, f = per_pair.shape[1:]
        weights = amplitudes**2
        mixed = 2.0 * np.swapaxes(weights[:, None, None] * amplitudes[:, None] * per_pair, 1, 2)
        rows = np.arange(n)
        mixed[rows, :, rows] += 2.0 * amplitudes[:, None] * np.einsum("j,ijk->ik", weights, per_pair)
        return mixed.reshape(n * f, n)

    def _steps(self, vectors: Float, pairs: Pairs) -> _Steps:
        toward = np.zeros((1, 1, 1))
        if self._angular or self._by_angle:
            along = pairs.cosines[:, :, None] * pairs.units[:, None]
            toward = (pairs.units - along) / pairs.norms[:, None, None]
        return _Steps(toward, vectors[:, None] - vectors)

    def _hessian(self, pairs: Pairs, steps: _Steps, a: Float, a2: Float, b: Float, b2: Float) -> Float:
        """Return the Hessian over X off the manifold, (n f, n f), a few rows of blocks at a time."""
        n, f = steps.gaps.shape[0], steps.gaps.shape[2]
        hessian = np.empty((n, f, n, f))
        many = max(1, BLOCK_NUMBERS // (n * f * f))
        for first in range(0, n, many):
            rows = slice(first, min(first + many, n))
            hessian[rows] = np.swapaxes(self._rows(pairs, steps, a, a2, b, b2, rows), 1, 2)
        return hessian.reshape(n * f, n * f)

    def _rows(
        self, pairs: Pairs, steps: _Steps, a: Float, a2: Float, b: Float, b2: Float, rows: slice
    ) -> Float:
        """Return rows of blocks, (rows, n, f, f)."""
        f = steps.gaps.shape[2]
        own = np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)
        identity = np.eye(f)
        blocks = np.zeros((rows.stop - rows.start, *steps.gaps.shape[:1], f, f))
        if self._angular or self._by_angle:
            units, cosines, inverse = pairs.units, pairs.cosines[rows], 1.0 / pairs.norms
            here, there = steps.toward[rows], np.swapaxes(steps.toward, 0, 1)[rows]
            outer = units[:, :, None] * units[:, None, :]
            blocks += (2.0 * a2[rows])[:, :, None, None] * here[:, :, :, None] * there[:, :, None, :]
            both = identity - outer[rows][:, None] - outer
            both += cosines[:, :, None, None] * (units[rows][:, None, :, None] * units[None, :, None, :])
            blocks += (2.0 * a[rows] * np.outer(inverse[rows], inverse))[:, :, None, None] * both
            lean = np.einsum("ij,ija->ia", a[rows], here) * inverse[rows][:, None]
            lean = lean[:, :, None] * units[rows][:, None, :]
            sway = np.einsum("ij,ij->i", a[rows], cosines) * inverse[rows] ** 2
            diagonal = np.einsum("ij,ija,ijb->iab", a2[rows], here, here)
            diagonal -= lean + np.swapaxes(lean, 1, 2) + sway[:, None, None] * (identity - outer[rows])
            blocks[own] = 2.0 * diagonal
        if not (self._angular and self._by_angle):
            gaps = steps.gaps[rows]
            spread = (8.0 * b2[rows])[:, :, None, None] * gaps[:, :, :, None] * gaps[:, :, None, :]
            spread += (4.0 * b[rows])[:, :, None, None] * identity
            blocks -= spread
            blocks[own] += spread.sum(axis=1)
        return blocks

    @staticmethod
    def _force(pairs: Pairs, lengths: Float, slope: Float, *, by_angle: bool) -> float:
        """Return the largest sum of absolute pair forces on a row, of one of the two sums of J.

        `lengths` are those of p_ij / ||x_i||, (n, n).
        """
        sizes = 2.0 * lengths if by_angle else 4.0 * np.sqrt(pairs.squares)
        return float((sizes * np.abs(slope)).sum(axis=1).max())
