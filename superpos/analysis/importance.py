"""What the importance of the features goes with: Spearman's correlation, permutation p over the pairing.

How even it is (its entropy) is measured where it is found, `superpos.fits.importance_entropy`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike

from superpos.analysis.bootstrap import generator_for
from superpos.analysis.ranks import as_values, centred_ranks, correlation_of_ranks
from superpos.arrays import as_vector
from superpos.errors import ShapeError
from superpos.specs.axes import check_count

MAX_EXACT = 5040
"""Largest number of pairings that are all tried (7!)."""


@dataclass(frozen=True, slots=True)
class ImportanceCorrelation:
    """Rank correlation of importance with a property of the features."""

    spearman: float | None
    """None where one of them is constant (importance that is uniform, say)."""
    p_value: float | None
    """Two-sided."""
    n_permutations: int
    exact: bool


def importance_correlation(
    importance: ArrayLike, covariate: ArrayLike, *, n_permutations: int = 9999, name: str = "importance"
) -> ImportanceCorrelation:
    """Return the rank correlation of importance with feature frequency, probe quality or the like.

    Parameters
    ----------
    importance : array_like, (n,)
        Importance of the features; logits will do, for only their order counts.
    covariate : array_like, (n,)
        Number of positives of each feature, say.
    n_permutations : int
        Random pairings where n! is above `MAX_EXACT`; then p has the added 1.
    name : str
        Name of the draw.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        If they are no finite vectors of one length from 2, or `n_permutations` is below 1.
    """
    first = as_values("importance", importance)
    if first.size < 2:
        raise ShapeError("importance", "has one feature, which correlates with nothing")
    check_count("n_permutations", n_permutations, 1)
    x, y = centred_ranks(first), centred_ranks(as_vector("covariate", covariate, first.size))
    n = x.size
    exact = math.factorial(n) <= MAX_EXACT
    correlation = correlation_of_ranks(x, y)
    if correlation is None:
        return ImportanceCorrelation(None, None, 0, exact)
    if exact:
        orders = np.array(list(permutations(range(n))), dtype=np.int64)
    else:
        orders = generator_for(name).permuted(np.tile(np.arange(n), (n_permutations, 1)), axis=1)
    reached = int(np.sum(np.abs(y[orders] @ x) >= abs(float(y @ x))))
    total = orders.shape[0]
    p_value = reached / total if exact else (1 + reached) / (1 + total)
    return ImportanceCorrelation(correlation, p_value, total, exact)
