"""`superpos.follows_labels`: whether what features add follows how their labels go together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from superpos.analysis.permutation import TIES
from superpos.arrays import Float
from superpos.datasets.labels import phi_matrix
from superpos.errors import ArgumentError
from superpos.probes.joint_differences import (
    N_SPLITS,
    checked,
    halving_weights,
    noise_free_products,
    relabelled_products,
)
from superpos.specs.axes import check_count
from superpos.threads import one_thread

MIN_FEATURES = 3
"""Two features have one pair, and no pattern."""
MIN_SPREAD = 1e-12
"""Spread of phi coefficients, or of products over the largest, below which they are alike."""


@dataclass(frozen=True, slots=True, eq=False)
class FollowsLabels:
    """How far products of what features add follow the labels, and how often they would by chance."""

    correlation: float | None
    """Of products with phi over the pairs of features (Pearson); None where `reason` says why."""
    p_value: float | None
    """One-sided, "more than by chance"."""
    n_draws: int
    """Draws in which the features have changed places; 0 without p."""
    products: Float
    """(k, k), G of `superpos.probes.joint_differences`."""
    phi: Float
    """Phi coefficients of the labels, (k, k)."""
    reason: str = ""
    """Why there is no number."""


def follows_labels(
    activations: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    n_splits: int = N_SPLITS,
    n_draws: int = 999,
) -> FollowsLabels:
    """Return whether features whose labels go together lie close, beyond what their labels alone make of it.

    Directions of probes mix features whose labels go together, and follow the chance of their samples. Here
    each feature's part is found with the others held fixed, and what is compared are products of two halves
    of the samples, so that neither is left (`docs/validation.md` has how often it is wrong). The correlation
    is that of Pearson: of ranks, the many pairs that have nothing to do with each other would have most.

    Parameters
    ----------
    activations
        (n, d), one row a sample.
    labels
        (n, k) booleans, k from 3.
    groups
        Group of each sample, (n,), kept together: documents, persons. None: each sample is its own.
    n_splits
        Halvings of the groups.
    n_draws
        Draws of the null hypothesis; no p is below 1 / (n_draws + 1). Their time is that of n_splits times
        as many products (k, n) by (n, d).

    Raises
    ------
    ShapeError, NonFiniteError
        If shapes do not fit or an activation is not finite.
    ArgumentError
        For fewer than three features or two groups, labels that are linearly dependent in nearly every half,
        or counts below 1.
    """
    X, Y = checked(activations, labels)
    k = Y.shape[1]
    if k < MIN_FEATURES:
        raise ArgumentError("labels", f"{k} features have no pattern; at least {MIN_FEATURES} are needed")
    wanted = check_count("n_draws", n_draws, 1)
    own = np.arange(len(Y)) if groups is None else np.asarray(groups)
    pairs, phi = np.triu_indices(k, 1), phi_matrix(Y)
    with one_thread():
        weights = halving_weights(Y, own, n_splits)
        products = noise_free_products(X, weights)
        if _alike(phi[pairs], 1.0) or _alike(products[pairs], float(np.abs(products).max())):
            said = "all products, or all phi coefficients, are alike"
            return FollowsLabels(None, None, 0, products, phi, said)
        draws = relabelled_products(X, Y, own, weights, wanted)
    observed = float(_correlations(products[None, *pairs], phi[pairs])[0])
    drawn = _correlations(draws[:, *pairs], phi[pairs])
    count = int(np.sum(drawn >= observed - TIES * abs(observed)))
    return FollowsLabels(observed, (1 + count) / (1 + wanted), wanted, products, phi)


def _alike(values: Float, size: float) -> bool:
    return bool(np.ptp(values) <= MIN_SPREAD * size)


def _correlations(rows: Float, values: Float) -> Float:
    """Return the Pearson correlation of each row (r, m) with values (m,); 0 for a constant row."""
    left = rows - rows.mean(axis=1, keepdims=True)
    right = values - values.mean()
    size = np.linalg.norm(left, axis=1) * np.linalg.norm(right)
    return np.asarray(np.divide(left @ right, size, out=np.zeros_like(size), where=size > 0.0))
