"""How much of a similarity matrix each predictor explains: alone, beside the others, and against chance.

    y                ranks of the entries T_ij, i < j; x likewise of a predictor (ties share their mean rank)
    correlation      Spearman correlation of x and y (signed); r2 its square, R^2 of the levels for `list_lag`
    r2_unique        R^2 of the model less R^2 without x (`superpos.analysis.commonality`)
    r2_common        r2 - r2_unique
    partial          correlation of x and y, the other predictors taken off both (signed)
    p_value          of `correlation` or r2, p_unique of `partial`: features relabelled
                     (`superpos.analysis.partial_mantel`); of lists, words in every other order
                     (`superpos.analysis.list_orders`)
    r2_chance        mean of r2 over the relabellings

A model is a predictor with all that stand beside it: one of each kind (`Predictor.instead_of`), at one
kernel. Ranks, for similarities of cosines, of the RBF and the predictors have no common scale. Pairs share
features, so that m pairs are no m observations: p is by relabelling alone, and there are no standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from superpos.analysis.commonality import RANK, basis, share
from superpos.analysis.list_orders import MOST_ORDERS, distinct_orders, n_orders, reordered
from superpos.analysis.mantel import MAX_EXACT, relabellings
from superpos.analysis.partial_mantel import (
    Alternative,
    Residual,
    partial_correlation,
    partial_mantel,
    residual_of,
    square,
)
from superpos.analysis.permutation import TIES
from superpos.analysis.predictors import Predictor
from superpos.analysis.ranks import centred_ranks, correlation_of_ranks
from superpos.arrays import Float, Int, as_psm
from superpos.errors import ShapeError
from superpos.facts import ListOrder
from superpos.kinds.potentials import Potential

VERSION = 1
"""Raised whenever a number of these would change; stored ones of another version are found anew."""
DIGITS = 12
"""Of similarities: pairs that are alike but for rounding have one rank."""
N_RELABELLINGS = 1999
"""Random ones, where there are more than 7!; no p is below 1/2000 then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What one predictor explains of one matrix; numbers are None where they are not defined."""

    predictor: str
    kernel: Potential | None = None
    """Of the energy in the model; None without one."""
    correlation: float | None = None
    r2: float | None = None
    r2_chance: float | None = None
    r2_unique: float | None = None
    r2_common: float | None = None
    r2_model: float | None = None
    partial: float | None = None
    p_value: float | None = None
    p_smallest: float | None = None
    """The least that the relabellings behind `p_value` could give."""
    n_permutations: int = 0
    """Relabellings or orders behind `p_value`."""
    p_unique: float | None = None
    p_unique_smallest: float | None = None
    n_permutations_unique: int = 0
    """Relabellings behind `p_unique`."""
    beside: str = ""
    """The other predictors of the model, by commas."""
    list_order: str = ""
    """Of the set's words: `linear`, `cyclic`, or empty."""
    reason: str = ""
    """Why a number is missing."""


def explain(
    matrix: Float, predictors: Sequence[Predictor], order: ListOrder | None = None, *, tested: bool = True
) -> list[Explained]:
    """Return what predictors explain of a similarity matrix.

    Parameters
    ----------
    matrix : ndarray, (n, n)
        Similarities; the diagonal is not read.
    predictors
        Of the same features; `energy` may come once for every kernel.
    order
        Where the features stand in their list, where they do.
    tested
        Whether p-values are wanted.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If the matrix is not finite and symmetric, or a predictor is of other features.
    """
    psm = as_psm("matrix", matrix)
    pairs = np.triu_indices(len(psm), 1)
    for one in predictors:
        if one.entries is not None and len(one.entries) != len(pairs[0]):
            raise ShapeError(one.name, f"{len(one.entries)} pairs are not those of {len(psm)} features")
    y = centred_ranks(np.round(psm[pairs], DIGITS)) if len(psm) > 1 else np.zeros(0)
    asked = _Asked(len(psm), y, order, tested)
    kernels = [one.kernel for one in predictors if one.name == "energy" and one.is_main] or [None]
    found: list[Explained] = []
    for one in predictors:
        if one.name == "energy":
            found.append(asked.row(one, _beside(one, predictors, one.kernel), one.kernel))
        else:
            found += [asked.row(one, _beside(one, predictors, kernel), kernel) for kernel in kernels]
    return found


def _beside(
    one: Predictor, predictors: Sequence[Predictor], kernel: Potential | None
) -> tuple[Predictor, ...]:
    """Return what stands beside a predictor in its model."""
    return tuple(
        other
        for other in predictors
        if other is not one
        and other.is_main
        and other.name not in (one.name, *one.instead_of)
        and (other.name != "energy" or other.kernel == kernel)
    )


