"""The joint step with two derivatives, dense, in coordinates in which every end of it is an ordinary one.

    J(X, v) = sum_ij K(x_i, x_j) w~_i w~_j + lambda_d sum_ij (S_ij - T_ij)^2,   w~_i = v_i^2,  ||v|| = 1

Amplitudes v stand for the importance: a feature that the energy wants to be rid of has its minimum at
v_i = 0, with a curvature, where its logit runs to -infinity and its gradient dies out on the way. Energy and
mismatch are sums over pairs of functions of c_ij = cos(x_i, x_j) or of r^2_ij. With a, a' their first and
second derivatives over c_ij, b, b' those over r^2_ij, u_i = x_i / ||x_i||, P_i = I - u_i u_i^T,
p_ij = P_i u_j / ||x_i||, q_ij = x_i - x_j:

    dJ/dx_i = sum_j 2 a_ij p_ij + 4 b_ij q_ij
    H_ij    = 2 a'_ij p_ij p_ji^T + 2 a_ij P_i P_j / (||x_i|| ||x_j||) - 8 b'_ij q_ij q_ij^T - 4 b_ij I
    H_ii    = sum_j 2 a'_ij p_ij p_ij^T - 2 a_ij (p_ij u_i^T + u_i p_ij^T) / ||x_i||
              - sum_j 2 a_ij c_ij P_i / ||x_i||^2 + sum_j 8 b'_ij q_ij q_ij^T + 4 b_ij I
    dJ/dv_i = 4 v_i (f_i - E),   f_i = sum_j K_ij w~_j
    d^2 J / dx_i dv_k = 2 v_k (delta_ik sum_j w~_j V_ij + w~_i V_ik),   V_ij = 2 K'_ij p_ij or 4 K'_ij q_ij
    d^2 J / dv_i dv_j = 4 delta_ij (f_i - E) + 8 v_i v_j K_ij,   projected to the complement of v

Derivatives are over X / L, L the problem's unit of length (`gauges.py`), on the manifold of the gauge
(`joint_manifold.py`). The formulas are ours, checked against finite differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superpos.arrays import Float, row_lengths
from superpos.fits.joint_manifold import JointManifold
from superpos.fits.kernels import pair_bend, pair_energy, pair_slope, self_value
from superpos.fits.problem import JointProblem
from superpos.pairwise import squared_distances

BLOCK_NUMBERS = 2_000_000
"""Numbers in one temporary array of blocks: rows of the Hessian are made so many at a time."""
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True, eq=False)
class CurvedPoint:
    """J and its first two derivatives at one point of the manifold."""

    vectors: Float
    """X, (n, f)."""
    amplitudes: Float
    """v, (n,), of length 1."""
    fun: float
    gradient: Float
    """Flat: over X / L in C order, then over v unless the importance is uniform."""
    hessian: Float
    """In the same coordinates; zero along the normals of the manifold."""
    stiff: Float
    """The Hessian plus max_i |H_ii| times the squares of the flat directions."""
    force: float
    """Largest sum of absolute pair forces on a row, which the gradient is small against."""

    @property
    def is_finite(self) -> bool:
        """Whether J and its derivatives are finite."""
        return bool(
            np.isfinite(self.fun) and np.isfinite(self.gradient).all() and np.isfinite(self.hessian).all()
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Geometry of all pairs of rows."""

    units: Float
    norms: Float
    cosines: Float
    toward: Float
    """p_ij / ||x_i||, (n, n, f)."""
    gaps: Float
    """q_ij, (n, n, f); the compiled engine makes its own."""
    squares: Float
    """r^2_ij, (n, n), unless all goes by the angle."""


