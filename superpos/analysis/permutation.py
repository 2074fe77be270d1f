"""Permutation p-values, alone and in families.

    one test, greater:      p = (1 + #{null >= observed}) / (1 + R)
    two-sided:              twice the smaller one-sided p, at most 1
    max-T, single step:     p_k = (1 + #{r: max_j t_rj >= t_k}) / (1 + R)
    Holm, step-down:        p~_(k) = max_{j <= k} min(1, (m - j + 1) p_(j)),  p_(1) <= ... <= p_(m)

With R replicates no p is below 1 / (R + 1), so that families must be small and stated beforehand.

Sources: B. Phipson, G. K. Smyth, Permutation p-values should never be zero (2010); P. H. Westfall, S. S.
Young, Resampling-based multiple testing (1993), section 2.3; S. Holm, A simple sequentially rejective
multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from superpos.analysis.ranks import as_values
from superpos.arrays import Float, as_matrix, as_number, as_vector
from superpos.errors import ArgumentError, allowed, shown

Alternative = Literal["greater", "less", "two-sided"]
ALTERNATIVES: tuple[str, ...] = get_args(Alternative)
TIES = 1e-12
"""Relative difference of statistics that is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class MaxT:
    """A family of tests that share their replicates."""

    global_p_value: float
    """Of the hypothesis that no test of the family has an effect."""
    p_values: Float
    """Adjusted p of each test, (m,): the chance of one wrong rejection or more in the family."""
    statistics: Float
    """What was compared: observed values, standardised if asked for, with the alternative's sign, (m,)."""
    n_replicates: int


def permutation_p_value(observed: float, null: ArrayLike, alternative: Alternative = "greater") -> float:
    """Return the p-value of an observed statistic among R statistics (R,) under the null hypothesis.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        If a number is not finite, there are no replicates, or the alternative is unknown.
    """
    value, replicates = as_number("observed", observed), as_values("null", null)
    _check_alternative(alternative)
    greater = (1 + int(np.sum(replicates >= value))) / (1 + replicates.size)
    less = (1 + int(np.sum(replicates <= value))) / (1 + replicates.size)
    if alternative == "two-sided":
        return min(1.0, 2.0 * min(greater, less))
    return greater if alternative == "greater" else less


def max_t(
    observed: ArrayLike, null: ArrayLike, *, standardise: bool = True, alternative: Alternative = "greater"
) -> MaxT:
    """Return p-values adjusted for a family of m tests with joint replicates.

    Parameters
    ----------
    observed : array_like, (m,)
        Statistic of each test, layers and kernels say.
    null : array_like, (R, m)
        The same statistics of R replicates of the control; a row belongs to one draw.
    standardise : bool
        Subtract mean and divide by standard deviation of each column over all R + 1 rows, the observed one
        among them (so that rows stay exchangeable): otherwise the test of widest spread decides alone.
    alternative : {"greater", "less", "two-sided"}
        Which departures count; two-sided needs `standardise`.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        If shapes do not fit, a number is not finite or the alternative is unknown.
    """
    replicates = as_matrix("null", null)
    rows = np.vstack([as_vector("observed", observed, replicates.shape[1])[None, :], replicates])
    _check_alternative(alternative)
    if standardise:
        spread = np.std(rows, axis=0)
        rows = (rows - np.mean(rows, axis=0)) / np.where(spread > 0.0, spread, 1.0)
        rows[:, spread == 0.0] = 0.0
    elif alternative == "two-sided":
        raise ArgumentError(
            "alternative", "'two-sided' needs standardise=True, which says where the middle is"
        )
    if alternative == "less":
        rows = -rows
    elif alternative == "two-sided":
        rows = np.abs(rows)
    largest = np.max(rows[1:], axis=1)
    count = replicates.shape[0]
    # A tie that rounding broke is a tie: two rows lie equally far from their mean, whatever the last bit.
    reached = rows[0] - TIES * np.abs(rows[0])
    p_values = (1 + np.sum(largest[:, None] >= reached[None, :], axis=0)) / (1 + count)
    return MaxT(float(np.min(p_values)), np.asarray(p_values, dtype=np.float64), rows[0], count)


def holm(p_values: ArrayLike) -> Float:
    """Return Holm's adjusted p-values (m,) in the order given.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        If they are no vector of numbers within [0, 1].
    """
    p = as_values("p_values", p_values)
    if np.any(p < 0.0) or np.any(p > 1.0):
        raise ArgumentError("p_values", f"{p[(p < 0.0) | (p > 1.0)][0]:g} is no probability")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.arange(p.size, 0, -1) * p[order]))
    return adjusted


def _check_alternative(alternative: str) -> None:
    if alternative not in ALTERNATIVES:
        raise ArgumentError(
            "alternative", f"{shown(alternative)} is unknown; {allowed(alternative, ALTERNATIVES)}"
        )