class _Asked:
    """One matrix, of which several predictors are tried; what they share is found once."""

    def __init__(self, n: int, y: Float, order: ListOrder | None, tested: bool) -> None:
        self.n, self.y, self.order, self.tested = n, y, order, tested
        self.constant = y.size == 0 or not np.any(y)

    def row(self, one: Predictor, beside: tuple[Predictor, ...], kernel: Potential | None) -> Explained:
        """Return what a predictor explains beside others."""
        said = Explained(
            predictor=one.name,
            kernel=one.kernel or kernel,
            list_order=self.order.label if self.order else "",
            reason=one.reason,
        )
        if one.entries is None:
            return said
        if self.constant:
            return replace(said, reason="all similarities are alike: there is nothing to explain")
        design = _design(one, beside)
        x = design.x
        if x.shape[1] == 1:
            correlation = correlation_of_ranks(x[:, 0], self.y)
            said = replace(said, correlation=correlation, r2=(correlation or 0.0) ** 2)
        else:
            said = replace(said, r2=share(self.y, design.own))
        if self.tested:
            said = replace(said, **self._alone(one, design))
        names = ", ".join(other.name for other in beside)
        return replace(said, beside=names, **self._in_model(one, design, said.r2 or 0.0, names))

    def _in_model(self, one: Predictor, design: _Design, r2: float, names: str) -> dict[str, Any]:
        """Return the shares of a predictor in its model, and the test of the unique one."""
        x, n_columns = design.x, design.model.shape[1]
        if len(x) < n_columns + 2:
            return {"reason": f"{len(x)} pairs are too few for a model of {n_columns} columns"}
        total = share(self.y, design.model)
        unique = max(total - share(self.y, design.beside), 0.0)
        found: dict[str, Any] = {"r2_unique": unique, "r2_common": r2 - unique, "r2_model": total}
        if x.shape[1] > 1:
            return found
        nothing = {**found, "reason": f"it says nothing beyond {names}"}
        if not self.tested:
            correlated = partial_correlation(self.y, design.residual)
            return nothing if correlated is None else {**found, "partial": correlated[0]}
        drawn, exact = self._draws
        sided: Alternative = "greater" if one.directed else "two-sided"
        test = partial_mantel(self.y, x[:, 0], design.beside, drawn, exact=exact, alternative=sided)
        if test.correlation is None:
            return nothing
        return {
            **found,
            "partial": test.correlation,
            "p_unique": test.p_value,
            "p_unique_smallest": test.p_smallest,
            "n_permutations_unique": test.n_permutations,
        }

    @cached_property
    def _draws(self) -> tuple[list[Int], bool]:
        """Relabellings in batches, and whether they are all there are."""
        return list(relabellings(self.n, N_RELABELLINGS, "explained")), math.factorial(self.n) <= MAX_EXACT

    def _alone(self, one: Predictor, design: _Design) -> dict[str, Any]:
        """Return the test of a predictor by itself: what the matrix says in every other order."""
        x, (batches, exact) = design.x, self._draws
        y, z = self.y, x if x.shape[1] == 1 else x @ np.arange(x.shape[1])[:, None]
        orders = self._orders(one)
        if orders is not None and self.order is not None:
            # In the order of the list, of which the distinct orders are others.
            batches, exact = [orders], True
            places = np.argsort(self.order.places)
            y, z, x = (_moved(values, self.n, places) for values in (y[:, None], z, x))
            y = y[:, 0]
        scale = x if x.shape[1] == 1 else basis(x)
        z = z[:, 0] - z.mean()
        observed, largest = _likeness(y[None, :], scale, one), _likeness(z[None, :], scale, one)
        count = same = total = 0
        squares = 0.0
        for orders in batches:
            for part in reordered(square(y, self.n), orders):
                found = _likeness(part, scale, one)
                count += int(np.sum(found >= observed - TIES * np.abs(observed)))
                squares += float(np.sum(found**2 if x.shape[1] == 1 else found))
                total += len(part)
            for part in reordered(square(z, self.n), orders) if exact else ():
                same += int(np.sum(_likeness(part, scale, one) >= largest * (1.0 - RANK)))
        size = float(y @ y) * (float(x[:, 0] @ x[:, 0]) if x.shape[1] == 1 else 1.0)
        return {
            "p_value": count / total if exact else (1 + count) / (1 + total),
            "p_smallest": same / total if exact else 1.0 / (1 + total),
            "n_permutations": total,
            "r2_chance": squares / total / size,
        }

    def _orders(self, one: Predictor) -> Int | None:
        """Return every distinct order of the words; None where they are too many, or words are missing."""
        order = self.order
        if order is None or not order.is_whole or not one.name.startswith("list_"):
            return None
        cyclic = order.cyclic if one.name == "list_lag" else one.name == "list_circle"
        many = n_orders(self.n, cyclic=cyclic) > MOST_ORDERS
        return None if many else distinct_orders(self.n, cyclic=cyclic)


@dataclass(frozen=True, eq=False)
class _Design:
    """A predictor and its model, whatever is explained: matrices of the same labels share it."""

    x: Float
    """Ranks as a column (m, 1), or levels (m, q)."""
    own: Float
    """Orthonormal bases of x, of what is beside it, and of both."""
    beside: Float
    model: Float

    @cached_property
    def residual(self) -> Residual:
        """What is left of a predictor of one column beside the others."""
        return residual_of(self.x[:, 0], self.beside)


@lru_cache(maxsize=1024)
def _design(one: Predictor, beside: tuple[Predictor, ...]) -> _Design:
    x = _ranked(one)
    others = np.hstack([np.zeros((len(x), 0)), *(_ranked(other) for other in beside)])
    return _Design(x, basis(x), basis(others), basis(np.hstack([x, others])))


def _ranked(one: Predictor) -> Float:
    """Return the ranks of a predictor as a column (m, 1), or its levels (m, q)."""
    assert one.entries is not None  # noqa: S101 (callers ask)
    return one.entries if one.entries.ndim > 1 else centred_ranks(one.entries)[:, None]


def _moved(columns: Float, n: int, places: Int) -> Float:
    """Return the pairs (m, q) of features that stand in another order."""
    pairs = np.triu_indices(n, 1)
    moved = [square(column, n)[np.ix_(places, places)][pairs] for column in columns.T]
    return np.stack(moved, axis=1)


def _likeness(values: Float, scale: Float, one: Predictor) -> Float:
    """Return how alike entries (b, m) are to a predictor: signed where only that counts, (b,)."""
    if one.has_levels:
        return np.asarray(np.sum((values @ scale) ** 2, axis=1))
    found = values @ scale[:, 0]
    return np.asarray(found if one.directed else np.abs(found))
