"""Similarities as functions of an argument: T = k(a), a the cosines or the squared distances of rows.

    cosine:  a = cosines,             k(a) = a
    rbf:     a = squared distances,   k(a) = exp(-a / C),   a / C = -log T

So a control can be drawn between the directions and the similarity, for every similarity alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError
from superpos.kinds.similarities import SIMILARITIES, Similarity
from superpos.psms.similarity import cosine, of_squares, squared_distances

OPPOSITE = -0.999
"""Cosine below which two directions are called opposite."""


@dataclass(frozen=True, slots=True)
class SimilarityOf:
    """What the making of targets asks of a similarity."""

    kind: Similarity

    @property
    def name(self) -> str:
        """Its name."""
        return self.kind.name

    @property
    def argument(self) -> str:
        """`cosine` or `squared_distance`."""
        return self.kind.argument

    @property
    def has_scale(self) -> bool:
        """Whether it reads C."""
        return self.kind.has_scale

    @property
    def sees_norms(self) -> bool:
        """Whether it changes with the norms of the directions."""
        return not self.kind.angular

    @property
    def opposite(self) -> float:
        """Similarity below which two directions are opposite; minus infinity where it does not tell."""
        if not self.kind.angular:
            return -math.inf
        here, even = float(self.kind.value(OPPOSITE)), float(self.kind.value(0.0))
        return here if here < even else -math.inf

    def of_rows(self, rows: Float) -> Float:
        """Return the argument of directions (n, d), (n, n)."""
        return cosine(rows) if self.kind.angular else squared_distances(rows)

    def value(self, argument: Float, scale: float) -> Float:
        """Return the similarities of an argument (n, n) under C."""
        if self.kind.angular:
            return np.asarray(self.kind.value(argument))
        return of_squares(self.kind, argument, scale)

    def argument_of(self, matrix: Float) -> Float:
        """Return the argument, over C if there is one, of similarities (n, n); distances have diagonal 0."""
        found = self.kind.argument_of(matrix)
        if not self.kind.angular:
            np.fill_diagonal(found, 0.0)
        return found

    def check(self, matrix: Float) -> None:
        """Refuse an imported matrix (n, n) that no directions have under a similarity of distances."""
        low, high = self.kind.low, self.kind.high
        if not self.kind.angular and (np.any(matrix < low) or np.any(matrix > high)):
            said = f"has entries outside [{low:g}, {high:g}], which no {self.kind.title} similarity takes"
            raise ArgumentError("target", said)


def similarity_of(name: str) -> SimilarityOf:
    """Return the similarity of this name; raises `ArgumentError` for an unknown one."""
    return SimilarityOf(SIMILARITIES.get(name, "similarity"))