class JointCurvature:
    """A joint problem on the manifold of its gauge, evaluated with two derivatives."""

    def __init__(self, problem: JointProblem, *, compiled: bool = False) -> None:
        self.problem = problem
        self.manifold = JointManifold(problem)
        # A mean norm couples all rows; it is rare, and NumPy does it.
        self._has_engine = compiled and not self.manifold.on_mean_norm
        self._angular = problem.kernel.kind.angular
        self._by_angle = problem.similarity_kind.angular

    def moved(self, point: CurvedPoint, step: Float) -> CurvedPoint:
        """Return the point after a flat step in units of length of the problem."""
        size = point.vectors.size
        shift = self.problem.length * step[:size].reshape(point.vectors.shape)
        amplitudes = point.amplitudes
        if self.problem.learned:
            amplitudes = amplitudes + step[size:]
            amplitudes = amplitudes / np.linalg.norm(amplitudes)
        return self.at(self.manifold.moved(point.vectors, shift), amplitudes)

    def at(self, vectors: Float, amplitudes: Float) -> CurvedPoint:
        """Return J, gradient and Hessian at X (n, f) and v (n,); not finite where J is not."""
        problem, pairs = self.problem, self._pairs(vectors)
        weights = amplitudes**2
        values, slope, bend = self._energy(pairs)
        fields = values @ weights
        energy = float(weights @ fields)
        mismatch, pull, stiff = self._mismatch(pairs)

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
        own = 8.0 * (amplitudes[:, None] * amplitudes) * values
        own.ravel()[:: weights.size + 1] += 4.0 * (fields - energy)
        derivatives = self._compiled if self._has_engine else self._plain
        gradient, hessian, stiff = derivatives(vectors, amplitudes, pairs, (a, a2, b, b2, slope), own)
        if problem.learned:
            gradient = np.concatenate([gradient, 4.0 * amplitudes * (fields - energy)])
        lengths = np.sqrt(np.add.reduce(pairs.toward * pairs.toward, axis=2))
        force = self._force(pairs, lengths, both * slope, by_angle=self._angular)
        force += self._force(pairs, lengths, pull, by_angle=self._by_angle)
        return CurvedPoint(
            vectors=vectors,
            amplitudes=amplitudes,
            fun=energy + problem.lambda_d * mismatch,
            gradient=gradient,
            hessian=hessian,
            stiff=stiff,
            force=problem.length * force,
        )

    def _plain(
        self, vectors: Float, amplitudes: Float, pairs: _Pairs, terms: tuple[Float, ...], own: Float
    ) -> tuple[Float, Float, Float]:
        """Return the gradient over X, (n f,), Hessian and stiff Hessian, by NumPy."""
        a, a2, b, b2, slope = terms
        slope_x = 4.0 * np.einsum("ij,ijk->ik", b, pairs.gaps)
        if self._angular or self._by_angle:
            slope_x += 2.0 * np.einsum("ij,ijk->ik", a, pairs.toward)
        length, manifold = self.problem.length, self.manifold
        gradient = length * manifold.project(vectors, slope_x.reshape(-1, 1)).ravel()
        hessian = length**2 * manifold.curved(vectors, slope_x, self._hessian(pairs, a, a2, b, b2))
        if self.problem.learned:
            per_pair = 2.0 * pairs.toward if self._angular else 4.0 * pairs.gaps
            mixed = self._mixed(amplitudes, slope[:, :, None] * per_pair)
            tangent = np.eye(amplitudes.size) - np.outer(amplitudes, amplitudes)
            mixed = length * manifold.project(vectors, mixed) @ tangent
            hessian = np.block([[hessian, mixed], [mixed.T, tangent @ own @ tangent]])
        flat = self.flat_directions(vectors, amplitudes)
        return gradient, hessian, hessian + np.abs(hessian.diagonal()).max() * (flat @ flat.T)

    def _compiled(
        self, vectors: Float, amplitudes: Float, pairs: _Pairs, terms: tuple[Float, ...], own: Float
    ) -> tuple[Float, Float, Float]:
        """Return what `_plain` does, by the compiled engine."""
        from superpos.fits.compiled.joint_hessian import assemble

        n, f = vectors.shape
        directed, learned = self._angular or self._by_angle or self.manifold.on_spheres, self.problem.learned
        flags = (self._angular, self.manifold.on_spheres, learned, self.problem.translation_invariant)
        size = n * (f + learned)
        gradient, hessian, stiff = np.zeros(n * f), np.zeros((size, size)), np.empty((size, size))
        assemble(
            np.array([n, f, *flags], dtype=np.int64),
            np.ascontiguousarray(vectors).ravel(),
            np.ascontiguousarray(pairs.units).ravel(),
            1.0 / pairs.norms if directed else np.zeros(n),
            pairs.cosines.ravel(),
            np.concatenate([term.ravel() for term in terms]),
            amplitudes,
            own.ravel(),
            self.problem.length,
            np.empty(3 * f),
            gradient,
            hessian.ravel(),
            stiff.ravel(),
        )
        return gradient, hessian, stiff

    @staticmethod
    def _mixed(amplitudes: Float, per_pair: Float) -> Float:
        """Return d^2 J / dX dv, (n f, n), from V_ij, (n, n, f)."""
        n, f = per_pair.shape[1:]
        weights = amplitudes**2
        mixed = 2.0 * np.swapaxes(weights[:, None, None] * amplitudes[:, None] * per_pair, 1, 2)
        rows = np.arange(n)
        mixed[rows, :, rows] += 2.0 * amplitudes[:, None] * np.einsum("j,ijk->ik", weights, per_pair)
        return mixed.reshape(n * f, n)

    def flat_directions(self, vectors: Float, amplitudes: Float) -> Float:
        """Return columns (size, k), lengths 1 or 0, along which J does not change or is not defined."""
        columns = self.manifold.flat_directions(vectors)
        if not self.problem.learned:
            return columns
        size, k = columns.shape
        flat = np.zeros((size + amplitudes.size, k + 1))
        flat[:size, :k], flat[size:, k] = columns, amplitudes
        return flat

    def _pairs(self, vectors: Float) -> _Pairs:
        norms = row_lengths(vectors)
        if self._angular or self._by_angle:
            units = vectors / norms[:, None]
            cosines = units @ units.T
            toward = (units - cosines[:, :, None] * units[:, None]) / norms[:, None, None]
        else:
            # Rows may be zero where nothing depends on their direction.
            units = vectors / norms[:, None] if self.manifold.on_spheres else np.zeros_like(vectors)
            cosines, toward = np.zeros((len(vectors), len(vectors))), np.zeros((1, 1, 1))
        none = np.zeros((1, 1, 1))
        gaps = none if self._has_engine else vectors[:, None] - vectors
        squares = none[0] if self._angular and self._by_angle else squared_distances(vectors)
        return _Pairs(units, norms, cosines, toward, gaps, squares)

    def _energy(self, pairs: _Pairs) -> tuple[Float, Float, Float]:
        """Return K with its diagonal, and dK and d^2 K over its argument with diagonal 0, all (n, n)."""
        kernel = self.problem.kernel
        argument = pairs.cosines
        if not self._angular:
            argument = np.maximum(pairs.squares, TINY) + kernel.softening**2
            argument.ravel()[:: len(argument) + 1] = 1.0
        values = pair_energy(kernel, argument).copy()
        slope = pair_slope(kernel, argument, values).copy()
        bend = pair_bend(kernel, argument, values).copy()
        step = len(argument) + 1
        values.ravel()[::step] = self_value(kernel)
        slope.ravel()[::step] = 0.0
        bend.ravel()[::step] = 0.0
        return values, slope, bend

    def _mismatch(self, pairs: _Pairs) -> tuple[float, Float, Float]:
        """Return sum (S - T)^2, and the derivatives of lambda_d (S - T)^2 over its argument, diagonal 0."""
        problem = self.problem
        twice = 2.0 * problem.lambda_d
        kind = problem.similarity_kind
        if kind.angular:
            argument, rate = pairs.cosines, 1.0
        else:
            rate = 1.0 / problem.rbf_scale
            argument = rate * np.maximum(pairs.squares, TINY)
        similarities = np.array(np.broadcast_to(kind.value(argument), argument.shape))
        step = len(argument) + 1
        similarities.ravel()[::step] = kind.own
        residual = similarities - problem.target
        pull = twice * rate * residual * kind.slope(argument, similarities)
        curved = kind.curvature(argument, rate, similarities, residual)
        stiff = np.array(np.broadcast_to(twice * rate * curved, residual.shape))
        pull.ravel()[::step] = 0.0
        stiff.ravel()[::step] = 0.0
        return float(np.vdot(residual, residual)), pull, stiff

    def _hessian(self, pairs: _Pairs, a: Float, a2: Float, b: Float, b2: Float) -> Float:
        """Return the Hessian over X off the manifold, (n f, n f), a few rows of blocks at a time."""
        n, f = pairs.gaps.shape[0], pairs.gaps.shape[2]
        hessian = np.empty((n, f, n, f))
        many = max(1, BLOCK_NUMBERS // (n * f * f))
        for first in range(0, n, many):
            rows = slice(first, min(first + many, n))
            hessian[rows] = np.swapaxes(self._rows(pairs, a, a2, b, b2, rows), 1, 2)
        return hessian.reshape(n * f, n * f)

    def _rows(self, pairs: _Pairs, a: Float, a2: Float, b: Float, b2: Float, rows: slice) -> Float:
        """Return rows of blocks, (rows, n, f, f)."""
        f = pairs.gaps.shape[2]
        own = np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)
        identity = np.eye(f)
        blocks = np.zeros((rows.stop - rows.start, *pairs.gaps.shape[:1], f, f))
        if self._angular or self._by_angle:
            units, cosines, inverse = pairs.units, pairs.cosines[rows], 1.0 / pairs.norms
            here, there = pairs.toward[rows], np.swapaxes(pairs.toward, 0, 1)[rows]
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
            gaps = pairs.gaps[rows]
            spread = (8.0 * b2[rows])[:, :, None, None] * gaps[:, :, :, None] * gaps[:, :, None, :]
            spread += (4.0 * b[rows])[:, :, None, None] * identity
            blocks -= spread
            blocks[own] += spread.sum(axis=1)
        return blocks

    @staticmethod
    def _force(pairs: _Pairs, lengths: Float, slope: Float, *, by_angle: bool) -> float:
        """Return the largest sum of absolute pair forces on a row, of one of the two sums of J.

        `lengths` are those of p_ij / ||x_i||, (n, n).
        """
        sizes = 2.0 * lengths if by_angle else 4.0 * np.sqrt(pairs.squares)
        return float((sizes * np.abs(slope)).sum(axis=1).max())
