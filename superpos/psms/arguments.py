"""Similarities as functions of an argument: T = k(a), a the cosines or the squared distances of rows.

    cosine:  a = cosines,             k(a) = a
    rbf:     a = squared distances,   k(a) = exp(-a / C),   a / C = -log T

So a control can be drawn between the directions and the similarity, for every similarity alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError
from superpos.psms.similarity import cosine, rbf_of_squares, squared_distances
from superpos.specs.axes import check_choice

SMALLEST_SIMILARITY = 1e-300
"""Entries of an imported RBF matrix below this are read as this (r^2 / C = 691)."""


@dataclass(frozen=True, slots=True)
class SimilarityOf:
    """What the making of targets asks of a similarity."""

    name: str
    argument: str
    """`cosine` or `squared_distance`."""
    has_scale: bool
    of_rows: Callable[[Float], Float]
    """Directions (n, d) -> argument (n, n)."""
    value: Callable[[Float, float], Float]
    """(argument (n, n), C) -> similarities (n, n)."""
    argument_of: Callable[[Float], Float]
    """Similarities (n, n) -> argument over C (n, n)."""
    check: Callable[[Float], None]
    """Refuses an imported matrix that no directions have under it."""

    @property
    def sees_norms(self) -> bool:
        """Whether it changes with the norms of the directions."""
        return self.argument != "cosine"


def similarity_of(name: str) -> SimilarityOf:
    """Return the similarity of this name; raises `ArgumentError` for an unknown one."""
    return _KNOWN[check_choice("similarity", name, tuple(_KNOWN))]


def _same(argument: Float, _scale: float) -> Float:
    return argument


def _check_rbf(matrix: Float) -> None:
    if np.any(matrix < 0.0) or np.any(matrix > 1.0):
        raise ArgumentError("target", "has entries outside [0, 1], which no RBF similarity takes")


def _ratios(matrix: Float) -> Float:
    """Return r^2 / C of an RBF matrix, diagonal 0."""
    ratios = -np.log(np.clip(matrix, SMALLEST_SIMILARITY, 1.0))
    np.fill_diagonal(ratios, 0.0)
    return ratios


_KNOWN = {
    "cosine": SimilarityOf("cosine", "cosine", False, cosine, _same, lambda matrix: matrix, lambda _: None),
    "rbf": SimilarityOf(
        "rbf", "squared_distance", True, squared_distances, rbf_of_squares, _ratios, _check_rbf
    ),
}
