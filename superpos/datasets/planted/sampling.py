"""Activations of planted features.

    x_t = b sum_i y_ti v_i Q' + s D e_t + g D h_group(t)

y labels, v_i what feature i adds (r numbers), b the strength; Q, (d, r), has orthonormal columns, uniform
among all that do; e and h are standard normal in R^d, of each sample and of each group; D is diagonal with
the mean square 1 and D_jj^2 proportional to j^-decay, turned by a random rotation of its own. decay = 0 is
isotropic noise; about 1 is what the covariance of a network's activations looks like.

Layers have the same labels and directions, and draws of their own for Q, e and h.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from superpos.arrays import Bool, Float, Int
from superpos.datasets.planted.dictionaries import Dictionary


def frame(width: int, rank: int, draw: np.random.Generator) -> Float:
    """Return a matrix with orthonormal columns, uniform among all, (width, rank).

    Source: F. Mezzadri, How to generate random matrices from the classical compact groups (2007).
    """
    q, r = np.linalg.qr(draw.standard_normal((width, rank)))
    return np.asarray(q * np.sign(np.diag(r)))


def noise_scales(width: int, decay: float) -> Float:
    """Return the standard deviations along the axes of the noise, of mean square 1, (width,)."""
    variances = np.arange(1, width + 1, dtype=np.float64) ** -decay
    return np.asarray(np.sqrt(variances / variances.mean()))


def draw_activations(
    known: Dictionary,
    labels: Bool,
    groups: Int,
    width: int,
    *,
    strength: float,
    noise: float,
    group_noise: float,
    decay: float,
    rotation: np.random.Generator,
    samples: np.random.Generator,
) -> NDArray[np.float32]:
    """Return activations in single precision, (n_samples, width).

    Parameters
    ----------
    known
        The dictionary, of rank r at most `width`.
    labels, groups
        (n_samples, n) and (n_samples,), groups numbered from 0.
    width
        d.
    strength, noise, group_noise, decay
        b, s, g and the decay of the module's formula.
    rotation, samples
        Generators of Q and the axes of the noise, and of the noise.
    """
    rank = known.added.shape[1]
    found = strength * (labels.astype(np.float64) @ known.added) @ frame(width, rank, rotation).T
    own = noise * samples.standard_normal((len(labels), width))
    if group_noise:
        own += group_noise * samples.standard_normal((int(groups.max()) + 1, width))[groups]
    if decay:
        own = (own * noise_scales(width, decay)) @ frame(width, width, rotation).T
    return np.asarray(found + own, dtype=np.float32)
