"""Problem and buffers of one joint fit: one block of memory, laid out as in `workspace.py`.

The flat variable is (Y by axis, f rows of m; logits, one row of m) with m = 8 ceil(n / 8): padding is zero,
gets a zero gradient and so stays zero. Vectors have their number of axes padded to a multiple of 4 as well,
for the product kernels fill four rows at once.
"""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.fits.compiled.likenesses import similarity_code
from superpos.fits.compiled.machine.layout import Block, Layout, padded
from superpos.fits.compiled.machine.vectors import ROWS
from superpos.fits.compiled.pairs import kernel_code
from superpos.fits.kernels import self_value
from superpos.fits.problem import JointProblem
from superpos.specs.axes import GAUGES


def _lengths(n: int, f: int) -> dict[str, int]:
    return {"n": n, "f": f, "m": padded(n), "axes": padded(f, ROWS)}


BLOCK = Layout(_lengths)

S = BLOCK.number("exponent of the kernel")
EPS2 = BLOCK.number("eps^2")
LAMBDA_D = BLOCK.number("weight of the mismatch")
SELF = BLOCK.number("K(x, x), or 0")
RADIUS = BLOCK.number("start radius")
RBF_SCALE = BLOCK.number("C")
ENERGY = BLOCK.number("energy of the last point")
MISMATCH = BLOCK.number("its mismatch")
LENGTH = BLOCK.number("unit of length of the variables")
ALIKE = BLOCK.number("S of a vector with itself")

CODE = BLOCK.integer("code of the kernel")
N = BLOCK.integer("features", "n")
F = BLOCK.integer("dimensions", "f")
M = BLOCK.integer("padded row", "m")
BY_ANGLE = BLOCK.integer("1 if the similarity is a function of the cosine")
LEARNED = BLOCK.integer("1 if the importance is learned")
GAUGE = BLOCK.integer("place of the gauge in `GAUGES`")
CENTRED = BLOCK.integer("1 if a shift of all vectors changes nothing")
ANGULAR = BLOCK.integer("1 if K is a function of the cosine")
SIMILARITY = BLOCK.integer("code of the similarity")

TARGET = BLOCK.array("m m", "T")
VECTORS = BLOCK.array("axes m", "X")
SLOPE_X = BLOCK.array("axes m", "dJ/dX")
WEIGHTS = BLOCK.array("m", "w~")
FIELDS = BLOCK.array("m", "f_i = sum_j K_ij w~_j")
LENGTHS = BLOCK.array("m", "||y_i|| where the gauge needs them")
INVERSE = BLOCK.array("m", "1 / ||x_i||")
BUFFER = BLOCK.array("m", "a row")
ANGLES = BLOCK.array("m m", "cosines")
DISTANCES = BLOCK.array("m m", "squared distances")
VALUES = BLOCK.array("m m", "K")
ENERGY_SLOPE = BLOCK.array("m m", "w~_i w~_j dK/d(argument)")
SIMILARITIES = BLOCK.array("m m", "S")
MISMATCH_SLOPE = BLOCK.array("m m", "lambda_d d(mismatch)/d(argument)")
COUPLING = BLOCK.array("m m", "C of dJ/dX = C X")

NONE, UNIT, MEAN_NORM = range(len(GAUGES))
"""GAUGE of each of `GAUGES`."""


class JointWorkspace(Block):
    """What a joint fit knows."""

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


def make_joint_workspace(problem: JointProblem) -> JointWorkspace:
    """Return the workspace of a joint problem."""
    n, kernel = problem.n, problem.kernel
    workspace = JointWorkspace(*BLOCK.block(n, problem.n_dims))
    at, m = workspace.at, int(workspace.at[M])
    at[CODE], at[ANGULAR] = kernel_code(kernel), kernel.kind.angular
    at[SIMILARITY], at[BY_ANGLE] = similarity_code(problem.similarity), problem.similarity_kind.angular
    at[LEARNED] = problem.learned
    at[GAUGE], at[CENTRED] = GAUGES.index(problem.gauge), problem.translation_invariant
    workspace.memory[:ENERGY] = (
        kernel.s, kernel.softening**2, problem.lambda_d, self_value(kernel), problem.radius, problem.rbf_scale
    )  # fmt: skip
    workspace.memory[LENGTH], workspace.memory[ALIKE] = problem.length, problem.similarity_kind.own
    workspace.array(TARGET, m, m)[:n, :n] = problem.target
    return workspace
