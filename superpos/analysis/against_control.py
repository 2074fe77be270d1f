"""A statistic of the features against the same statistic of the draws of one control.

    v_c, v_rc           value in cell c, of the features and of draw r = 1 .. R; where one lacks it, none
    u_k, u_rk           mean over the cells of column k: one layer under one kernel
    S, S_r              mean over the columns
    estimate            S - median_r S_r
    low, high           S minus the 97.5 % and 2.5 % quantiles of S_r: how far S lies from single draws
    interval            of the estimate, where samples were drawn again: that of S_1 .. S_B of the bootstraps
                        (`superpos.intervals`), the median of the draws held
    p                   max-T over the columns, two-sided (`superpos.analysis.permutation`)
    p_absent            of "some column lies a margin m > 0 or more from the control", two one-sided tests:
                            p_k = max[ (1 + #{r: u_rk <= u_k - m}) / (R + 1),
                                       (1 + #{r: u_rk >= u_k + m}) / (R + 1) ],   p_absent = max_k p_k

A draw of a control is the same one in every layer, under every kernel and in every cell, so that a row
u_r1 .. u_rm is one draw and the columns may be of any dependence. Cells of a set are no replicates: their
number enters no interval and no p.

Quantiles of fewer than 39 draws lie outside of them, so that there is no interval then. With an interval that
holds 0 a difference is not shown; that nothing differs is not shown by it either. That takes a margin, stated
beforehand. Under the hypothesis that the features are a draw of the control moved by m, u_k - m is one of
R + 1 exchangeable numbers, so that each one-sided p is exact at the margin, and smaller beyond it. Every
column has to lie within, which needs no correction (an intersection-union test). A control whose draws
scatter as widely as the margin shows nothing absent.

Sources: D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987), two one-sided tests;
R. L. Berger, Technometrics 24 (1982); B. Phipson, G. K. Smyth (2010), the p of R draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from superpos.analysis.permutation import TIES, max_t
from superpos.arrays import Float, Int, as_number
from superpos.errors import ShapeError
from superpos.intervals import FEWEST, bias_t_above

MIN_DRAWS = 39
"""Draws from which 2.5 % and 97.5 % quantiles lie within them: 1 / 40 on each side."""
ROUNDING = 1e-9
"""Spread of the values of a column, over the largest, below which they are one."""
FLOOR = 1e-12
"""Spread below which they are one whatever their size: shares, correlations, distances and scaled energies
are of order 1, so that values which are 0 but for rounding differ by no more."""
LEVEL = 0.05
"""Of tests, adjusted for their family."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Features against one control."""

    estimate: float
    """Difference to the median draw, in the unit of the values."""
    low: float | None
    high: float | None
    n_cells: int
    """Cells that features and every draw have."""
    n_draws: int
    p_value: float
    p_smallest: float
    """The least that so many draws can give."""
    column: int
    """Column in which features depart the most from the draws."""
    column_estimate: float
    """Difference to the median draw there."""
    means: Float = field(repr=False, compare=False)
    """u and u_1 ... u_R, (R + 1, m)."""
    estimate_low: float | None = None
    """Lower end of the interval of the estimate; None without bootstraps."""
    estimate_high: float | None = None
    n_bootstraps: int = 0


def compare(values: ArrayLike, draws: ArrayLike, columns: ArrayLike) -> Comparison | None:
    """Return how the features' values differ from those of a control; None where no cell is complete.

    Parameters
    ----------
    values : array_like, (c,)
        Of the features by cell; NaN where there is none that counts.
    draws : array_like, (R, c)
        Of each draw of the control; NaN likewise.
    columns : array_like, (c,)
        Column of each cell, counted from 0.

    Raises
    ------
    ShapeError
        If shapes do not fit or there is no draw.
    """
    observed = np.asarray(values, dtype=np.float64)
    null = np.asarray(draws, dtype=np.float64)
    places: Int = np.asarray(columns, dtype=np.int64)
    if null.ndim != 2 or null.shape[0] == 0 or null.shape[1:] != observed.shape:
        raise ShapeError("draws", f"shape {null.shape} is not (R, {observed.size}) with R of 1 or more")
    if places.shape != observed.shape:
        raise ShapeError("columns", f"shape {places.shape} is not {observed.shape}")
    whole = np.isfinite(observed) & np.all(np.isfinite(null), axis=0)
    if not whole.any():
        return None
    there, column = np.unique(places[whole], return_inverse=True)
    rows = _without_rounding(_means(np.vstack([observed[whole], null[:, whole]]), column, there.size))
    test = max_t(rows[0], rows[1:], alternative="two-sided")
    means = rows.mean(axis=1)
    largest = int(np.argmax(test.statistics))
    low = high = None
    if len(null) >= MIN_DRAWS:
        quantiles = np.quantile(means[1:], (0.025, 0.975))
        low, high = (float(means[0] - value) for value in quantiles[::-1])
    return Comparison(
        estimate=float(means[0] - np.median(means[1:])),
        low=low,
        high=high,
        n_cells=int(whole.sum()),
        n_draws=len(null),
        p_value=test.global_p_value,
        p_smallest=1.0 / (len(null) + 1),
        column=int(there[largest]),
        column_estimate=float(rows[0, largest] - np.median(rows[1:, largest])),
        means=rows,
    )


