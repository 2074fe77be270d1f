"""Similarities as functions of an argument: T = k(a), a the cosines or the squared distances of rows.

    cosine:  a = cosines,             k(a) = a
    rbf:     a = squared distances,   k(a) = exp(-a / C),   a / C = -log T

So a control can be drawn between the directions and the similarity, for every similarity alike.
"""

from __future__ import annotations

import math

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError
from superpos.kinds.similarities import Similarity
from superpos.psms.similarity import cosine, of_squares, squared_distances

OPPOSITE = -0.999
"""Cosine below which two directions are called opposite."""


def argument_of_rows(kind: Similarity, rows: Float) -> Float:
    """Return the argument of directions (n, d), (n, n); raises as `cosine` and `squared_distances` do."""
    return cosine(rows) if kind.angular else squared_distances(rows)


def of_argument(kind: Similarity, argument: Float, scale: float) -> Float:
    """Return the similarities of an argument (n, n) under C, which similarities of cosines do not read."""
    if kind.angular:
        return np.asarray(kind.value(argument))
    return of_squares(kind, argument, scale)


def argument_of_matrix(kind: Similarity, matrix: Float) -> Float:
    """Return the argument, over C if there is one, of similarities (n, n); distances have diagonal 0.

    Raises
    ------
    ArgumentError
        If the similarity has no inverse.
    """
    found = kind.argument_of(matrix)
    if not kind.angular:
        np.fill_diagonal(found, 0.0)
    return found


def check_range(kind: Similarity, matrix: Float) -> None:
    """Refuse an imported matrix (n, n) that no directions have under a similarity of distances.

    Raises
    ------
    ArgumentError
        If an entry is outside the range of the similarity.
    """
    low, high = kind.low, kind.high
    if not kind.angular and (np.any(matrix < low) or np.any(matrix > high)):
        said = f"has entries outside [{low:g}, {high:g}], which no {kind.title} similarity takes"
        raise ArgumentError("target", said)


def opposite(kind: Similarity) -> float:
    """Return the similarity below which two directions are opposite; -infinity where it does not tell."""
    if not kind.angular:
        return -math.inf
    here, even = float(kind.value(OPPOSITE)), float(kind.value(0.0))
    return here if here < even else -math.inf
