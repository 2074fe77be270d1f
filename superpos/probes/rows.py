"""Logistic probes of fewer samples than dimensions: Newton's method on a number a sample.

Steps are those of `superpos.probes.row_steps`; they cost less than those of `superpos.probes.conjugate`, for
a product with K (n, n) takes the place of two with the samples (n, d). And as more dimensions than samples
part the classes, few samples have any weight in a Hessian by the end, so that few steps are needed.

Until every gradient is about `NEAR`, margins are what the steps' products with K in single precision add up
to. That is the search of a start. From there on parameters w = Z^T a, margins, objectives, gradients and the
stopping test are in double, from the samples themselves, and K only finds the steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from superpos.arrays import Bool, Float, Int
from superpos.probes.lengths import halved_lengths
from superpos.probes.logistic import LogisticLosses, infinity_norms
from superpos.probes.newton import SINGLE_CONDITION, WITHIN, Solution
from superpos.probes.row_steps import MAX_CG, Gram, gram_of, row_steps
from superpos.probes.thin import LARGE

SKETCHED = 800
"""Samples up to which K, n^2 d operations, costs less than a sketch, 8 n d for each of 100 vectors."""
WORTH = 700
"""Samples a feature beyond these for which K costs less than it saves: some eighty steps of 4 n d - 2 n^2
operations a feature, in products a third as fast."""
NEAR = 1e-6
"""Norm of the gradient at which single precision has no more to say of the margins."""


def worth_rows(n: int, d: int, k: int) -> bool:
    """Whether probes of k features are found sooner on a number a sample than on one a dimension."""
    return n < d and n * d > LARGE and n <= SKETCHED + WORTH * k


def minimise_rows(loss: LogisticLosses, tol: float, max_iter: int, mean: Float) -> Solution | None:
    """Minimise logistic losses of samples that have more dimensions.

    Parameters
    ----------
    loss
        Objectives over (d + 1, k) parameters; the samples are centred.
    tol, max_iter, mean
        As in `superpos.probes.newton.minimise`: of the infinity norm in the samples' own basis.

    Returns
    -------
    Solution or None
        Norms above `tol` where conjugate gradients took too many steps. None where single precision is not
        good enough for so weak a penalty.
    """
    (n, k), r = loss.signs.shape, loss.Z1.shape[1]
    with np.errstate(over="ignore"):  # the bound is not fulfilled then
        Z = np.ascontiguousarray(loss.Z1[:, :-1], dtype=np.float32)
        squares = np.einsum("ij,ij->i", Z, Z).astype(np.float64)
    if not 0.25 * np.max(squares @ loss.weights) <= SINGLE_CONDITION * np.min(loss.penalty):
        return None
    run = _Run(
        loss, gram_of(Z @ Z.T), tol, max_iter, mean,
        signs=np.ascontiguousarray(loss.signs.T), weights=np.ascontiguousarray(loss.weights.T),
        a=np.zeros((k, n)), scores=np.zeros((k, n)), theta=np.zeros((r, k)),
        norm=np.zeros(k), start=np.zeros(k),
        nit=np.zeros(k, dtype=np.int64), arrived=np.zeros(k, dtype=np.bool_),
    )  # fmt: skip
    run.approach()
    run.finish()
    return Solution(run.theta, run.norm, run.nit, 0)


@dataclass(slots=True, eq=False)
class _Point:
    """Where some features stand; rows are features."""

    signs: Float
    weights: Float
    margins: Float
    pull: Float
    residual: Float

    def select(self, on: Bool) -> _Point:
        return _Point(
            *(one[on] for one in (self.signs, self.weights, self.margins, self.pull, self.residual))
        )

    def curvature(self) -> Float:
        wrong = expit(-self.margins)
        return np.asarray(self.weights * wrong * (1.0 - wrong))


@dataclass(slots=True, eq=False)
class _Run:
    """The state of all features."""

    loss: LogisticLosses
    gram: Gram
    tol: float
    max_iter: int
    mean: Float
    signs: Float
    weights: Float
    a: Float
    """Coefficients on the samples, (k, n)."""
    scores: Float
    """Z w + b, (k, n)."""
    theta: Float
    """(d + 1, k); until the end its last row alone is kept up."""
    norm: Float
    start: Float
    """Norms of the gradients at the start, (k,)."""
    nit: Int
    arrived: Bool
    """Features whose gradient has been within the tolerance, (k,)."""

    def approach(self) -> None:
        """Descend with the margins that K gives, until no gradient is far above `NEAR`."""
        columns, near = np.arange(len(self.norm)), max(NEAR, 0.5 * self.tol)
        while columns.size:
            point = self._point(columns)
            squares = np.sum(point.residual * self.gram.product(point.residual), axis=1)
            norm = np.hypot(np.sqrt(np.maximum(squares, 0.0)), point.pull.sum(axis=1))
            first = self.start[columns] == 0.0
            self.start[columns[first]] = np.maximum(norm[first], near)
            on = (norm > near) & (self.nit[columns] < self.max_iter)
            columns = self._descend(point.select(on), columns[on], norm[on], near)

    def finish(self) -> None:
        """Descend with the margins of the samples, until every gradient is within the tolerance."""
        columns = np.arange(len(self.norm))
        while columns.size:
            self.theta[:-1, columns] = (self.a[columns] @ self.loss.Z1[:, :-1]).T
            loss, theta = self.loss.select(columns.tolist()), self.theta[:, columns]
            margins = loss.margins(theta)
            self.scores[columns] = (loss.signs * margins).T
            norm = infinity_norms(loss.gradient(theta, margins), self.mean)
            self.norm[columns] = norm
            # One that has just arrived may take a last step, so that few end at the very tolerance.
            on = (norm > self.tol) | ((norm > WITHIN * self.tol) & ~self.arrived[columns])
            on &= self.nit[columns] < self.max_iter
            self.arrived[columns] |= norm <= self.tol
            columns = columns[on]
            columns = self._descend(self._point(columns), columns, norm[on], self.tol)

    def _point(self, columns: Int) -> _Point:
        signs, weights = self.signs[columns], self.weights[columns]
        margins = signs * self.scores[columns]
        pull = weights * signs * expit(-margins)
        residual = pull - self.loss.penalty[columns, None] * self.a[columns]
        return _Point(signs, weights, margins, pull, residual)

    def _descend(self, point: _Point, columns: Int, norm: Float, goal: float) -> Int:
        """Move these features, and return those that may move again."""
        if not columns.size:
            return columns
        penalty, a = self.loss.penalty[columns], self.a[columns]
        # No tighter than what brings the gradient below the goal.
        forcing = np.clip(np.sqrt(norm / self.start[columns]), 0.25 * goal / norm, 0.1)
        steps = row_steps(self.gram, point.curvature(), point.residual, penalty, forcing)
        change = point.signs * (steps.image + steps.t[:, None])
        image = self.scores[columns] - self.theta[-1, columns, None]  # K a
        square, cross, bend = (
            np.sum(one * other, axis=1)
            for one, other in ((a, image), (steps.q, image), (steps.q, steps.image))
        )

        def value(length: Float) -> Float:
            margins = point.margins + length[:, None] * change
            penalised = square + length * (2.0 * cross + length * bend)
            return np.asarray(
                np.sum(point.weights * np.logaddexp(0.0, -margins), axis=1) + 0.5 * penalty * penalised
            )

        slope = penalty * cross - np.sum(point.pull * point.signs * change, axis=1)
        length = halved_lengths(value, value(np.zeros_like(norm)), slope)
        self.a[columns] += length[:, None] * steps.q
        self.scores[columns] += length[:, None] * point.signs * change
        self.theta[-1, columns] += length * steps.t
        moved = length > 0.0
        self.nit[columns] += moved
        return columns[moved & (steps.n_cg < MAX_CG)]
