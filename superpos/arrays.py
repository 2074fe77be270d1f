"""Array aliases and the checks that every public numeric function starts with.

Shapes are written in docstrings with the letters of `docs/glossary.md`: n features, d width of the hookpoint,
f dimensions of the optimal features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superpos.errors import ArgumentError, NonFiniteError, ShapeError, SymmetryError, shown

Float = NDArray[np.float64]
"""Float64 array; the docstring that uses it gives the shape."""
Int = NDArray[np.int64]
"""Int64 array."""
Bool = NDArray[np.bool_]
"""Boolean array."""


def as_matrix(name: str, value: ArrayLike, *, min_rows: int = 1, min_columns: int = 1) -> Float:
    """Return `value` as a C-contiguous finite float64 matrix.

    Raises
    ------
    ShapeError
        If it is not two-dimensional or is smaller than asked for.
    NonFiniteError
        If an entry is NaN or infinite.
    """
    matrix = _as_float(name, value)
    if matrix.ndim != 2 or matrix.shape[0] < min_rows or matrix.shape[1] < min_columns:
        raise ShapeError(name, f"shape {matrix.shape} is not a matrix of at least {min_rows} x {min_columns}")
    return matrix


def as_vector(name: str, value: ArrayLike, length: int) -> Float:
    """Return `value` as a finite float64 vector of this length; raises as `as_matrix`."""
    vector = _as_float(name, value)
    if vector.shape != (length,):
        raise ShapeError(name, f"shape {vector.shape} is not ({length},)")
    return vector


def as_psm(name: str, value: ArrayLike) -> Float:
    """Return `value` as a pairwise similarity matrix: square, at least 2 x 2, finite and symmetric.

    Raises
    ------
    ShapeError, NonFiniteError
        As `as_matrix`.
    SymmetryError
        If it differs from its transpose by more than 1e-12 of its largest entry.
    """
    matrix = as_matrix(name, value, min_rows=2, min_columns=2)
    if matrix.shape[0] != matrix.shape[1]:
        raise ShapeError(name, f"shape {matrix.shape} is not square")
    with np.errstate(over="ignore"):  # a difference of entries near the largest double is infinite
        asymmetry = float(np.max(np.abs(matrix - matrix.T)))
    if asymmetry > 1e-12 * max(1.0, float(np.max(np.abs(matrix)))):
        raise SymmetryError(name, f"differs from its transpose by {asymmetry:.3g}")
    return matrix


def row_lengths(rows: Float) -> Float:
    """Return the lengths of rows (n, d): `numpy.linalg.norm` to the bit, at a third of its call."""
    return np.asarray(np.sqrt(np.add.reduce(rows * rows, axis=1)))


def as_number(
    name: str,
    value: Any,
    *,
    minimum: float | None = None,
    exclusive: bool = False,
    maximum: float | None = None,
) -> float:
    """Return `value` as a finite float, at least (or, if `exclusive`, above) `minimum`, at most `maximum`."""
    if isinstance(value, str | bytes | bytearray):
        raise ArgumentError(name, f"{shown(value)} is not a number")
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(name, f"{shown(value)} is not a number") from error
    except OverflowError as error:
        raise ArgumentError(name, "is beyond the largest double") from error
    if not np.isfinite(number):
        raise NonFiniteError(name, f"{number} is not finite")
    if minimum is not None and (number < minimum or (exclusive and number == minimum)):
        raise ArgumentError(name, f"{number:g} must be {'above' if exclusive else 'at least'} {minimum:g}")
    if maximum is not None and number > maximum:
        raise ArgumentError(name, f"{number:g} must be at most {maximum:g}")
    return number


def _as_float(name: str, value: ArrayLike) -> Float:
    try:
        given = np.asarray(value)
        readable = given.dtype.kind not in "cSUV"  # NumPy would drop imaginary parts and read text
        array = np.ascontiguousarray(given if readable else 0.0, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ShapeError(name, f"is not an array of numbers ({error})") from error
    if not readable:
        raise ShapeError(name, f"is not an array of real numbers (dtype {given.dtype})")
    if not np.isfinite(array).all():
        raise NonFiniteError(
            name, f"{int(np.sum(~np.isfinite(array)))} of {array.size} entries are not finite"
        )
    return array
