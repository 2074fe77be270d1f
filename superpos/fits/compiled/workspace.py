"""Problem and buffers of one re-optimisation: one block of memory, laid out for vector loops.

Coordinates are stored by axis, x_ik at [k m + i] with rows padded to m = 8 ceil(n / 8) entries: a coordinate
move of row i reads one contiguous row of m numbers. Padding has weight 0 and harmless values. Compiled
functions take (memory, at): numbers and arrays of the problem, and the integers that say where they lie. Two
arguments instead of thirty keep calls short and compilation quick; nothing is allocated in a hot loop.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import NamedTuple

import numpy as np

from superpos.arrays import Float, Int
from superpos.fits.compiled.machine.vectors import LANES
from superpos.fits.compiled.pairs import kernel_code
from superpos.fits.kernels import self_value
from superpos.specs.axes import Kernel

S, EPS2, LAMBDA_X, CONSTANT, ENERGY, NORM_ERROR, ENERGY_START, GRADIENT = range(8)
"""Numbers at the head of the memory: exponent, eps^2, lambda_x, energy of the diagonal; energy and norm
error of the last point evaluated in full; energy of the start and relative gradient of the end."""
BASE, FIXED, FIXED_PENALTY, PREFIX_SQUARE, FIXED_SQUARE = range(8, 13)
"""Numbers of the open line (`lines.py`): the moving coordinate, energy and penalty of the other rows, the
row's square before and off it."""
HEAD = 16

CODE, N, F, M, PAIRS, ROW, NEXT, MOVED = range(8)
"""Integers: kernel code, features, dimensions, padded row, padded number of pairs; then of the open line: its
row, the coordinate its sums stand at, the position that moves."""
(
    WEIGHTS,  # w~, (m,)
    NORMS,  # n_i, (m,)
    PAIR_WEIGHTS,  # 2 w~_i w~_j of the pairs i < j, (pairs,)
    WEIGHT_MATRIX,  # w~_i w~_j with zeros on the diagonal, (m, m)
    POINT,  # current point, (f, m)
    UNIT,  # its rows over their lengths, (f, m); `exp` only
    TERMS,  # w~_i w~_j K_ij at the current point, (m, m); the open row and its column are zero
    PENALTIES,  # | ||x_i|| - n_i | at the current point, (m,); zero for the open row
    SUFFIX,  # sums of the open row over the coordinates from k on, (f + 1, m)
    SUFFIX_SQUARE,  # its squares from coordinate k on, (f + 1,)
    PREFIX,  # sums of the open row over the coordinates before the next one, (m,)
    MOVING,  # what the moving coordinate is compared with, (m,)
    STILL,  # sums over the coordinates at rest, (m,)
    ROW_WEIGHTS,  # 2 w~_i w~_j of the open row, (m,)
    BUFFER,  # (m,) and (f,)
    DIRECTION,  # of a general line, (f, m)
    QUADRATIC,  # coefficients of a^0, a^1, a^2 of every pair on a general line, (3, pairs)
    ROW_QUADRATIC,  # likewise of ||x_i||^2, (3, m)
    PAIR_VALUES,  # (pairs,)
    PAIR_FACTORS,  # (pairs,)
    SCRATCH,  # three matrices, (3, m, m)
    TRIAL,  # a point evaluated in full, (f, m)
    TRIAL_PENALTIES,  # (m,)
) = range(8, 31)
"""Integers: where each array starts."""
CLOSED = -1
"""ROW when no row is open."""


class Workspace(NamedTuple):
    """What a re-optimisation knows."""

    memory: Float
    at: Int

    def array(self, place: int, *shape: int) -> Float:
        """Return the array at one of the places above."""
        start = int(self.at[place])
        return self.memory[start : start + prod(shape)].reshape(shape)


def padded(length: int) -> int:
    """Return the next multiple of the block length."""
    return -(-length // LANES) * LANES


@cache
def _layout(n: int, f: int) -> tuple[Int, int]:
    """Return the integers of a workspace, to be copied, and the length of its memory."""
    m, pairs = padded(n), padded(n * (n - 1) // 2)
    sizes = {
        WEIGHTS: m, NORMS: m, PAIR_WEIGHTS: pairs, WEIGHT_MATRIX: m * m, POINT: f * m, UNIT: f * m,
        TERMS: m * m, PENALTIES: m, SUFFIX: (f + 1) * m, SUFFIX_SQUARE: padded(f + 1), PREFIX: m, MOVING: m,
        STILL: m, ROW_WEIGHTS: m, BUFFER: m + padded(f), DIRECTION: f * m, QUADRATIC: 3 * pairs,
        ROW_QUADRATIC: 3 * m, PAIR_VALUES: pairs, PAIR_FACTORS: pairs, SCRATCH: 3 * m * m, TRIAL: f * m,
        TRIAL_PENALTIES: m,
    }  # fmt: skip
    at = np.zeros(TRIAL_PENALTIES + 1, dtype=np.int64)
    end = HEAD
    for place, size in sizes.items():
        at[place] = end
        end += size
    at[N], at[F], at[M], at[PAIRS], at[ROW] = n, f, m, pairs, CLOSED
    return at, end


def make_workspace(
    importance: Float, norms: Float, kernel: Kernel, *, n_dims: int, lambda_x: float
) -> Workspace:
    """Return the workspace of the problem with importance (n,) and norms (n,) held."""
    n = importance.size
    layout, length = _layout(n, n_dims)
    at, memory = layout.copy(), np.zeros(length)
    at[CODE] = kernel_code(kernel)
    m, weights, held, matrix, pairs = at[[M, WEIGHTS, NORMS, WEIGHT_MATRIX, PAIR_WEIGHTS]].tolist()
    memory[S], memory[EPS2], memory[LAMBDA_X] = kernel.s, kernel.softening**2, lambda_x
    memory[CONSTANT] = self_value(kernel) * float(importance @ importance)
    memory[weights : weights + n] = importance
    memory[held : held + n] = norms
    outer = importance[:, None] * importance
    memory[pairs : pairs + n * (n - 1) // 2] = 2.0 * outer[_upper(n)]
    outer.ravel()[:: n + 1] = 0.0
    memory[matrix : matrix + m * m].reshape(m, m)[:n, :n] = outer
    return Workspace(memory, at)


@cache
def _upper(n: int) -> tuple[Int, Int]:
    """Return the indices of the pairs i < j."""
    rows, columns = np.triu_indices(n, k=1)
    return rows, columns
