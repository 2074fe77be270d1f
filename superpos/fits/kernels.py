"""Pair energies: values and slopes, and the energy of a set of vectors.

    E(X, w~) = sum_ij K(x_i, x_j) w~_i w~_j            all ordered pairs; i = j only if self_energy = include
    K = value(a, s), a = cos(x_i, x_j) or a = rho^2 = ||x_i - x_j||^2 + eps^2: the kinds of
    `superpos.kinds.energies`

`pair_energy` and `pair_slope` take the argument of the kernel, so that one pass over the Gram matrix serves
energy and similarity. K(x, x) does not depend on x (a is 1 or eps^2), hence the diagonal enters the energy
and the gradient with respect to the logits, never the gradient with respect to X.

Source: the thesis' energy functions; `docs/science.md`, "Diagonal of the energy".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from superpos.arrays import Float
from superpos.pairwise import squared_distances
from superpos.specs.axes import Kernel


def softmax(logits: Float) -> Float:
    """Return the importance w~ = softmax(w), (n,), from logits w, (n,)."""
    weights = np.exp(logits - logits.max())
    weights /= weights.sum()
    return np.asarray(weights)


def pair_energy(kernel: Kernel, argument: Float) -> Float:
    """Return K at cosines or at squared softened distances rho^2, elementwise."""
    return filled(kernel.kind.value(argument, kernel.s), argument)


def pair_slope(kernel: Kernel, argument: Float, values: Float) -> Float:
    """Return dK/d(argument), given the argument and the values that `pair_energy` returned for it."""
    return filled(kernel.kind.slope(argument, kernel.s, values), argument)


def pair_bend(kernel: Kernel, argument: Float, values: Float) -> Float:
    """Return d^2 K/d(argument)^2, given the argument and the values that `pair_energy` returned for it."""
    return filled(kernel.kind.bend(argument, kernel.s, values), argument)


def filled(found: Any, argument: Float) -> Float:
    """Return what a point function gave as an array of the argument's shape; it may be one number."""
    array = np.asarray(found, dtype=np.float64)
    return array if array.shape == argument.shape else np.full(argument.shape, array)


def self_value(kernel: Kernel) -> float:
    """Return K(x, x) where the diagonal is included, else 0."""
    return kernel.kind.self_value(kernel.softening, kernel.s) if kernel.includes_diagonal else 0.0


def cosines(vectors: Float) -> Float:
    """Return the cosines of all pairs of rows, (n, n), with ones on the diagonal."""
    unit = vectors / np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    matrix = unit @ unit.T
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix)


def energy_matrix(vectors: Float, kernel: Kernel) -> Float:
    """Return K(x_i, x_j), (n, n), with K(x, x) or 0 on the diagonal as `self_energy` says."""
    if kernel.kind.angular:
        argument = cosines(vectors)
    else:
        argument = squared_distances(vectors) + kernel.softening**2
        np.fill_diagonal(argument, 1.0)
    matrix = pair_energy(kernel, argument).copy()
    np.fill_diagonal(matrix, self_value(kernel))
    return matrix


def energy_value(vectors: Float, importance: Float, kernel: Kernel) -> float:
    """Return E(X, w~) of vectors (n, f) under importance (n,).

    Not finite where vectors coincide under a singular kernel without softening, or vanish under an energy of
    cosines.
    """
    with np.errstate(all="ignore"):
        return float(importance @ energy_matrix(vectors, kernel) @ importance)
