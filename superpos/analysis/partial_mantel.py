"""Partial Mantel test: whether a matrix predicts another one beyond what further matrices predict.

    y, x, Z      entries i < j of the matrix explained, of the predictor, of the other predictors (m, k)
    e            residual of x on Z and a constant, taken as a matrix
    statistic    partial correlation r(y, e | Z): it rises with Student's t of e in the regression of y on Z
                 and e, so that it is pivotal as t is
    null         features of e relabelled, e_ij -> e_pi(i)pi(j), and what is relabelled taken off Z anew
    p            over all n! relabellings where n! <= `MAX_EXACT`, the identity among them; otherwise
                 (1 + #{relabelled >= observed}) / (1 + R) over R random ones

Without Z this is the Mantel test (`superpos.analysis.mantel`), and exact. With Z no relabelling leaves both
y and Z as they are, and e is exchangeable only nearly: this is the double semi-partialing of Dekker,
Krackhardt and Snijders, which keeps its level where predictors are collinear or skewed, as permutations of x
or of y alone do not. All n! relabellings take away the chance of the draw, not that approximation.

Sources: D. Dekker, D. Krackhardt, T. A. B. Snijders, Sensitivity of MRQAP tests to collinearity and
autocorrelation conditions, Psychometrika 72 (2007); P. E. Smouse, J. C. Long, R. R. Sokal, Multiple
regression and correlation extensions of the Mantel test, Systematic Zoology 35 (1986); P. Legendre,
Comparison of permutation methods for the partial correlation and partial Mantel tests, JSCS 67 (2000).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from superpos.analysis.commonality import RANK, basis
from superpos.analysis.permutation import TIES
from superpos.arrays import Float, Int

Alternative = Literal["greater", "two-sided"]


@dataclass(frozen=True, slots=True)
class PartialMantel:
    """Partial correlation of two matrices and its permutation p-value."""

    correlation: float | None
    """None where the predictor lies within the others, or nothing is left of the matrix to explain."""
    p_value: float | None
    p_smallest: float | None
    """The least that these relabellings could give: those that leave e as it is are all as extreme."""
    n_permutations: int
    """Relabellings compared with; 0 without a correlation."""


def square(entries: Float, n: int) -> Float:
    """Return the symmetric matrix (n, n) of entries i < j (m,), its diagonal 0."""
    matrix = np.zeros((n, n))
    matrix[np.triu_indices(n, 1)] = entries
    return matrix + matrix.T


class Residual(NamedTuple):
    """A predictor beside others, whatever it is to explain."""

    x: Float
    """The predictor, (m,)."""
    within: Float
    """Orthonormal basis of the others, (m, r)."""
    left: Float
    """e, what is left of it off them, (m,)."""
    length: float
    """Of e."""


def residual_of(x: Float, others: Float) -> Residual:
    """Return what is left of a predictor (m,) beside others (m, k)."""
    within = basis(others)
    left = _off(x, within)
    return Residual(x, within, left, float(np.linalg.norm(left)))


def partial_correlation(y: Float, beside: Residual) -> tuple[float, Float] | None:
    """Return the partial correlation of entries (m,) and a predictor, and what is left of them at length 1.

    None where the predictor lies within the others, or nothing is left of the matrix to explain.
    """
    y_left = _off(y, beside.within)
    too_few = beside.x.size < beside.within.shape[1] + 3
    if too_few or _vanishes(beside.left, beside.x) or _vanishes(y_left, y):
        return None
    y_left = y_left / np.linalg.norm(y_left)
    return float(np.clip(y_left @ beside.left / beside.length, -1.0, 1.0)), y_left


def partial_mantel(
    y: Float,
    x: Float,
    others: Float,
    relabelled: Iterable[Int],
    *,
    exact: bool,
    alternative: Alternative = "two-sided",
) -> PartialMantel:
    """Return the test of a predictor beside others.

    Parameters
    ----------
    y, x
        Entries i < j of the matrix and of the predictor, (m,) with m = n (n - 1) / 2.
    others
        Those of the other predictors, (m, k); k may be 0.
    relabelled
        Batches of relabellings (b, n).
    exact
        Whether they are all there are.
    alternative
        `greater`: large partial correlations count; `two-sided`: small ones as well.
    """
    beside = residual_of(x, others)
    correlated = partial_correlation(y, beside)
    if correlated is None:
        return PartialMantel(None, None, None, 0)
    observed, y_left = correlated
    _, within, residual, _ = beside
    n = round((1.0 + np.sqrt(1.0 + 8.0 * x.size)) / 2.0)
    matrix, (left, right) = square(residual, n), np.triu_indices(n, 1)
    size = float(residual @ residual)
    sign = abs if alternative == "two-sided" else float
    count = same = total = 0
    for orders in relabelled:
        drawn = matrix[orders[:, left], orders[:, right]]
        likeness = drawn @ residual
        projected = drawn @ within
        lengths = np.sqrt(np.maximum(size - np.sum(projected**2, axis=1), RANK**2 * size))
        found = (drawn @ y_left) / lengths
        if alternative == "two-sided":
            found, likeness = np.abs(found), np.abs(likeness)
        count += int(np.sum(found >= sign(observed) - TIES))
        same += int(np.sum(likeness >= size * (1.0 - RANK)))
        total += len(orders)
    if exact:
        return PartialMantel(observed, count / total, same / total, total)
    return PartialMantel(observed, (1 + count) / (1 + total), 1.0 / (1 + total), total)


def _off(values: Float, within: Float) -> Float:
    """Return what is left of values (m,) off a constant and an orthonormal basis (m, k)."""
    centred = values - values.mean()
    return np.asarray(centred - within @ (within.T @ centred))


def _vanishes(left: Float, whole: Float) -> bool:
    size = float(np.linalg.norm(whole - whole.mean()))
    return bool(np.linalg.norm(left) <= RANK * size) or size == 0.0
