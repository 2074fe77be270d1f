"""What each feature adds to activations, the others held fixed, and whether it follows the labels.

    x_t = a + sum_i y_ti v_i + e_t          activations, labels y, noise e independent between groups
    B   = V + W E                           least squares of x on all labels together: row i estimates v_i
    G   = mean over splits of (B_1 B_2' + B_2 B_1') / 2
    r   = Pearson correlation of G_ij with phi_ij over i < j

B_1 and B_2 are fitted on the two halves of the groups, so that their noise is independent and E G = V V'
given the labels, whatever their correlation is and however strong the noise. Of one sample alone neither
holds. A difference of means m_i = sum_j v_j C_ij / C_ii + noise, C the labels' covariance, mixes the v_j of
labels that go together. B does not, but its own products have the noise (Y'Y)^-1 tr(Cov e), which follows the
labels as well. Nor are cosines taken: G_ij / sqrt(G_ii G_jj) is biased by the noise of the lengths, towards
1 where labels go together, for their estimates err to opposite sides.

The null hypothesis is that features could change places: which v_i belongs to which label has nothing to do
with how labels go together. The noise of G_ij does depend on the labels i and j, so that relabelling G would
reject too often. A draw relabels the v_i and leaves the labels where they are:

    B_h = V^_pi + W_h (s E^)        E^ residuals, s one random sign a group, pi a random order
    V^_i = B_i min(1, sqrt(max(G_ii, 0)) / |B_i|)      as long as v_i is, not as long as its estimate

    p = (1 + #{draws: r >= observed}) / (1 + number of draws)

Sources: A. Walther et al., Reliability of dissimilarity measures for multi-voxel pattern analysis, NeuroImage
137 (2016), cross-validated products; D. Freedman, D. Lane, A nonstochastic interpretation of reported
significance levels, Journal of Business and Economic Statistics 1 (1983), residuals under the null; A. C.
Cameron, J. B. Gelbach, D. L. Miller, Bootstrap-based improvements for inference with clustered errors, Review
of Economics and Statistics 90 (2008), one sign a group.
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

N_SPLITS = 10
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
    X, Y = checked(activations, labels)
    return np.asarray(_weights(Y) @ X)


def halving_weights(labels: Bool, groups: ArrayLike, n_splits: int = N_SPLITS) -> Float:
    """Return W of each half of each split, (n_splits, 2, k, n): B_h = W_h X, and 0 for samples of the other.

    Parameters
    ----------
    labels
        (n, k).
    groups
        Group of each sample, (n,): a document, a person. A group is never divided.
    n_splits
        Random halvings of the groups.

    Raises
    ------
    ShapeError, ArgumentError
        For groups of another shape, fewer than two of them, fewer than one split, or labels that are linearly
        dependent in nearly every half.
    """
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    if group.shape != (len(labels),):
        raise ShapeError("groups", f"shape {group.shape} does not fit {len(labels)} samples")
    if len(names) < 2:
        raise ArgumentError("groups", f"{len(names)} group cannot be halved; at least two are needed")
    found = np.zeros((check_count("n_splits", n_splits, 1), 2, labels.shape[1], len(labels)))
    done = refused = 0
    for draw in count():
        order = generator("analysis", name="joint_differences", replicate=draw).permutation(len(names))
        first = np.isin(group, order[: len(names) // 2])
        try:
            weights = [_weights(labels[half]) for half in (first, ~first)]
        except ArgumentError:
            refused += 1
            if refused > MOST_REFUSED:
                raise
            continue
        for place, half in enumerate((first, ~first)):
            found[done, place][:, half] = weights[place]
        done += 1
        if done == len(found):
            break
    return found


def noise_free_products(activations: Float, weights: Float) -> Float:
    """Return G of the module's formula, (k, k), of activations (n, d) and `halving_weights`."""
    return _products(_halves(activations, weights))


def relabelled_products(
    activations: Float, labels: Bool, groups: ArrayLike, weights: Float, n_draws: int
) -> Float:
    """Return G of draws in which the features have changed places, (n_draws, k, k)."""
    n, k = labels.shape
    B = _weights(labels) @ activations
    centred = activations - activations.mean(axis=0)
    residuals = centred - (labels - labels.mean(axis=0)) @ B
    residuals *= np.sqrt(n / max(n - k - 1, 1))
    lengths = np.sqrt(np.maximum(np.diagonal(noise_free_products(activations, weights)), 0.0))
    own = np.linalg.norm(B, axis=1)
    V = B * np.minimum(1.0, np.divide(lengths, own, out=np.zeros_like(own), where=own > 0.0))[:, None]
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    rng = generator("analysis", name="follows_labels", replicate=0)
    found = np.empty((n_draws, k, k))
    for draw in range(n_draws):
        order, signs = rng.permutation(k), rng.choice((-1.0, 1.0), size=len(names))
        found[draw] = _products(V[order] + _halves(residuals * signs[group, None], weights))
    return found


def checked(activations: ArrayLike, labels: ArrayLike) -> tuple[Float, Bool]:
    """Return activations (n, d) and labels (n, k) of one number of samples; raises as `joint_differences`."""
    X = as_matrix("activations", activations, min_rows=2)
    given: NDArray[Any] = np.asarray(labels)
    if given.ndim != 2 or len(given) != len(X) or not given.shape[1]:
        raise ShapeError("labels", f"shape {given.shape} does not fit activations of shape {X.shape}")
    Y: Bool = given.astype(np.bool_)
    if not np.array_equal(Y, given):
        raise ArgumentError("labels", "hold other numbers than 0 and 1; every sample needs every label")
    return X, Y


def _halves(values: Float, weights: Float) -> Float:
    """Return W_h Z of values Z (n, d), (n_splits, 2, k, d)."""
    n_splits, _, k, n = weights.shape
    return np.asarray((weights.reshape(-1, n) @ values).reshape(n_splits, 2, k, values.shape[1]))


def _products(halves: Float) -> Float:
    """Return the mean product of first and second halves, (k, k), symmetric."""
    found = np.einsum("sid,sjd->ij", halves[:, 0], halves[:, 1], optimize=True) / len(halves)
    return np.asarray((found + found.T) / 2)


def _weights(labels: Bool) -> Float:
    """Return W (k, n) of least squares on labels (n, k) and a constant."""
    design = np.column_stack([np.ones(len(labels)), labels])
    rank = int(np.linalg.matrix_rank(design))
    if rank < design.shape[1]:
        raise ArgumentError(
            "labels",
            f"{labels.shape[1]} labels and a constant have rank {rank} on {len(labels)} samples; what each "
            "of them adds needs labels that are linearly independent there",
        )
    return np.asarray(np.linalg.pinv(design)[1:])
