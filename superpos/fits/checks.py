"""Checks of what the public functions are given; each raises an `ArgumentError` that names the argument."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_matrix, as_vector, row_lengths
from superpos.errors import ArgumentError, NonFiniteError
from superpos.pairwise import squared_distances
from superpos.specs.axes import Kernel


def check_vectors(
    argument: str,
    value: ArrayLike,
    kernel: Kernel,
    *,
    zero_allowed: bool = True,
    coincident_allowed: bool = False,
) -> Float:
    """Return `value` as vectors (n, f), n and f at least 2, at which the energy is defined.

    Raises
    ------
    ShapeError, NonFiniteError
        As `superpos.arrays.as_matrix`.
    ArgumentError
        For zero rows where directions are needed (an energy of cosines, or `zero_allowed` false), for
        coincident rows under a singular kernel without softening (unless `coincident_allowed`), and if every
        row is zero.
    """
    vectors = as_matrix(argument, value, min_rows=2, min_columns=2)
    with np.errstate(over="ignore"):
        lengths = row_lengths(vectors)
    if not np.isfinite(lengths).all():
        raise NonFiniteError(argument, "a row is so long that its square overflows")
    if not lengths.all():
        zero = np.flatnonzero(lengths == 0.0)
        if kernel.kind.angular or not zero_allowed or zero.size == lengths.size:
            raise ArgumentError(argument, f"row {zero[0]} is zero and has no direction")
    if kernel.is_singular and kernel.softening == 0.0 and not coincident_allowed:
        with np.errstate(over="ignore"):
            squares = squared_distances(vectors)
        squares.ravel()[:: len(squares) + 1] = np.inf
        if squares.min() == 0.0:
            i, j = np.unravel_index(int(np.argmin(squares)), squares.shape)
            raise ArgumentError(
                argument,
                f"rows {i} and {j} coincide, where {kernel.label} is infinite; use softening above 0",
            )
    return vectors


def check_importance(argument: str, value: ArrayLike, length: int) -> Float:
    """Return `value` as an importance vector (n,): not negative, summing to 1 within 1e-6.

    Raises
    ------
    ArgumentError
        Otherwise.
    """
    importance = as_vector(argument, value, length)
    if importance.min() < 0.0:
        raise ArgumentError(argument, f"{importance.min():g} is negative")
    with np.errstate(over="ignore"):
        total = float(importance.sum())
    if abs(total - 1.0) > 1e-6:
        raise ArgumentError(argument, f"sums to {total:g}, not to 1")
    return importance
