"""Newton's method for logistic probes: all features in step, conjugate gradients behind one preconditioner.

Each outer step solves H p = -g by preconditioned conjugate gradients (truncated Newton; Nocedal and Wright
2006, section 7.1) and halves the step until the objective falls enough. The features take their steps
together, so that a product of the design matrix with one vector a feature is one of two matrices, and share
one preconditioner (`superpos.probes.conjugate`), that of the Hessian for the mean of their curvatures,

    M = Z1^T diag(mean_k D_k) Z1 + mean penalty.

A sketch of M, where it is much cheaper than a factor, serves while it is good enough; then a factor of M,
which is formed anew when conjugate gradients have cost more since than a new one does. A feature for which
that is no good either (`MAX_CG` steps twice) goes on alone, for which M is its own Hessian. Products inside
conjugate gradients are in single precision where that matrix is large and the penalty not too weak; a larger
one with more rows than columns recycles directions, too (`superpos.probes.recycled`). None of this moves the
solution: gradients, objectives and the stopping test are in double.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Float, Int
from superpos.probes.conjugate import (
    MAX_CG,
    Preconditioner,
    factor_hessian,
    newton_steps,
    sketch_hessian,
)
from superpos.probes.lengths import halved_lengths
from superpos.probes.logistic import LogisticLosses, infinity_norms
from superpos.probes.recycled import Memory
from superpos.probes.thin import LARGE

WITHIN = 0.3
"""Gradient over the tolerance above which a feature of a large matrix takes a step more than it needs."""
PATIENCE = 8
"""Conjugate gradient steps after which a feature that goes alone gets a new factor."""
SINGLE_SIZE = 2**20
"""Entries of the design matrix above which products may be in single precision."""
SINGLE_CONDITION = 1e6
"""Largest condition number of a Hessian (a bound) at which single precision is good for its products."""
RECYCLED_PATIENCE = 8.0
"""How much longer a preconditioner serves where directions of earlier steps serve with it."""
BLOCK_SPEED = 2.0
"""Speed of matrix products in a factor over that of the thin ones of conjugate gradients."""
SKETCH_WORTH = 12.0
"""Conjugate gradient steps that a factor must cost for a sketch to be tried first."""
SKETCH_WIDTH = 1000
"""Columns that the design matrix must have for it."""
SKETCH_PATIENCE = 60
"""Conjugate gradient steps after which a sketch is made anew."""
SKETCH_CG = 60
"""Conjugate gradient steps of one outer iteration that show that a sketch is no good."""


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """End of the minimisation."""

    theta: Float
    """Coefficients and intercept, (r + 1, k)."""
    gradient_norm: Float
    """Norm of the gradient, (k,): infinity norm if `mean` was given, else the Euclidean one."""
    nit: Int
    """(k,)."""
    n_factors: int
    """Hessians that were formed."""


def minimise(
    loss: LogisticLosses,
    tol: float,
    max_iter: int,
    *,
    offset: float = 0.0,
    mean: Float | None = None,
    start: Float | None = None,
    only_sketch: bool = False,
) -> Solution:
    """Minimise logistic losses.

    Parameters
    ----------
    loss
        Objectives over (r + 1, k) parameters.
    tol
        Norm of the gradient at which to stop.
    max_iter
        Outer iterations at most.
    offset
        Norm of what was subtracted from the samples: gradients are measured for the samples as they were, by
        their Euclidean norm, which bounds the infinity norm in any basis.
    mean
        What was subtracted, (r,), where the basis is that of the samples: their infinity norm is measured.
    start
        Parameters to start from, (r + 1, k); None for zero.
    only_sketch
        Stop where a sketch is no good, for a caller who knows a cheaper factor.

    Returns
    -------
    Solution
        Also when `tol` was not reached: `gradient_norm` says so. The bits of a feature depend on which others
        are minimised with it, within the tolerance.
    """
    k = loss.signs.shape[1]
    theta = np.zeros((loss.Z1.shape[1], k)) if start is None else start.copy()
    nit, arrived = np.zeros(k, dtype=np.int64), np.zeros(k, dtype=np.bool_)
    run = _Run(loss, tol, max_iter, offset, mean, theta, np.zeros(k), nit, arrived)
    columns = list(range(k))
    if only_sketch or (run.worth(k) >= SKETCH_WORTH and len(theta) >= SKETCH_WIDTH):
        columns = run.descend(columns, sketch=True)
    if not only_sketch and columns:
        for column in run.descend(columns):
            run.descend([column])
    return Solution(theta, run.norm, run.nit, run.n_factors)


@dataclass(slots=True, eq=False)
class _Run:
    """The state of all features while some of them descend."""

    loss: LogisticLosses
    tol: float
    max_iter: int
    offset: float
    mean: Float | None
    theta: Float
    norm: Float
    nit: Int
    arrived: Bool
    """Features whose gradient has been within the tolerance, (k,)."""
    n_factors: int = 0
    Z1_single: NDArray[np.float32] | None = None
    """The design matrix in single precision."""
    largest: float = 0.0
    """Upper bound of the largest eigenvalue of a Hessian without penalty."""

    def descend(self, columns: list[int], *, sketch: bool = False) -> list[int]:
        """Minimise these features together; return those that need a better preconditioner."""
        given, alone = columns, list[int]()
        tired = dict.fromkeys(columns, 0)
        loss, theta = self.loss.select(columns), self.theta[:, columns]
        margins = loss.margins(theta)
        value, gradient = loss.value(theta, margins), loss.gradient(theta, margins)
        start = norm = self._norms(gradient)
        precondition: Preconditioner | None = None
        spent = 0
        memory = Memory(len(columns)) if self.recycles else None
        self.norm[columns] = norm
        on = (norm > self.tol) & (self.nit[columns] < self.max_iter)
        while True:
            if not np.all(on):
                kept = np.flatnonzero(on)
                columns = [columns[index] for index in kept]
                loss = loss.select(kept.tolist())
                theta, margins, gradient = theta[:, kept], margins[:, kept], gradient[:, kept]
                value, norm, start = value[kept], norm[kept], start[kept]
                if memory is not None:
                    memory.select(kept)
            if not columns:
                return self.unfinished(given) if sketch else alone
            curvature = loss.curvature(margins)
            if precondition is None:
                make = sketch_hessian if sketch else factor_hessian
                mean = np.mean(curvature, axis=1)
                precondition = make(self._in_single(), mean, float(np.mean(loss.penalty)))
                self.n_factors += not sketch
                spent = 0
            # No tighter than what brings the gradient below the tolerance.
            forcing = np.clip(np.sqrt(norm / start), 0.25 * self.tol / norm, 0.1)
            step, image, n_cg = newton_steps(
                loss, self._for_products(loss), curvature, gradient, precondition, forcing, memory
            )
            spent += int(n_cg.max())
            if spent >= self.patience(len(columns), sketch=sketch):
                precondition = None
            ahead = loss.along(theta, margins, step, image)
            length = halved_lengths(ahead, value, np.sum(gradient * step, axis=0))
            theta = theta + length * step
            margins = loss.margins(theta)
            value, gradient = loss.value(theta, margins), loss.gradient(theta, margins)
            norm = self._norms(gradient)
            moved = length > 0.0
            self.theta[:, columns], self.norm[columns] = theta, norm
            self.nit[columns] += moved
            on = moved & self.goes_on(columns, norm)
            for index in np.flatnonzero(on & (n_cg >= (SKETCH_CG if sketch else MAX_CG))):
                tired[columns[index]] += 1
                if sketch:
                    on[index] = False
                elif tired[columns[index]] == 2 and len(columns) > 1:
                    on[index] = False
                    alone.append(columns[index])

    def goes_on(self, columns: list[int], norm: Float) -> Bool:
        """Return which features take another step; one that has just arrived may take a last one."""
        far = norm > self.tol
        again = far | (self.recycles & ~self.arrived[columns] & (norm > WITHIN * self.tol))
        self.arrived[columns] |= ~far
        return np.asarray(again & (self.nit[columns] < self.max_iter))

    def unfinished(self, columns: list[int]) -> list[int]:
        """Return the features that may still descend."""
        return [c for c in columns if self.norm[c] > self.tol and self.nit[c] < self.max_iter]

    def _norms(self, gradient: Float) -> Float:
        if self.mean is not None:
            return infinity_norms(gradient, self.mean)
        intercept = np.abs(gradient[-1])
        norms: Float = np.hypot(np.linalg.norm(gradient[:-1], axis=0) + self.offset * intercept, intercept)
        return norms

    def patience(self, k: int, *, sketch: bool) -> float:
        """Return the conjugate gradient steps of k features after which their preconditioner is made anew."""
        if k == 1 and not sketch:
            return PATIENCE
        steps = SKETCH_PATIENCE if sketch else max(PATIENCE, self.worth(k))
        return steps * (RECYCLED_PATIENCE if self.recycles else 1.0)

    @property
    def recycles(self) -> bool:
        """Whether directions of earlier steps serve: not where the classes part, and curvatures collapse."""
        n, r = self.loss.Z1.shape
        return self.loss.Z1.size > LARGE and bool(n >= r)

    def worth(self, k: int) -> float:
        """Return the conjugate gradient steps of k features that cost as much as a factor."""
        n, r = self.loss.Z1.shape
        steps: float = (n * r**2 + r**3 / 3.0) / (k * (4.0 * n * r + 2.0 * r**2)) / BLOCK_SPEED
        return steps

    def _for_products(self, loss: LogisticLosses) -> NDArray[Any]:
        """Return the design matrix for the products of conjugate gradients."""
        if self.loss.Z1.size <= SINGLE_SIZE:
            return self.loss.Z1
        single = self._in_single()
        return single if self.largest <= SINGLE_CONDITION * float(np.min(loss.penalty)) else self.loss.Z1

    def _in_single(self) -> NDArray[np.float32]:
        if self.Z1_single is None:
            self.Z1_single = self.loss.Z1.astype(np.float32)
            squares = np.einsum("ij,ij->i", self.Z1_single, self.Z1_single).astype(np.float64)
            self.largest = 0.25 * float(np.max(squares @ self.loss.weights))
        return self.Z1_single
