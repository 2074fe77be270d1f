"""`superpos.follows_labels`: whether what features add follows how their labels go together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from superpos.analysis.mantel import MAX_EXACT, relabellings
from superpos.analysis.partial_mantel import partial_mantel
from superpos.arrays import Float
from superpos.datasets.labels import phi_matrix
from superpos.errors import ArgumentError
from superpos.probes.joint_differences import N_SPLITS, noise_free_products, noise_free_similarities
from superpos.specs.axes import check_count
from superpos.threads import one_thread

MIN_FEATURES = 3
"""Two features have one pair, and no pattern."""


@dataclass(frozen=True, slots=True, eq=False)
class FollowsLabels:
    """How far similarities follow the labels, and how often they would by chance."""

    correlation: float | None
    """Of similarities with phi over the pairs of features; None where `reason` says why."""
    p_value: float | None
    """One-sided, "more than by chance": features relabelled, all n! ways up to n = 7."""
    n_permutations: int
    """Relabellings behind p; 0 without one."""
    p_smallest: float | None
    """The least p that they could give: pairs, say, can be chosen in few ways."""
    similarities: Float | None
    """(k, k), of `superpos.probes.joint_differences`."""
    phi: Float
    """Phi coefficients of the labels, (k, k)."""
    reason: str = ""
    """Why there is no number."""


def follows_labels(
    activations: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    names: Sequence[str] = (),
    n_splits: int = N_SPLITS,
    n_permutations: int = 9999,
) -> FollowsLabels:
    """Return whether features whose labels go together lie close, beyond what their labels alone make of it.

    Directions of probes mix features whose labels go together, and follow the chance of their samples. Here
    each feature's part is found with the others held fixed, and similarities are products of two halves of
    the samples, so that neither is left (`docs/validation.md` has how often it is wrong). The correlation is
    that of Pearson: ranks would give most weight to the many pairs that have nothing to do with each other.

    Parameters
    ----------
    activations
        (n, d), one row a sample.
    labels
        (n, k) booleans, k from 3.
    groups
        Group of each sample, (n,), kept together: documents, persons. None: each sample is its own.
    names
        Of the features, for what is said of them; numbered without.
    n_splits
        Halvings of the groups.
    n_permutations
        Random relabellings where there are more than 7!.

    Raises
    ------
    ShapeError, NonFiniteError
        If shapes do not fit or an activation is not finite.
    ArgumentError
        For fewer than three features or two groups, labels that are linearly dependent in nearly every half,
        or counts below 1.
    """
    Y = np.asarray(labels)
    k = Y.shape[1] if Y.ndim == 2 else 0
    if k < MIN_FEATURES:
        raise ArgumentError("labels", f"{k} features have no pattern; at least {MIN_FEATURES} are needed")
    if names and len(names) != k:
        raise ArgumentError("names", f"{len(names)} names for {k} features")
    check_count("n_permutations", n_permutations, 1)
    own = np.arange(len(Y)) if groups is None else np.asarray(groups)
    with one_thread():
        products = noise_free_products(activations, Y, own, n_splits)
    phi, found = phi_matrix(Y.astype(np.bool_)), noise_free_similarities(products)
    if found is None:
        short = np.flatnonzero(np.diagonal(products) <= 0.0).tolist()
        said = ", ".join(names[i] if names else str(i) for i in short)
        return FollowsLabels(None, None, 0, None, None, phi, f"no direction above the noise: {said}")
    pairs = np.triu_indices(k, 1)
    nothing = np.zeros((len(pairs[0]), 0))
    drawn = relabellings(k, n_permutations, "follows_labels")
    exact = math.factorial(k) <= MAX_EXACT
    test = partial_mantel(found[pairs], phi[pairs], nothing, drawn, exact=exact, alternative="greater")
    reason = "" if test.correlation is not None else "all similarities, or all phi coefficients, are alike"
    numbers = (test.correlation, test.p_value, test.n_permutations, test.p_smallest)
    return FollowsLabels(*numbers, found, phi, reason)
