"""Parts of the training samples, and C chosen by cross-validation over them.

Parts are whole groups, with every feature's positives and negatives spread evenly. Groups are dealt out one
by one, the largest first and equals in a drawn order, each to the part for which

    sum_j (share of column j that the part then has)^2

grows least; columns are the positives and negatives of every feature and the samples.

For every C of the grid, probes are trained on all parts but one and measured on it. The C of the lowest

    sum over features and folds of the held-out log loss, classes weighted as in training,

is taken, the smallest of equals. One C serves all features of a set: their directions are compared with each
other, and with a C each, two directions would differ by how strongly each was shrunk (towards the difference
of class means) as well as by where their features lie. Scale and mean are those of all training samples; they
use no labels. The penalty of a fold is that of its own number of samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Float, Int
from superpos.errors import ArgumentError
from superpos.probes.design import Design
from superpos.probes.logistic import logistic_losses
from superpos.probes.newton import minimise
from superpos.seeding import generator
from superpos.specs.probes import ProbeSettings

FOLDS = 5


def deal_groups(labels: Bool, groups: NDArray[Any], n_parts: int, draw: np.random.Generator) -> Int:
    """Return the part of every sample, (n,), in 0 ... n_parts - 1.

    Parameters
    ----------
    labels
        (n, k).
    groups
        Group of every sample, (n,); a group is never divided, so parts stay empty if there are few.
    n_parts
        Number of parts.
    draw
        Generator of the order among groups of one size.
    """
    names, indices = np.unique(groups, return_inverse=True)
    columns = np.concatenate([labels, ~labels, np.ones((len(labels), 1), dtype=np.bool_)], axis=1)
    counts: Float = np.stack(
        [np.bincount(indices, weights=column, minlength=len(names)) for column in columns.T], axis=1
    )
    shares = counts / np.maximum(counts.sum(axis=0), 1.0)
    order = draw.permutation(len(names))
    order = order[np.argsort(-counts[order, -1], kind="stable")]
    loads = np.zeros((n_parts, shares.shape[1]))
    parts = np.empty(len(names), dtype=np.int64)
    for group in order:
        part = int(np.argmin(loads @ shares[group]))  # the square grows by this, and by what is equal for all
        loads[part] += shares[group]
        parts[group] = part
    return np.asarray(parts[indices])


def grid_losses(design: Design, labels: Bool, groups: NDArray[Any], settings: ProbeSettings) -> Float:
    """Return the held-out loss of every C of the grid, a mean over samples and features, (n_C,).

    Parameters
    ----------
    design
        The training samples.
    labels
        Of the training samples, (n, k).
    groups
        Of the training samples, (n,).
    settings
        With a grid.

    Raises
    ------
    ArgumentError
        If in no fold both parts have both classes of some feature.
    """
    draw = generator("sample", name="probe folds", seed=settings.split_seed)
    folds = deal_groups(labels, groups, FOLDS, draw)
    balanced = settings.class_weight == "balanced"
    total, n_measured = np.zeros(len(settings.C_grid)), 0
    for fold in range(FOLDS):
        held = folds == fold
        usable = np.flatnonzero(_both(labels[held]) & _both(labels[~held]))
        if not usable.size:
            continue
        fitted = labels[:, usable]
        counts = np.repeat(np.asarray(~held, dtype=np.int64)[:, None], usable.size, axis=1)
        theta = None
        for index, C in enumerate(settings.C_grid):  # from strong to weak penalties, each from the last
            loss = logistic_losses(design.Z1, fitted, C, balanced=balanced, counts=counts)
            found = minimise(
                loss, settings.tol, settings.max_iter, offset=design.offset, mean=design.mean, start=theta
            )
            theta = found.theta
            measured = logistic_losses(design.Z1, fitted, C, balanced=balanced, counts=1 - counts)
            losses = measured.weights * np.logaddexp(0.0, -measured.margins(theta))
            total[index] += float(losses.sum())
        n_measured += usable.size
    if not n_measured:
        raise ArgumentError(
            "groups", f"positives lie in too few groups for {FOLDS} folds; give C as a number"
        )
    return np.asarray(total / n_measured)


def choose_C(losses: Float, settings: ProbeSettings) -> float:  # noqa: N802 - C is the symbol
    """Return the C of the smallest held-out loss, the strongest penalty among equals."""
    return settings.C_grid[int(np.argmin(losses))]


def _both(labels: Bool) -> Bool:
    return np.asarray(labels.any(axis=0) & ~labels.all(axis=0))
