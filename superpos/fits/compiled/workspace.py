"""Problem and buffers of one re-optimisation: one block of memory, laid out for vector loops.

Coordinates are stored by axis, x_ik at [k m + i] with rows padded to m = 8 ceil(n / 8) entries: a coordinate
move of row i reads one contiguous row of m numbers. Padding has weight 0 and harmless values. Compiled
functions take (memory, at): numbers and arrays of the problem, and the integers that say where they lie. Two
arguments instead of thirty keep calls short and compilation quick; nothing is allocated in a hot loop.
"""

from __future__ import annotations

from superpos.arrays import Float, Int
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.layout import Block, Layout, padded
from superpos.fits.compiled.machine.pointers import part
from superpos.fits.compiled.pairs import kernel_code
from superpos.fits.kernels import self_value
from superpos.specs.axes import Kernel


def _lengths(n: int, f: int) -> dict[str, int]:
    m = padded(n)
    return {"n": n, "f": f, "f+1": f + 1, "m": m, "m+f": m + f, "pairs": padded(n * (n - 1) // 2)}


BLOCK = Layout(_lengths)

S = BLOCK.number("exponent of the kernel")
EPS2 = BLOCK.number("eps^2")
LAMBDA_X = BLOCK.number("weight of the norm penalty")
CONSTANT = BLOCK.number("energy of the diagonal")
ENERGY = BLOCK.number("energy of the last point evaluated in full")
NORM_ERROR = BLOCK.number("its norm error")
ENERGY_START = BLOCK.number("energy of the start")
GRADIENT = BLOCK.number("relative gradient of the end")
# Of the open line (`lines.py`).
BASE = BLOCK.number("the moving coordinate")
FIXED = BLOCK.number("energy of the other rows")
FIXED_PENALTY = BLOCK.number("penalty of the other rows")
PREFIX_SQUARE = BLOCK.number("square of the row before the moving coordinate")
FIXED_SQUARE = BLOCK.number("square of the row off the moving coordinate")

CODE = BLOCK.integer("code of the kernel")
N = BLOCK.integer("features", "n")
F = BLOCK.integer("dimensions", "f")
M = BLOCK.integer("padded row", "m")
PAIRS = BLOCK.integer("padded number of pairs", "pairs")
ROW = BLOCK.integer("the open row, or CLOSED")
NEXT = BLOCK.integer("coordinate that the sums of the open row stand at")
MOVED = BLOCK.integer("position that moves")
ANGULAR = BLOCK.integer("1 if K is a function of the cosine")

WEIGHTS = BLOCK.array("m", "w~")
NORMS = BLOCK.array("m", "n_i")
PAIR_WEIGHTS = BLOCK.array("pairs", "2 w~_i w~_j of the pairs i < j")
WEIGHT_MATRIX = BLOCK.array("m m", "w~_i w~_j with zeros on the diagonal")
POINT = BLOCK.array("f m", "current point")
UNIT = BLOCK.array("f m", "its rows over their lengths; energies of cosines only")
TERMS = BLOCK.array("m m", "w~_i w~_j K_ij at the current point; the open row and its column are zero")
PENALTIES = BLOCK.array("m", "| ||x_i|| - n_i | at the current point; zero for the open row")
SUFFIX = BLOCK.array("f+1 m", "sums of the open row over the coordinates from k on")
SUFFIX_SQUARE = BLOCK.array("f+1", "its squares from coordinate k on")
PREFIX = BLOCK.array("m", "sums of the open row over the coordinates before the next one")
MOVING = BLOCK.array("m", "what the moving coordinate is compared with")
STILL = BLOCK.array("m", "sums over the coordinates at rest")
ROW_WEIGHTS = BLOCK.array("m", "2 w~_i w~_j of the open row")
BUFFER = BLOCK.array("m+f", "a row, and behind it a vector")
DIRECTION = BLOCK.array("f m", "of a general line")
QUADRATIC = BLOCK.array("3 pairs", "coefficients of a^0, a^1, a^2 of every pair on a general line")
ROW_QUADRATIC = BLOCK.array("3 m", "likewise of ||x_i||^2")
PAIR_VALUES = BLOCK.array("pairs", "K of every pair on a general line")
PAIR_FACTORS = BLOCK.array("pairs", "their lengths (energies of cosines), and what has lost digits")
SCRATCH = BLOCK.array("3 m m", "three matrices")
TRIAL = BLOCK.array("f m", "a point evaluated in full")
TRIAL_PENALTIES = BLOCK.array("m", "its penalties")

CLOSED = -1
"""ROW when no row is open."""


class Workspace(Block):
    """What a re-optimisation knows."""


def make_workspace(
    importance: Float, norms: Float, kernel: Kernel, *, n_dims: int, lambda_x: float
) -> Workspace:
    """Return the workspace of the problem with importance (n,) and norms (n,) held."""
    memory, at = workspace = Workspace(*BLOCK.block(importance.size, n_dims))
    at[CODE], at[ANGULAR], at[ROW] = kernel_code(kernel), kernel.kind.angular, CLOSED
    memory[S], memory[EPS2], memory[LAMBDA_X] = kernel.s, kernel.softening**2, lambda_x
    memory[CONSTANT] = self_value(kernel) * float(importance @ importance)
    write_held(importance, norms, memory, at)
    return workspace


@entry
def write_held(importance: Float, norms: Float, arrays: Float, places: Int) -> None:
    """Write importance and norms, both (n,), and the weights of pairs into a workspace of zeros."""
    memory, at = part(arrays, 0), part(places, 0)
    w, radii = part(importance, 0), part(norms, 0)
    n, m, pair = at[N], at[M], at[PAIR_WEIGHTS]
    for i in range(n):
        memory[at[WEIGHTS] + i], memory[at[NORMS] + i] = w[i], radii[i]
        for j in range(n):
            if j != i:
                memory[at[WEIGHT_MATRIX] + i * m + j] = w[i] * w[j]
            if j > i:
                memory[pair] = 2.0 * (w[i] * w[j])
                pair += 1
