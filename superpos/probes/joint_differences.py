"""What each feature adds to activations, the others held fixed, and similarities free of noise and labels.

    x_t = a + sum_i y_ti v_i + e_t          activations, labels y, noise e independent between groups
    B   = V + W E                           least squares of x on all labels together: row i estimates v_i
    G   = mean over splits of (B_1 B_2' + B_2 B_1') / 2
    T_ij = G_ij / sqrt(G_ii G_jj)

B_1 and B_2 are fitted on the two halves of the groups, so that their noise is independent and E G = V V'
given the labels, whatever their correlation is and however strong the noise. Of one sample alone neither
holds. A difference of means m_i = sum_j v_j C_ij / C_ii + noise, C the labels' covariance, mixes the v_j of
labels that go together. B does not, but its own products have the noise (Y'Y)^-1 tr(Cov e), which follows the
labels as well. T_ij is no cosine of two vectors at hand and may lie beyond -1 and 1 where noise is strong.

Sources: A. Walther et al., Reliability of dissimilarity measures for multi-voxel pattern analysis, NeuroImage
137 (2016), cross-validated products; M. B. Cai et al., A Bayesian method for reducing bias in neural
representational similarity analysis, NeurIPS (2016), structure that the design makes by itself.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superpos.arrays import Bool, Float, as_matrix
from superpos.errors import ArgumentError, ShapeError
from superpos.seeding import generator
from superpos.specs.axes import check_count

N_SPLITS = 20
"""Halvings whose products are averaged; more of them leave the noise of the samples alone."""
MOST_REFUSED = 100
"""Halvings that may be passed over: labels are linearly dependent in a half, in which noise has no part."""


def joint_differences(activations: ArrayLike, labels: ArrayLike) -> Float:
    """Return what each feature adds, (k, d): least squares of activations (n, d) on labels (n, k).

    Raises
    ------
    ShapeError, NonFiniteError
        If shapes do not fit or an activation is not finite.
    ArgumentError
        If labels are linearly dependent: exclusive classes of which every sample has one, copies, constants.
    """
    X, Y = _checked(activations, labels)
    return _fitted(X, Y)


def noise_free_products(
    activations: ArrayLike, labels: ArrayLike, groups: ArrayLike, n_splits: int = N_SPLITS
) -> Float:
    """Return G of the module's formula, (k, k): unbiased scalar products of what features add.

    Parameters
    ----------
    activations
        (n, d).
    labels
        (n, k) booleans.
    groups
        Group of each sample, (n,): a document, a person. Noise may be common within a group.
    n_splits
        Random halvings of the groups.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        As `joint_differences`, of halves; for fewer than two groups; for fewer than one split.
    """
    X, Y = _checked(activations, labels)
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    if group.shape != (len(X),):
        raise ShapeError("groups", f"shape {group.shape} does not fit {len(X)} samples")
    if len(names) < 2:
        raise ArgumentError("groups", f"{len(names)} group cannot be halved; at least two are needed")
    wanted, refused = check_count("n_splits", n_splits, 1), 0
    total, done = np.zeros((Y.shape[1], Y.shape[1])), 0
    for draw in count():
        order = generator("analysis", name="joint_differences", replicate=draw).permutation(len(names))
        first = np.isin(group, order[: len(names) // 2])
        try:
            product = _fitted(X[first], Y[first]) @ _fitted(X[~first], Y[~first]).T
        except ArgumentError:
            refused += 1
            if refused > MOST_REFUSED:
                raise
            continue
        total += product + product.T
        done += 1
        if done == wanted:
            break
    return np.asarray(total / (2 * wanted))


def noise_free_similarities(products: Float) -> Float | None:
    """Return T of the module's formula, (k, k), 1 on the diagonal; None where a G_ii is not above 0.

    A feature whose length is not above its noise has no direction.
    """
    lengths = np.diagonal(products)
    if not np.all(lengths > 0.0):
        return None
    found = products / np.sqrt(np.outer(lengths, lengths))
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def _checked(activations: ArrayLike, labels: ArrayLike) -> tuple[Float, Bool]:
    X = as_matrix("activations", activations, min_rows=2)
    given: NDArray[Any] = np.asarray(labels)
    if given.ndim != 2 or len(given) != len(X) or not given.shape[1]:
        raise ShapeError("labels", f"shape {given.shape} does not fit activations of shape {X.shape}")
    Y: Bool = given.astype(np.bool_)
    if not np.array_equal(Y, given):
        raise ArgumentError("labels", "hold other numbers than 0 and 1; every sample needs every label")
    return X, Y


def _fitted(X: Float, Y: Bool) -> Float:
    design = np.column_stack([np.ones(len(Y)), Y])
    found, _, rank, _ = np.linalg.lstsq(design, X, rcond=None)
    if rank < design.shape[1]:
        raise ArgumentError(
            "labels",
            f"{Y.shape[1]} labels and a constant have rank {rank} on {len(Y)} samples; what each of them "
            "adds needs labels that are linearly independent there",
        )
    return np.asarray(found[1:])
