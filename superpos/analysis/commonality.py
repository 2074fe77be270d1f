"""Shares of a variance: how much each of several predictors explains alone, by itself and with others.

    R^2(S)     of the least-squares fit of y on the predictors of S and a constant
    unique     U_i = R^2(K) - R^2(K without i)                                K: all predictors
    common     R^2({i}) - U_i: what i explains that others explain, too
    component  C_S = sum over T within S of (-1)^(|S| - |T|) (R^2(K) - R^2(K without T))

The components of all non-empty S add up to R^2(K), and those of one predictor to U_i; R^2({i}) is the sum of
the C_S with i in S. A common share may be negative: a predictor then hides what another explains
(suppression).

The fit is by an orthonormal basis, so that predictors which are linear in each other are no trouble: each
has the unique share 0. A predictor may have several columns; of a constant one nothing is explained.

Sources: R. G. Newton and D. J. Spurrell, A development of multiple regression for the analysis of routine
data, Applied Statistics 16 (1967); A. M. Mood, Partitioning variance in multiple regression analyses (1971);
for distance matrices F.-J. Lapointe and others call it variation partitioning (P. Legendre and L. Legendre,
*Numerical Ecology*, 2012, section 10.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from numpy.typing import ArrayLike

from superpos.analysis.ranks import as_values
from superpos.arrays import Float
from superpos.errors import ArgumentError, NonFiniteError, ShapeError

RANK = 1e-9
"""Length that a column keeps outside of the others, over its own, below which it lies within them."""
MOST = 12
"""Predictors of one analysis: their subsets are all fitted."""


@dataclass(frozen=True, slots=True)
class Commonality:
    """Shares of the variance of y, each of R^2."""

    total: float
    """R^2 of all predictors together."""
    alone: dict[str, float]
    """R^2 of each by itself."""
    unique: dict[str, float]
    """What each adds to all others; from 0."""
    components: dict[frozenset[str], float]
    """By the predictors that share it, each non-empty set once."""

    @property
    def common(self) -> dict[str, float]:
        """What each explains that others explain, too."""
        return {name: self.alone[name] - self.unique[name] for name in self.alone}


def basis(columns: Float, within: Float | None = None) -> Float:
    """Return an orthonormal basis (m, r) of centred columns (m, q), orthogonal to a constant and to `within`.

    Parameters
    ----------
    columns
        Of one or several predictors.
    within
        Orthonormal centred columns (m, k) whose span is taken off first; r counts what is left.
    """
    centred = columns - columns.mean(axis=0)
    sizes = np.linalg.norm(centred, axis=0)
    centred = centred[:, sizes > RANK * np.maximum(np.abs(columns).max(axis=0, initial=0.0), 1e-300)]
    centred = centred / np.maximum(np.linalg.norm(centred, axis=0), 1e-300)
    left = centred if within is None else centred - within @ (within.T @ centred)
    if left.shape[1] == 0:
        return np.zeros((len(columns), 0))
    vectors, lengths, _ = np.linalg.svd(left, full_matrices=False)
    return np.asarray(vectors[:, lengths > RANK])


def r_squared(y: Float, columns: Float) -> float:
    """Return R^2 of y (m,) on columns (m, q) and a constant, from 0 to 1; 0 where y is constant."""
    return share(y - y.mean(), basis(columns))


def share(centred: Float, within: Float) -> float:
    """Return the share of centred values (m,) within an orthonormal basis (m, r), from 0 to 1; 0 of zeros."""
    size = float(centred @ centred)
    if size == 0.0:
        return 0.0
    explained = within.T @ centred
    return float(np.clip(explained @ explained / size, 0.0, 1.0))


def commonality(y: ArrayLike, predictors: Mapping[str, ArrayLike]) -> Commonality:
    """Return the shares of the variance of y that predictors explain.

    Parameters
    ----------
    y : array_like, (m,)
        What is explained.
    predictors
        By name, (m,) or (m, q) each.

    Raises
    ------
    ShapeError, NonFiniteError
        If they are not finite and of one length.
    ArgumentError
        If there is none, or more than `MOST`.
    """
    values = as_values("y", y)
    columns = {name: _columns(name, one, values.size) for name, one in predictors.items()}
    if not 1 <= len(columns) <= MOST:
        raise ArgumentError("predictors", f"{len(columns)} predictors; use 1 to {MOST}")
    names = tuple(columns)
    explained = {
        frozenset(part): r_squared(values, np.hstack([columns[name] for name in part])) if part else 0.0
        for part in _subsets(names)
    }
    everything = frozenset(names)
    lost = {part: explained[everything] - explained[everything - part] for part in explained}
    components = {
        part: sum((-1.0) ** (len(part) - len(inner)) * lost[frozenset(inner)] for inner in _subsets(part))
        for part in explained
        if part
    }
    return Commonality(
        total=explained[everything],
        alone={name: explained[frozenset({name})] for name in names},
        unique={name: max(lost[frozenset({name})], 0.0) for name in names},
        components=components,
    )


def _subsets(names: Sequence[str] | frozenset[str]) -> Iterator[tuple[str, ...]]:
    ordered = sorted(names)
    return chain.from_iterable(combinations(ordered, size) for size in range(len(ordered) + 1))


def _columns(name: str, value: ArrayLike, length: int) -> Float:
    array = np.asarray(value, dtype=np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[0] != length:
        raise ShapeError(name, f"shape {array.shape} is not ({length},) or ({length}, q)")
    if not np.isfinite(array).all():
        raise NonFiniteError(name, "holds a number that is not finite")
    return array
