"""Distances of one cell: of its final matrix, its start and the joint matrix, from the target and each other.

p = 2, over all n^2 entries: joint, start and final are to the target; moved = d(final, joint), drift =
d(final at sigma 0, joint), return = d(final, final at sigma 0); simplex and identity are of the final matrix.
Each has the bits of `superpos.psms.distances`, on both back ends.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from superpos.arrays import Float
from superpos.kinds.similarities import SIMILARITIES
from superpos.psms import (
    distance_to_identity,
    distance_to_simplex,
    minkowski_distance,
    recovery,
    rms_offdiagonal,
    simplex_psm,
)
from superpos.specs.axes import FitAxes
from superpos.stages.joint_cells import Joint

FINAL, START, TARGET, JOINT, AT_ZERO, SIMPLEX, IDENTITY = range(7)
"""Places of the matrices of a cell."""
PAIRS = {
    "distance_start": (START, TARGET),
    "distance_final": (FINAL, TARGET),
    "distance_moved": (FINAL, JOINT),
    "distance_drift": (AT_ZERO, JOINT),
    "distance_return": (FINAL, AT_ZERO),
    "distance_simplex": (FINAL, SIMPLEX),
    "distance_identity": (FINAL, IDENTITY),
}
PUSHED = (START, JOINT)


def distance(a: Float, b: Float, backend: str) -> float:
    """Return the distance of two matrices, (n, n), NaN where one is not finite."""
    if backend == "scipy":
        finite = np.all(np.isfinite(a)) and np.all(np.isfinite(b))
        return minkowski_distance(a, b) if finite else math.nan
    from superpos.fits.compiled.distances import MatrixStack

    stack = MatrixStack(2, len(a))
    stack.matrices[0], stack.matrices[1] = a, b
    return stack.distances([(0, 1)])[0]


def cell_distances(joint: Joint, axes: FitAxes, final: Float, start: Float, at_zero: Float) -> dict[str, Any]:
    """Return the columns of distances of a cell, all matrices (n, n), the final one finite."""
    if axes.backend == "scipy":
        return _by_numpy(joint, axes, final, start, at_zero)
    from superpos.fits.compiled.distances import MatrixStack

    n = len(final)
    stack = MatrixStack(7, n)
    for place, matrix in enumerate((final, start, joint.work.target, joint.similarities, at_zero)):
        stack.matrices[place] = matrix
    rms, mean = stack.off_diagonal(FINAL, TARGET)
    stack.matrices[SIMPLEX] = _simplex(joint.work.similarity, n, mean)
    stack.matrices[IDENTITY] = 0.0
    stack.matrices[IDENTITY].ravel()[:: n + 1] = 1.0
    *found, pushed = stack.distances([*PAIRS.values(), PUSHED])
    columns: dict[str, Any] = dict(zip(PAIRS, found, strict=True))
    back = None
    if axes.sigma != 0.0 and not math.isnan(pushed) and pushed != 0.0:
        back = 1.0 - columns["distance_moved"] / pushed
    return {**columns, "recovery": back, "rms_final": rms}


def _by_numpy(joint: Joint, axes: FitAxes, final: Float, start: Float, at_zero: Float) -> dict[str, Any]:
    """Return the same by the functions that say what these distances are."""
    target, similarities = joint.work.target, joint.similarities
    known = np.all(np.isfinite(similarities)) and np.all(np.isfinite(start))
    return {
        "distance_start": distance(start, target, "scipy"),
        "distance_final": distance(final, target, "scipy"),
        "distance_moved": distance(final, similarities, "scipy"),
        "distance_drift": distance(at_zero, similarities, "scipy"),
        "distance_return": distance(final, at_zero, "scipy"),
        "distance_simplex": distance_to_simplex(final, joint.work.similarity),
        "distance_identity": distance_to_identity(final),
        # Nothing was lost at sigma 0, and nothing is known of a joint fit that ran away.
        "recovery": recovery(final, similarities, start) if axes.sigma != 0.0 and known else None,
        "rms_final": rms_offdiagonal(final, target),
    }


@lru_cache(maxsize=64)
def _of_cosines(n: int) -> Float:
    """Return the cosines of the regular simplex, (n, n), read-only."""
    matrix = simplex_psm(n)
    matrix.flags.writeable = False
    return matrix


def _simplex(similarity: str, n: int, mean: float) -> Float:
    """Return the matrix of the regular simplex: that of cosines, or the one with this mean entry."""
    kind = SIMILARITIES.get(similarity, "similarity")
    if kind.angular:
        return np.asarray(kind.value(_of_cosines(n)), dtype=np.float64)
    matrix = np.full((n, n), mean)
    matrix.ravel()[:: n + 1] = 1.0
    return matrix
