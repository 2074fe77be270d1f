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

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from superpos.arrays import Float, Int, row_lengths
from superpos.fits.joint_blocks import JointBlocks, Pairs, Slopes
from superpos.fits.joint_manifold import JointManifold
from superpos.fits.kernels import filled, self_value
from superpos.fits.problem import JointProblem
from superpos.pairwise import squared_distances

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
    """The Hessian plus max_i |H_ii| times the squares of the flat directions: its lower triangle alone, by
    columns."""
    force: float
    """Largest sum of absolute pair forces on a row, which the gradient is small against."""
    is_finite: bool
    """Whether J and its derivatives are finite."""


class JointCurvature:
    """A joint problem on the manifold of its gauge, evaluated with two derivatives."""

    def __init__(self, problem: JointProblem, *, compiled: bool = False) -> None:
        self.problem = problem
        self.manifold = JointManifold(problem)
        self.kernel, self.kind = problem.kernel, problem.kernel.kind
        self.similarity, self.length = problem.similarity_kind, problem.length
        # A mean norm couples all rows; it is rare, and NumPy does it.
        self._has_engine = compiled and not self.manifold.on_mean_norm
        self._plain = JointBlocks(problem, self.manifold)
        self._angular = self.kind.angular
        self._by_angle = self.similarity.angular
        self._self, self._eps2 = self_value(self.kernel), self.kernel.softening**2
        self._own, self._rate = self.similarity.own, 1.0 / problem.rbf_scale

    def moved(self, point: CurvedPoint, step: Float) -> CurvedPoint:
        """Return the point after a flat step in units of length of the problem."""
        size = point.vectors.size
        shift = self.length * step[:size].reshape(point.vectors.shape)
        amplitudes = point.amplitudes
        if self.problem.learned:
            amplitudes = amplitudes + step[size:]
            amplitudes = amplitudes / math.sqrt(amplitudes.dot(amplitudes))
        return self.at(self.manifold.moved(point.vectors, shift), amplitudes)

    def at(self, vectors: Float, amplitudes: Float) -> CurvedPoint:
        """Return J, gradient and Hessian at X (n, f) and v (n,); not finite where J is not."""
        pairs = self._pairs(vectors)
        weights = amplitudes**2
        values, slope, bend = self._energy(pairs)
        fields = values @ weights
        energy = float(weights @ fields)
        mismatch, pull, stiff = self._mismatch(pairs)
        derivatives = self._compiled if self._has_engine else self._plain
        gradient, hessian, stiffened, force, is_finite = derivatives(
            vectors, amplitudes, pairs, values, Slopes(slope, bend, pull, stiff), fields, energy
        )
        fun = energy + self.problem.lambda_d * mismatch
        return CurvedPoint(
            vectors=vectors,
            amplitudes=amplitudes,
            fun=fun,
            gradient=gradient,
            hessian=hessian,
            stiff=stiffened,
            force=self.length * force,
            is_finite=is_finite and math.isfinite(fun),
        )

    def _compiled(
        self,
        vectors: Float,
        amplitudes: Float,
        pairs: Pairs,
        values: Float,
        slopes: Slopes,
        fields: Float,
        energy: float,
    ) -> tuple[Float, Float, Float, float, bool]:
        """Return what `JointBlocks` does, by the compiled engine."""
        from superpos.fits.compiled.joint_hessian import assemble

        n, f = vectors.shape
        size = n * (f + self.problem.learned)
        gradient, hessian, stiff = np.zeros(size), np.zeros(size * size), np.zeros(size * size)
        force, is_finite = assemble(
            self._places,
            vectors.ravel(),
            pairs.units.ravel(),
            pairs.norms,
            pairs.cosines.ravel(),
            pairs.squares.ravel(),
            values.ravel(),
            slopes.slope.ravel(),
            slopes.bend.ravel(),
            slopes.pull.ravel(),
            slopes.stiff.ravel(),
            amplitudes,
            fields,
            energy,
            self.length,
            np.empty(6 * n * n + 3 * (n + f)),
            gradient,
            hessian,
            stiff,
        )
        return gradient, hessian.reshape(size, size), stiff.reshape(size, size).T, force, is_finite

    @cached_property
    def _places(self) -> Int:
        """The integers of `superpos.fits.compiled.joint_terms`."""
        spheres, shifts = self.manifold.on_spheres, self.problem.translation_invariant
        directed = self._angular or self._by_angle or spheres
        flags = (self._angular, spheres, self.problem.learned, shifts, self._by_angle, directed)
        return np.array([self.problem.n, self.problem.n_dims, *flags], dtype=np.int64)

    def flat_directions(self, vectors: Float, amplitudes: Float) -> Float:
        """Return columns (size, k), lengths 1 or 0, along which J does not change or is not defined."""
        return self.manifold.flat_of_problem(vectors, amplitudes)

    def _pairs(self, vectors: Float) -> Pairs:
        norms = row_lengths(vectors)
        if self._angular or self._by_angle:
            units = vectors / norms[:, None]
            cosines = units @ units.T
        else:
            # Rows may be zero where nothing depends on their direction.
            units = vectors / norms[:, None] if self.manifold.on_spheres else np.zeros_like(vectors)
            cosines = np.zeros((len(vectors), len(vectors)))
        squares = np.zeros((1, 1)) if self._angular and self._by_angle else squared_distances(vectors)
        return Pairs(units, norms, cosines, squares)

    def _energy(self, pairs: Pairs) -> tuple[Float, Float, Float]:
        """Return K with its diagonal, and dK and d^2 K over its argument, all (n, n)."""
        argument, kind, s = pairs.cosines, self.kind, self.kernel.s
        if not self._angular:
            argument = np.maximum(pairs.squares, TINY) + self._eps2
            argument.ravel()[:: len(argument) + 1] = 1.0
        values = filled(kind.value(argument, s), argument)
        slope = filled(kind.slope(argument, s, values), argument)
        bend = filled(kind.bend(argument, s, values), argument)
        values = values.copy()
        values.ravel()[:: len(argument) + 1] = self._self
        return values, slope, bend

    def _mismatch(self, pairs: Pairs) -> tuple[float, Float, Float]:
        """Return sum (S - T)^2, and the derivatives of lambda_d (S - T)^2 over its argument."""
        twice, kind = 2.0 * self.problem.lambda_d, self.similarity
        if kind.angular:
            argument, rate = pairs.cosines, 1.0
        else:
            rate = self._rate
            argument = rate * np.maximum(pairs.squares, TINY)
        similarities = filled(kind.value(argument), argument).copy()
        similarities.ravel()[:: len(argument) + 1] = self._own
        residual = similarities - self.problem.target
        pull = filled(twice * rate * residual * kind.slope(argument, similarities), argument)
        curved = kind.curvature(argument, rate, similarities, residual)
        stiff = filled(twice * rate * curved, argument)
        return float(np.vdot(residual, residual)), pull, stiff
