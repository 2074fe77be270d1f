"""Problem and buffers on the product of spheres: one block of memory, laid out as in `workspace.py`.

Unit rows are stored by axis, u_ik at [k m + i], with axes padded to a multiple of 4. Two points are held, the
current one and a trial, each in a slot of its own, so that a step is accepted by exchanging two numbers.
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
from superpos.fits.spheres import ZERO_NORM
from superpos.specs.axes import Kernel

S, CONSTANT = range(2)
"""Numbers: exponent, energy of the diagonal."""
HEAD = 8

CODE, N, F, M, R = range(5)
"""Integers: kernel code, features, dimensions, padded row, padded rank of the orbit's basis."""
(
    WEIGHTS,  # w~, (m,)
    ROOTS,  # sqrt(w~), (m,)
    NORMS,  # n_i, (m,)
    PRODUCTS,  # n_i n_j, (m, m)
    GAPS,  # (n_i - n_j)^2 + eps^2, (m, m)
    SLOTS,  # the two points
    SLOT_SIZE,  # length of a point
    BUFFER,  # (m,)
    MATRIX,  # (m, m)
    OTHER,  # (m, m)
    COUPLED,  # sqrt(w_i w_j) phi', (m, m)
    BENT,  # sqrt(w_i w_j) phi'', (m, m)
    OWN,  # w_i phi'', (m, m)
    STEP,  # z, by axis; likewise the next six
    STEP_BENT,  # H z
    RESIDUAL,
    DIRECTION,
    DIRECTION_BENT,
    SUM,  # one of two products that make H z
    EIGEN,  # matrix and eigenvectors of the orbit's moment, (2, r, r)
    LEFT,  # rows R_a of the orbit's basis, (r, m)
    LEFT_TURNED,  # the same by features, (m, r)
    AXES,  # V by coordinates, (f, r)
    MOVED,  # Q by coordinates, (f, r); likewise the next one
    MIXED,  # what is taken off, in the basis
    MOMENT,  # D, (r, r)
    MOMENT_TURNED,  # its transpose, (r, r)
    INVERSE_SUMS,  # 1 / (lambda_a + lambda_b), (r, r)
    INVERSE,  # 1 / lambda_a, (r,)
) = range(5, 34)
"""Integers: where each array starts, and the length of a slot."""
UNITS, GRADIENT, FIRST, SECOND, FORCES, RADIAL, TANGENT_SIZE, ENERGY, RELATIVE = range(34, 43)
"""Integers: where the arrays of a point start within its slot: u, scaled gradient, phi', phi'', force of each
row, q_i, ||P_i t_i||; the energy; the relative gradient, NaN if anything is not finite."""
SIZE = 43


class SphereWorkspace(NamedTuple):
    """What a descent on the spheres knows."""

    memory: Float
    at: Int

    def array(self, place: int, *shape: int) -> Float:
        """Return one of the arrays above."""
        start = int(self.at[place])
        return self.memory[start : start + prod(shape)].reshape(shape)

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

    def weigh(self, importance: Float) -> None:
        """Set the importance, (n,)."""
        n, m = int(self.at[N]), int(self.at[M])
        self.array(WEIGHTS, m)[:n] = importance
        self.array(ROOTS, m)[:n] = np.sqrt(importance)


@cache
def _layout(n: int, f: int) -> tuple[Int, int]:
    """Return the integers of a workspace, to be copied, and the length of its memory."""
    m, axes, rank = padded(n), -(-f // ROWS) * ROWS, padded(min(n, f))
    matrix, vectors = m * m, axes * m
    slot = {
        UNITS: vectors, GRADIENT: vectors, FIRST: matrix, SECOND: matrix, FORCES: m, RADIAL: m,
        TANGENT_SIZE: m, ENERGY: 4, RELATIVE: 4,
    }  # fmt: skip
    sizes = {
        WEIGHTS: m, ROOTS: m, NORMS: m, PRODUCTS: matrix, GAPS: matrix, SLOTS: 2 * sum(slot.values()),
        BUFFER: m, MATRIX: matrix, OTHER: matrix, COUPLED: matrix, BENT: matrix, OWN: matrix, STEP: vectors,
        STEP_BENT: vectors, RESIDUAL: vectors, DIRECTION: vectors, DIRECTION_BENT: vectors, SUM: vectors,
        EIGEN: 2 * rank * rank, LEFT: rank * m, LEFT_TURNED: m * rank, AXES: axes * rank, MOVED: axes * rank,
        MIXED: axes * rank, MOMENT: rank * rank, MOMENT_TURNED: rank * rank, INVERSE_SUMS: rank * rank,
        INVERSE: rank,
    }  # fmt: skip
    at = np.zeros(SIZE, dtype=np.int64)
    end = HEAD
    for place, size in sizes.items():
        at[place] = end
        end += size
    at[SLOT_SIZE] = sum(slot.values())
    end_of_slot = 0
    for place, size in slot.items():
        at[place] = end_of_slot
        end_of_slot += size
    at[N], at[F], at[M], at[R] = n, f, m, rank
    return at, end


def make_sphere_workspace(importance: Float, norms: Float, kernel: Kernel, n_dims: int) -> SphereWorkspace:
    """Return the workspace with importance and norms, both (n,), held."""
    n = importance.size
    layout, length = _layout(n, n_dims)
    workspace = SphereWorkspace(np.zeros(length), layout.copy())
    workspace.at[CODE], m = kernel_code(kernel), int(layout[M])
    held = np.where(norms <= ZERO_NORM * norms.max(), 0.0, norms)
    workspace.memory[S] = kernel.s
    workspace.memory[CONSTANT] = self_value(kernel) * float(importance @ importance)
    workspace.weigh(importance)
    workspace.array(NORMS, m)[:n] = held
    workspace.array(PRODUCTS, m, m)[:n, :n] = held[:, None] * held
    gaps = workspace.array(GAPS, m, m)
    gaps[:] = 1.0
    gaps[:n, :n] = (held[:, None] - held) ** 2 + kernel.softening**2
    return workspace
