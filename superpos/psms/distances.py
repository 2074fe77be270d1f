"""Distances between pairwise similarity matrices, and the reference matrices they are read against.

    Minkowski, order p, over all n^2 entries:   d_p(A, B) = (sum_ij |A_ij - B_ij|^p)^(1/p)
    root mean square over i != j:               sqrt(sum_{i != j} (A_ij - B_ij)^2 / (n (n - 1)))
    regular simplex under cosine:               S_ij = -1 / (n - 1) for i != j, S_ii = 1
    simplex score:                              1 - ||T - S||_F / ||I - S||_F
    recovery:                                   1 - d(final, joint) / d(start, joint)

Only the root mean square may be compared between sets of different n.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_matrix, as_psm
from superpos.errors import ArgumentError, ShapeError
from superpos.kinds.similarities import SIMILARITIES
from superpos.specs.axes import check_count


def minkowski_distance(a: ArrayLike, b: ArrayLike, p: float = 2.0) -> float:
    """Return the Minkowski distance of order p over all entries of two matrices of one shape.

    Parameters
    ----------
    a, b : array_like, (n, n)
        Matrices of equal shape.
    p : float
        Order, at least 1; infinity gives the largest absolute difference.

    Raises
    ------
    ShapeError, NonFiniteError
        If they are no finite matrices or their shapes differ.
    ArgumentError
        If p is below 1 or NaN (below 1 the triangle inequality fails).
    """
    difference = np.abs(_difference(a, b))
    order = float(p)
    if not order >= 1.0:
        raise ArgumentError("p", f"{p} is no order of a Minkowski distance; allowed: 1 to infinity")
    largest = float(np.max(difference))
    if largest == 0.0 or np.isinf(order):
        return largest
    # Scaled by the largest entry, so that high powers neither overflow nor vanish.
    total = float(np.sum((difference / largest) ** order))
    return float(largest * total ** (1.0 / order))


def rms_offdiagonal(a: ArrayLike, b: ArrayLike) -> float:
    """Return the root mean square of a - b over the entries i != j; raises as `minkowski_distance`."""
    difference = _difference(a, b)
    n = difference.shape[0]
    if difference.shape != (n, n) or n < 2:
        raise ShapeError("a", f"shape {difference.shape} is not a square matrix of at least 2 x 2")
    return float(np.sqrt(np.mean(difference[~np.eye(n, dtype=bool)] ** 2)))


def simplex_psm(n: int) -> Float:
    """Return the cosines of the n corners of a regular simplex: 1, and -1 / (n - 1) off the diagonal.

    Raises
    ------
    ArgumentError
        If n is below 2.
    """
    count = check_count("n", n, 2)
    matrix = np.full((count, count), -1.0 / (count - 1))
    np.fill_diagonal(matrix, 1.0)
    return matrix


def nearest_simplex_psm(T: ArrayLike, similarity: str) -> Float:
    """Return the PSM of the regular simplex that T is compared with, (n, n).

    Under a similarity of cosines there is one, that of the cosines `simplex_psm(n)`, whatever T. Under one of
    distances (`rbf`) the edge is free and every edge
    gives one constant off the diagonal; the mean off-diagonal entry of T is the constant nearest to T in the
    Frobenius norm.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If T is no pairwise similarity matrix.
    ArgumentError
        If the similarity is unknown.
    """
    matrix = as_psm("T", T)
    kind = SIMILARITIES.get(similarity, "similarity")
    n = matrix.shape[0]
    if kind.angular:
        return np.asarray(kind.value(simplex_psm(n)))
    nearest = np.full((n, n), float(np.mean(matrix[np.triu_indices(n, 1)])))
    np.fill_diagonal(nearest, 1.0)
    return nearest


def distance_to_simplex(T: ArrayLike, similarity: str, p: float = 2.0) -> float:
    """Return the Minkowski distance of T to `nearest_simplex_psm(T, similarity)`; raises as both do."""
    return minkowski_distance(T, nearest_simplex_psm(T, similarity), p)


def distance_to_identity(T: ArrayLike, p: float = 2.0) -> float:
    """Return the Minkowski distance of T (n, n) to the identity, the PSM of orthogonal features."""
    matrix = as_psm("T", T)
    return minkowski_distance(matrix, np.eye(matrix.shape[0]), p)


def simplex_score(T: ArrayLike) -> float:
    """Return 1 - ||T - S||_F / ||I - S||_F of a cosine PSM: 1 for the simplex, 0 for orthogonal features.

    It has no lower bound. The divisor is sqrt(n / (n - 1)), near 1, so that any strong similarity lowers the
    score, not only a departure on the way from orthogonal to simplex.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If T is no pairwise similarity matrix.
    """
    matrix = as_psm("T", T)
    simplex = simplex_psm(matrix.shape[0])
    return 1.0 - minkowski_distance(matrix, simplex) / minkowski_distance(np.eye(matrix.shape[0]), simplex)


def recovery(final: ArrayLike, joint: ArrayLike, start: ArrayLike) -> float | None:
    """Return how much of the perturbation was undone: 1 - d(final, joint) / d(start, joint).

    1 is a full return, 0 none; below 0 the point went further away than it was pushed. None where the start
    equals the joint PSM (sigma = 0), for then nothing was there to be undone.

    Parameters
    ----------
    final, joint, start : array_like, (n, n)
        PSM after re-optimisation, of the joint step, and of the perturbed start.

    Raises
    ------
    ShapeError, NonFiniteError
        As `minkowski_distance`.
    """
    pushed = minkowski_distance(start, joint)
    moved = minkowski_distance(final, joint)
    return None if pushed == 0.0 else 1.0 - moved / pushed


def _difference(a: ArrayLike, b: ArrayLike) -> Float:
    first, second = as_matrix("a", a), as_matrix("b", b)
    if first.shape != second.shape:
        raise ShapeError("b", f"shape {second.shape} is not that of a, {first.shape}")
    return first - second