def with_interval(found: Comparison, drawn: Float, columns: ArrayLike, floor: float = math.nan) -> Comparison:
    """Return a comparison with the interval of its estimate.

    Parameters
    ----------
    found
        What `compare` returned.
    drawn : ndarray, (B, c)
        The features' values in the cells that were compared, of bootstraps of whole groups of samples; each
        is one draw in all cells.
    columns : array_like, (c,)
        Column of each of these cells.
    floor
        What no value falls below; NaN where there is no such bound.

    Notes
    -----
    Where one bootstrap lacks one value there is no interval. The draws of the control are those of the
    samples at hand: what they would be of other samples is no part of it.
    """
    places: Int = np.asarray(columns, dtype=np.int64)
    if len(drawn) < FEWEST or not np.isfinite(drawn).all():
        return found
    there, column = np.unique(places, return_inverse=True)
    own = float(found.means[0].mean())
    low, high = bias_t_above(own, _means(drawn, column, there.size).mean(axis=1), floor)
    shift = found.estimate - own
    return replace(
        found,
        estimate_low=min(low + shift, found.estimate),
        estimate_high=max(high + shift, found.estimate),
        n_bootstraps=len(drawn),
    )


def p_absent(means: Float, margin: float) -> float:
    """Return the p of two one-sided tests that a column lies a margin or more from the control.

    Parameters
    ----------
    means : ndarray, (R + 1, m)
        Of the features and of every draw, by column: `Comparison.means`.
    margin
        In their unit, above 0.

    Raises
    ------
    NonFiniteError, ArgumentError
        For a margin that is no positive number.
    """
    m = as_number("margin", margin, minimum=0.0, exclusive=True)
    own, draws = means[0], means[1:]
    rounding = TIES * (np.abs(own) + m)  # a tie that rounding broke is a tie
    above = 1 + np.sum(draws <= own - m + rounding, axis=0)
    below = 1 + np.sum(draws >= own + m - rounding, axis=0)
    return float(np.max(np.maximum(above, below)) / (len(draws) + 1))


def _means(rows: Float, column: Int, n_columns: int) -> Float:
    """Return the means (r, n_columns) of rows (r, c) over the cells of every column."""
    order = np.argsort(column, kind="stable")
    starts = np.searchsorted(column[order], np.arange(n_columns))
    sums = np.add.reduceat(rows[:, order], starts, axis=1)
    means: Float = sums / np.bincount(column, minlength=n_columns)
    return means


def _without_rounding(rows: Float) -> Float:
    """Return rows in which columns that vary by rounding alone are constant.

    A control may leave the number that is compared as it is (permuted entries, their mean, say).
    """
    spread = np.ptp(rows, axis=0)
    constant = spread <= np.maximum(ROUNDING * np.max(np.abs(rows), axis=0), FLOOR)
    return np.where(constant, rows[0], rows)


@dataclass(frozen=True, slots=True)
class SignTest:
    """Whether sets of features differ from a control to one side."""

    n_below: int
    n_above: int
    p_value: float
    p_smallest: float


def sign_test(estimates: ArrayLike) -> SignTest:
    """Return the two-sided sign test of the estimates of several sets (m,), each one trial; 0 is no trial.

    Source: SciPy's exact binomial test.
    """
    from scipy.stats import binomtest

    signs = np.sign(np.asarray(estimates, dtype=np.float64))
    below, above = int(np.sum(signs < 0)), int(np.sum(signs > 0))
    n = below + above
    if n == 0:
        return SignTest(0, 0, 1.0, 1.0)
    return SignTest(below, above, float(binomtest(above, n).pvalue), min(1.0, math.ldexp(1.0, 1 - n)))
