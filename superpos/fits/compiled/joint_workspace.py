"""Problem and buffers of one joint fit: one block of memory, laid out as in `workspace.py`.

The flat variable is (Y by axis, f rows of m; logits, one row of m) with m = 8 ceil(n / 8): padding is zero,
gets a zero gradient and so stays zero. Vectors have their number of axes padded to a multiple of 4 as well,
for the product kernels fill four rows at once.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import NamedTuple

import numpy as np

from superpos.arrays import Float, Int
from superpos.fits.compiled.machine.vectors import ROWS
from superpos.fits.compiled.pairs import kernel_code
from superpos.fits.compiled.workspace import padded
from superpos.fits.kernels import self_value
from superpos.fits.problem import JointProblem
from superpos.specs.axes import GAUGES

S, EPS2, LAMBDA_D, SELF, RADIUS, RBF_SCALE, ENERGY, MISMATCH, LENGTH = range(9)
"""Numbers: exponent, eps^2, lambda_d, K(x, x) or 0, start radius, C; energy and mismatch of the last point;
unit of length of the variables."""
HEAD = 16

CODE, N, F, M, COSINE, LEARNED, GAUGE, CENTRED = range(8)
"""Integers: kernel code, features, dimensions, padded row; flags, and the place of the gauge in `GAUGES`."""
NONE, UNIT, MEAN_NORM = range(len(GAUGES))
(
    TARGET,  # T, (m, m)
    VECTORS,  # X, (4 ceil(f / 4), m)
    SLOPE_X,  # dJ/dX, likewise
    WEIGHTS,  # w~, (m,)
    FIELDS,  # f_i = sum_j K_ij w~_j, (m,)
    LENGTHS,  # ||y_i|| where the gauge needs them, (m,)
    INVERSE,  # 1 / ||x_i||, (m,)
    BUFFER,  # (m,)
    ANGLES,  # cosines, (m, m)
    DISTANCES,  # squared distances, (m, m)
    VALUES,  # K, (m, m)
    ENERGY_SLOPE,  # w~_i w~_j dK/d(argument), (m, m)
    SIMILARITIES,  # S, (m, m)
    MISMATCH_SLOPE,  # lambda_d d(mismatch)/d(argument), (m, m)
    COUPLING,  # dJ/dX = COUPLING X, (m, m)
) = range(8, 23)
"""Integers: where each array starts."""


class JointWorkspace(NamedTuple):
    """What a joint fit knows."""

    memory: Float
    at: Int

    def array(self, place: int, *shape: int) -> Float:
        """Return the array at one of the places above."""
        start = int(self.at[place])
        return self.memory[start : start + prod(shape)].reshape(shape)

    def matrix(self, place: int) -> Float:
        """Return a copy of one of the (m, m) matrices without its padding, (n, n)."""
        n, m = int(self.at[N]), int(self.at[M])
        return self.array(place, m, m)[:n, :n].copy()

    def vectors(self) -> Float:
        """Return X of the last point, (n, f)."""
        n, f, m = (int(self.at[place]) for place in (N, F, M))
        return np.ascontiguousarray(self.array(VECTORS, f, m)[:, :n].T)

    def pack(self, vectors: Float, logits: Float) -> Float:
        """Return the flat variable of Y (n, f) and w (n,)."""
        n, f, m = (int(self.at[place]) for place in (N, F, M))
        flat = np.zeros((f + int(self.at[LEARNED]), m))
        flat[:f, :n] = vectors.T
        if self.at[LEARNED]:
            flat[f, :n] = logits
        return flat.ravel()

    def logits(self, flat: Float) -> Float:
        """Return w of a flat variable, (n,); 0 if the importance is uniform."""
        n, f, m = (int(self.at[place]) for place in (N, F, M))
        return flat[f * m : f * m + n].copy() if self.at[LEARNED] else np.zeros(n)


@cache
def _layout(n: int, f: int) -> tuple[Int, int]:
    """Return the integers of a workspace, to be copied, and the length of its memory."""
    m, axes = padded(n), -(-f // ROWS) * ROWS
    sizes = {
        TARGET: m * m, VECTORS: axes * m, SLOPE_X: axes * m, WEIGHTS: m, FIELDS: m, LENGTHS: m, INVERSE: m,
        BUFFER: m, ANGLES: m * m, DISTANCES: m * m, VALUES: m * m, ENERGY_SLOPE: m * m, SIMILARITIES: m * m,
        MISMATCH_SLOPE: m * m, COUPLING: m * m,
    }  # fmt: skip
    at = np.zeros(COUPLING + 1, dtype=np.int64)
    end = HEAD
    for place, size in sizes.items():
        at[place] = end
        end += size
    at[N], at[F], at[M] = n, f, m
    return at, end


def make_joint_workspace(problem: JointProblem) -> JointWorkspace:
    """Return the workspace of a joint problem."""
    n, kernel = problem.n, problem.kernel
    layout, length = _layout(n, problem.n_dims)
    at, m = layout.copy(), int(layout[M])
    at[CODE], at[COSINE], at[LEARNED] = kernel_code(kernel), problem.similarity == "cosine", problem.learned
    at[GAUGE], at[CENTRED] = GAUGES.index(problem.gauge), problem.translation_invariant
    workspace = JointWorkspace(np.zeros(length), at)
    workspace.memory[:ENERGY] = (
        kernel.s, kernel.softening**2, problem.lambda_d, self_value(kernel), problem.radius, problem.rbf_scale
    )  # fmt: skip
    workspace.memory[LENGTH] = problem.length
    workspace.array(TARGET, m, m)[:n, :n] = problem.target
    return workspace
