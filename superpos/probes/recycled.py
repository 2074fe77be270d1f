"""A preconditioner that learns from conjugate gradients it has served.

Directions P of a run of conjugate gradients are conjugate in the Hessian H, and their images Y = H P are
known then. Scaled to P^T Y = I, they correct an approximate inverse B of H to

    B' = (I - P Y^T) B (I - Y P^T) + P P^T,         B' Y = P,

which is positive definite with B (the BFGS update by several conjugate directions at once; J. L. Morales, J.
Nocedal, Automatic preconditioning by limited memory quasi-Newton updating, 2000). The Hessian of the next
outer iteration is nearly the same, so that its conjugate gradients need not find these directions again.
Features share the first B, a factor or a sketch of their mean Hessian; what is learned is each feature's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Float, Int

DIRECTIONS = 12
"""Directions that are kept of a run."""
RUNS = 6
"""Last runs that are kept."""

Single = NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Memory:
    """Directions and images of the last runs, (k, m, r) each, single precision."""

    k: int
    runs: list[tuple[Single, Single]] = field(default_factory=list)
    _P: list[Single] = field(default_factory=list)
    _Y: list[Single] = field(default_factory=list)

    def note(self, live: Int, direction: Float, image: Float, bend: Float) -> None:
        """Keep directions (r, features), their images and d^T H d of a run that goes on."""
        if len(self._P) == DIRECTIONS:
            return
        scale = np.divide(1.0, np.sqrt(np.maximum(bend, 0.0)), out=np.zeros_like(bend), where=bend > 0.0)
        for kept, vectors in ((self._P, direction), (self._Y, image)):
            row = np.zeros((self.k, len(vectors)), dtype=np.float32)
            row[live] = (vectors * scale).T
            kept.append(row)

    def learn(self) -> None:
        """Take what was noted into the preconditioner: a run has ended."""
        if self._P:
            self.runs = [*self.runs, (np.stack(self._P, axis=1), np.stack(self._Y, axis=1))][-RUNS:]
        self._P, self._Y = [], []

    def select(self, kept: Int) -> None:
        """Forget all features but some."""
        self.k = len(kept)
        self.runs = [(P[kept], Y[kept]) for P, Y in self.runs]

    def apply(self, first: Callable[[Float], Float], live: Int, vectors: Float) -> Float:
        """Return B' V for vectors (r, features) of these features, `first` being B of all of them."""
        if not self.runs:
            return first(vectors)
        largest = np.max(np.abs(vectors), axis=0)
        largest[largest == 0.0] = 1.0
        full = np.zeros((self.k, 1, len(vectors)), dtype=np.float32)
        full[live, 0] = (vectors / largest).T
        shares = []
        for P, Y in reversed(self.runs):
            share = np.matmul(full, P.transpose(0, 2, 1))
            full -= np.matmul(share, Y)
            shares.append(share)
        full[live, 0] = first(full[live, 0].T.astype(np.float64)).T
        for (P, Y), share in zip(self.runs, reversed(shares), strict=True):
            full += np.matmul(share - np.matmul(full, Y.transpose(0, 2, 1)), P)
        return np.asarray(full[live, 0].T * largest)
