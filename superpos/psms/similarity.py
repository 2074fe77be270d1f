"""Pairwise similarities d_p of feature directions.

    cosine:  d_ij = <p_i, p_j> / (||p_i|| ||p_j||)
    rbf:     d_ij = exp(-r_ij^2 / C),   r_ij = ||p_i - p_j||,   C = 200 in the thesis

The sums run through `einsum` and not through BLAS: with a few dozen rows it costs milliseconds, and the bits
do not depend on how many BLAS threads a process has.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superpos import pairwise
from superpos.arrays import Float, as_matrix, as_number
from superpos.errors import ArgumentError, NonFiniteError, shown
from superpos.kinds.similarities import SIMILARITIES, Similarity
from superpos.specs.study import MEDIAN_RULE

ScaleRule = float | Literal["median"]
"""How C of the RBF is chosen: a number, or the median of the squared distances."""


def cosine(P: ArrayLike) -> Float:
    """Return the cosines between rows.

    Parameters
    ----------
    P : array_like, (n, d)
        Directions, one row a feature.

    Returns
    -------
    ndarray, (n, n)
        Exactly symmetric, diagonal exactly 1, entries within [-1, 1].

    Raises
    ------
    ShapeError, NonFiniteError
        If P is not a finite matrix.
    ArgumentError
        If a row is zero, for it has no direction.
    """
    rows = as_matrix("P", P)
    # Largest entry first: the squares of very small or very large rows would leave the range of a float.
    peak = np.maximum.reduce(np.abs(rows), axis=1)
    if not peak.all():
        zero = np.flatnonzero(peak == 0.0)
        raise ArgumentError("P", f"row {zero[0]} is zero ({zero.size} such rows); cosine needs a direction")
    return np.asarray(_cosines(rows[None], peak[None])[0])


def _cosines(stack: Float, peak: Float) -> Float:
    """Return the cosines of rows of many matrices (b, n, d), whose largest entries are `peak` (b, n)."""
    unit = stack / peak[:, :, None]
    unit /= np.sqrt(np.einsum("bid,bid->bi", unit, unit))[:, :, None]
    gram = np.einsum("bid,bjd->bij", unit, unit)
    n = gram.shape[1]
    upper = np.where(_above_diagonal(n), np.minimum(np.maximum(gram, -1.0), 1.0), 0.0)
    matrices = upper + upper.swapaxes(1, 2)
    matrices.reshape(len(stack), n * n)[:, :: n + 1] = 1.0
    return np.asarray(matrices)


@lru_cache(maxsize=8)
def _above_diagonal(n: int) -> NDArray[np.bool_]:
    """Return where i < j, (n, n), read-only."""
    where = np.arange(n)[:, None] < np.arange(n)
    where.flags.writeable = False
    return where


def squared_distances(P: ArrayLike) -> Float:
    """Return ||p_i - p_j||^2 for all pairs of rows of P (n, d), as (n, n) with an exactly zero diagonal.

    Raises
    ------
    ShapeError, NonFiniteError
        If P is not a finite matrix, or a squared distance is above the largest float.
    """
    rows = as_matrix("P", P)
    with np.errstate(over="ignore"):
        squares = pairwise.squared_distances(rows)
    if not np.isfinite(squares).all():
        raise NonFiniteError("P", "squared distances between its rows exceed the largest float")
    return squares


def rbf(P: ArrayLike, scale: float = 200.0) -> Float:
    """Return exp(-||p_i - p_j||^2 / scale) for all pairs of rows.

    Parameters
    ----------
    P : array_like, (n, d)
        Directions, one row a feature.
    scale : float
        C > 0, in squared units of P.

    Returns
    -------
    ndarray, (n, n)
        Exactly symmetric, diagonal exactly 1, entries within [0, 1].

    Raises
    ------
    ShapeError, NonFiniteError
        If P is not a finite matrix.
    ArgumentError
        If the scale is not above 0.
    """
    return similarity_matrix(P, "rbf", scale)


def of_squares(kind: Similarity, squares: Float, scale: float) -> Float:
    """Return the similarities of squared distances (n, n); a ratio beyond the range of floats is infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(kind.value(squares / scale), dtype=np.float64)


def resolve_rbf_scale(P: ArrayLike, rule: ScaleRule) -> float:
    """Return C of the RBF for these directions.

    Parameters
    ----------
    P : array_like, (n, d)
        Directions, at least two rows.
    rule : float or "median"
        A number above 0 is returned as it is; "median" (or -1, which stands for it in specifications) is the
        median squared distance over pairs i < j.

    Raises
    ------
    ArgumentError
        If the rule is neither, or the median is 0 (half of the pairs coincide or more).
    """
    rows = as_matrix("P", P, min_rows=2)
    if isinstance(rule, str) and rule != "median":
        raise ArgumentError("rbf_scale", f"{shown(rule)} is unknown; allowed: a number above 0, or 'median'")
    if not is_median(rule):
        return as_number("rbf_scale", rule, minimum=0.0, exclusive=True)
    median = float(np.median(squared_distances(rows)[np.triu_indices(rows.shape[0], 1)]))
    if median == 0.0:
        raise ArgumentError("P", "the median distance between its rows is 0, so it gives no scale C")
    return median


def is_median(rule: ScaleRule) -> bool:
    """Return whether the rule is "median", by name or as the -1 that stands for it in specifications."""
    return rule in ("median", MEDIAN_RULE)


def similarity_matrix(P: ArrayLike, similarity: str, scale: float = 200.0) -> Float:
    """Return the similarities of all pairs of rows, (n, n); raises as `cosine` and `rbf` do.

    An unknown similarity is an `ArgumentError` too.
    """
    kind = SIMILARITIES.get(similarity, "similarity")
    if kind.angular:
        return np.asarray(kind.value(cosine(P)))
    return of_squares(kind, squared_distances(P), as_number("scale", scale, minimum=0.0, exclusive=True))


def similarity_matrices(stack: Float, similarity: str, scale: float = 200.0) -> Float:
    """Return `similarity_matrix` of each of many matrices (b, n, d), as (b, n, n), to the bit.

    All entries are NaN where that would refuse the rows: those that are not finite, zero rows under cosine,
    squared distances above the largest float.
    """
    kind = SIMILARITIES.get(similarity, "similarity")
    sound = np.isfinite(stack).all(axis=(1, 2))
    if kind.angular:
        peak = np.maximum.reduce(np.abs(stack), axis=2)
        sound &= peak.all(axis=1)
        argument = _cosines(stack[sound], peak[sound])
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            squares = pairwise.squared_distances_of_many(stack)
        sound &= np.isfinite(squares).all(axis=(1, 2))
        argument = squares[sound]
    found = np.full((len(stack), stack.shape[1], stack.shape[1]), np.nan)
    if kind.angular:
        found[sound] = kind.value(argument)
    else:
        found[sound] = of_squares(kind, argument, as_number("scale", scale, minimum=0.0, exclusive=True))
    return found
