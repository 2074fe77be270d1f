"""Objective of the joint step over variables Y and logits w, with its analytic gradient.

    J(Y, w) = sum_ij K(x_i, x_j) w~_i w~_j + lambda_d sum_ij (S_ij - T_ij)^2,   X = gauge(Y),  w~ = softmax(w)

Both sums run over all n^2 entries: the diagonal of the energy as `self_energy` says, the diagonal of the
mismatch as the constant sum_i (1 - T_ii)^2. With A = dJ/d cos_ij and B = dJ/d r^2_ij (symmetric, diagonal 0),

    A = [energies of cosines] w~_i w~_j dK/dc_ij + [S of cosines] 2 lambda_d (S - T) S'
    B = [energies of distances] w~_i w~_j dK/dr^2_ij + [S of distances] 2 lambda_d (S - T) S' / C
    dJ/dx_i = sum_j M_ij x_j + m_i x_i
              M_ij = 2 A_ij / (||x_i|| ||x_j||) - 4 B_ij,   m_i = 4 sum_j B_ij - 2 sum_j A_ij c_ij / ||x_i||^2
    dJ/dw_i = 2 w~_i (f_i - E),   f_i = sum_j K_ij w~_j

The flat variable is (Y in C order, w), or Y alone when the importance is `uniform` (w = 0); Y is X in units
of length of the problem (`gauges.py`). Squared distances come from the Gram matrix,
r^2_ij = G_ii + G_jj - 2 G_ij, not below the smallest normal number.

Source: the thesis' joint optimisation; the gradient is ours, checked against central differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superpos.arrays import Float
from superpos.fits.gauges import Gauge
from superpos.fits.kernels import filled, pair_energy, pair_slope, self_value, softmax
from superpos.fits.problem import JointProblem

TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True, eq=False)
class JointPoint:
    """Everything the objective knows at one point."""

    vectors: Float
    """X, (n, f)."""
    importance: Float
    """w~, (n,)."""
    similarities: Float
    """S of X, (n, n)."""
    fun: float
    energy: float
    mismatch: float
    gradient: Float
    """Gradient of the gauged problem, flat."""
    energy_slope: Float
    """w~_i w~_j times the slope of K over c_ij or r^2_ij, (n, n)."""
    mismatch_slope: Float
    """Slope of lambda_d (S - T)^2 over c_ij or r^2_ij, (n, n)."""


class JointObjective:
    """J as `loss`, `gradient` and `loss_gradient` of one flat variable, and in full as `evaluate`."""

    def __init__(self, problem: JointProblem) -> None:
        kernel = problem.kernel
        self.problem = problem
        self.target = problem.target
        self.kernel = kernel
        self.n = problem.n
        self.n_dims = n_dims = problem.n_dims
        self.lambda_d = problem.lambda_d
        self.similarity = problem.similarity_kind
        self.by_angle = self.similarity.angular
        self.rbf_scale = problem.rbf_scale
        self.learned = problem.learned
        self.gauge = Gauge(
            problem.gauge, problem.radius, problem.length, centred=problem.translation_invariant
        )
        self._angular = kernel.kind.angular
        self._angles = self._angular or self.by_angle
        self._self = self_value(kernel)
        self._alike = self.similarity.own
        self._eps2 = kernel.softening**2
        self._split = self.n * n_dims
        self._step = self.n + 1
        self._uniform = np.full(self.n, 1.0 / self.n)

    @property
    def size(self) -> int:
        """Length of the flat variable."""
        return self.n * (self.n_dims + (1 if self.learned else 0))

    def pack(self, variables: Float, logits: Float) -> Float:
        """Return the flat variable of Y (n, f) and w (n,)."""
        return np.concatenate([variables.ravel(), logits]) if self.learned else variables.ravel().copy()

    def unpack(self, flat: Float) -> tuple[Float, Float]:
        """Return Y, (n, f), and w, (n,); w = 0 when the importance is uniform."""
        logits = flat[self._split :] if self.learned else np.zeros(self.n)
        return flat[: self._split].reshape(self.n, self.n_dims), logits

    def loss(self, flat: Float) -> float:
        """Return J."""
        return self.evaluate(flat).fun

    def gradient(self, flat: Float) -> Float:
        """Return the gradient of J, flat."""
        return self.evaluate(flat).gradient

    def loss_gradient(self, flat: Float) -> tuple[float, Float]:
        """Return J and its gradient."""
        point = self.evaluate(flat)
        return point.fun, point.gradient

    def evaluate(self, flat: Float) -> JointPoint:
        """Return J, its parts and its gradient; not finite where J is not (no warning is given)."""
        variables, logits = self.unpack(flat)
        vectors = self.gauge.vectors(variables)
        weights = softmax(logits) if self.learned else self._uniform
        step = self._step
        gram = vectors @ vectors.T
        squares = gram.ravel()[::step].copy()

        if self._angles:
            inverse = 1.0 / np.sqrt(squares)
            outer = inverse[:, None] * inverse
            angle = gram * outer
        if not (self._angular and self.by_angle):
            distance = squares[:, None] - 2.0 * gram
            distance += squares
            np.maximum(distance, TINY, out=distance)
            distance.ravel()[::step] = 0.0

        if self._angular:
            argument = angle
        else:
            argument = distance + self._eps2
            argument.ravel()[::step] = 1.0
        values = pair_energy(self.kernel, argument).copy()
        slope = pair_slope(self.kernel, argument, values) * (weights[:, None] * weights)
        slope.ravel()[::step] = 0.0
        values.ravel()[::step] = self._self
        fields = values @ weights
        energy = float(weights @ fields)

        if self.by_angle:
            argument, rate = angle, 1.0
        else:
            rate = 1.0 / self.rbf_scale
            argument = distance * rate
        similarities = filled(self.similarity.value(argument), argument)
        similarities.ravel()[::step] = self._alike
        residual = similarities - self.target
        mismatch = float(np.vdot(residual, residual))
        residual *= 2.0 * self.lambda_d
        residual *= self.similarity.slope(argument, similarities)
        residual *= rate
        residual.ravel()[::step] = 0.0

        angular = [part for part, by in ((slope, self._angular), (residual, self.by_angle)) if by]
        radial = [part for part, by in ((slope, not self._angular), (residual, not self.by_angle)) if by]
        coupling = np.zeros_like(gram)
        diagonal = np.zeros(self.n)
        for part in radial:
            coupling -= 4.0 * part
        if radial:
            diagonal -= np.add.reduce(coupling, axis=1)
        for part in angular:
            twice = 2.0 * part
            diagonal -= np.einsum("ij,ij->i", twice, angle) * inverse**2
            coupling += twice * outer
        slope_x = coupling @ vectors + diagonal[:, None] * vectors
        gradient = self.gauge.gradient(variables, vectors, slope_x).ravel()
        if self.learned:
            gradient = np.concatenate([gradient, 2.0 * weights * (fields - energy)])
        return JointPoint(
            vectors=vectors,
            importance=weights,
            similarities=similarities,
            fun=energy + self.lambda_d * mismatch,
            energy=energy,
            mismatch=mismatch,
            gradient=gradient,
            energy_slope=slope,
            mismatch_slope=residual,
        )
