"""Problem and buffers on the product of spheres: one block of memory, laid out as in `workspace.py`.

Unit rows are stored by axis, u_ik at [k m + i], with axes padded to a multiple of 4. Two points are held, the
current one and a trial, each in a slot of its own, so that a step is accepted by exchanging two numbers.
"""

from __future__ import annotations

import math
from math import prod

import numpy as np

from superpos.arrays import Float, Int
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.layout import Block, Layout, padded
from superpos.fits.compiled.machine.pointers import part
from superpos.fits.compiled.machine.vectors import ROWS
from superpos.fits.compiled.pairs import kernel_code
from superpos.fits.kernels import self_value
from superpos.fits.spheres import ZERO_NORM
from superpos.specs.axes import Kernel


def _lengths(n: int, f: int) -> dict[str, int]:
    return {"n": n, "f": f, "m": padded(n), "axes": padded(f, ROWS), "r": padded(min(n, f))}


BLOCK = Layout(_lengths)

S = BLOCK.number("exponent of the kernel")
CONSTANT = BLOCK.number("energy of the diagonal")

CODE = BLOCK.integer("code of the kernel")
N = BLOCK.integer("features", "n")
F = BLOCK.integer("dimensions", "f")
M = BLOCK.integer("padded row", "m")
R = BLOCK.integer("padded rank of the orbit's basis", "r")
ANGULAR = BLOCK.integer("1 if K is a function of the cosine")

WEIGHTS = BLOCK.array("m", "w~")
ROOTS = BLOCK.array("m", "sqrt(w~)")
NORMS = BLOCK.array("m", "n_i")
PRODUCTS = BLOCK.array("m m", "n_i n_j")
GAPS = BLOCK.array("m m", "(n_i - n_j)^2 + eps^2")
SLOTS, SLOT_SIZE = BLOCK.records(2, "the two points")
BUFFER = BLOCK.array("m", "a row")
MATRIX = BLOCK.array("m m", "a matrix")
OTHER = BLOCK.array("m m", "another one")
COUPLED = BLOCK.array("m m", "sqrt(w_i w_j) phi'")
BENT = BLOCK.array("m m", "sqrt(w_i w_j) phi''")
OWN = BLOCK.array("m m", "w_i phi''")
STEP = BLOCK.array("axes m", "z")
STEP_BENT = BLOCK.array("axes m", "H z")
RESIDUAL = BLOCK.array("axes m", "of the conjugate gradients")
DIRECTION = BLOCK.array("axes m", "theirs")
DIRECTION_BENT = BLOCK.array("axes m", "H times it")
SUM = BLOCK.array("axes m", "one of two products that make H z")
EIGEN = BLOCK.array("2 r r", "matrix and eigenvectors of the orbit's moment")
LEFT = BLOCK.array("r m", "rows R_a of the orbit's basis")
LEFT_TURNED = BLOCK.array("m r", "the same by features")
AXES = BLOCK.array("axes r", "V by coordinates")
MOVED = BLOCK.array("axes r", "Q by coordinates")
MIXED = BLOCK.array("axes r", "what is taken off, in the basis, by coordinates")
MOMENT = BLOCK.array("r r", "D")
MOMENT_TURNED = BLOCK.array("r r", "its transpose")
INVERSE_SUMS = BLOCK.array("r r", "1 / (lambda_a + lambda_b)")
INVERSE = BLOCK.array("r", "1 / lambda_a")

UNITS = BLOCK.field("axes m", "u")
GRADIENT = BLOCK.field("axes m", "scaled gradient")
FIRST = BLOCK.field("m m", "phi'")
SECOND = BLOCK.field("m m", "phi''")
FORCES = BLOCK.field("m", "force of each row")
RADIAL = BLOCK.field("m", "q_i")
TANGENT_SIZE = BLOCK.field("m", "||P_i t_i||")
ENERGY = BLOCK.field("1", "the energy", multiple=4)
RELATIVE = BLOCK.field("1", "the relative gradient, NaN if anything is not finite", multiple=4)


class SphereWorkspace(Block):
    """What a descent on the spheres knows."""

    def slot(self, which: int, place: int, *shape: int) -> Float:
        """Return one of the arrays of a point."""
        start = int(self.at[SLOTS] + which * self.at[SLOT_SIZE] + self.at[place])
        return self.memory[start : start + prod(shape)].reshape(shape)

    def put(self, which: int, units: Float) -> None:
        """Write unit rows, (n, f), into a slot."""
        n, f, m = (int(self.at[place]) for place in (N, F, M))
        self.slot(which, UNITS, f, m)[:, :n] = units.T

    def units(self, which: int) -> Float:
        """Return the unit rows of a slot, (n, f)."""
        n, f, m = (int(self.at[place]) for place in (N, F, M))
        return np.ascontiguousarray(self.slot(which, UNITS, f, m)[:, :n].T)

    def matrix(self, which: int, place: int) -> Float:
        """Return a copy of one of a point's (m, m) matrices without its padding, (n, n)."""
        n, m = int(self.at[N]), int(self.at[M])
        return self.slot(which, place, m, m)[:n, :n].copy()


def describe(workspace: SphereWorkspace, kernel: Kernel) -> None:
    """Write which energy it is."""
    workspace.at[CODE], workspace.at[ANGULAR] = kernel_code(kernel), kernel.kind.angular
    workspace.memory[S] = kernel.s


def make_sphere_workspace(importance: Float, norms: Float, kernel: Kernel, n_dims: int) -> SphereWorkspace:
    """Return the workspace with importance and norms, both (n,), held."""
    workspace = SphereWorkspace(*BLOCK.block(importance.size, n_dims))
    describe(workspace, kernel)
    workspace.memory[CONSTANT] = self_value(kernel) * float(importance @ importance)
    write_held(importance, norms, kernel.softening**2, *workspace)
    return workspace


@entry
def write_held(importance: Float, norms: Float, eps2: float, arrays: Float, places: Int) -> None:
    """Write importance and norms, both (n,), and what is made of them, into a workspace of zeros."""
    memory, at = part(arrays, 0), part(places, 0)
    given, w = part(norms, 0), part(importance, 0)
    n, m = at[N], at[M]
    weights, roots, radii = part(memory, at[WEIGHTS]), part(memory, at[ROOTS]), part(memory, at[NORMS])
    longest = given[0]
    for i in range(n):
        longest = max(longest, given[i])
    for i in range(n):
        weights[i], roots[i] = w[i], math.sqrt(w[i])
        radii[i] = 0.0 if given[i] <= ZERO_NORM * longest else given[i]
    products, gaps = part(memory, at[PRODUCTS]), part(memory, at[GAPS])
    for place in range(m * m):
        gaps[place] = 1.0
    for i in range(n):
        for j in range(n):
            gap = radii[i] - radii[j]
            products[i * m + j] = radii[i] * radii[j]
            gaps[i * m + j] = gap * gap + eps2
