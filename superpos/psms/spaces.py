"""Spaces in which probe directions are compared (`docs/science.md`, "Probe spaces").

    raw        coefficient on the activations themselves (scaled coefficient over the scaler's scale)
    scaled     coefficient on the scaled activations
    whitened   causal inner product, Sigma the covariance of the activations:
               Sigma^(1/2) p for covectors (probes, LDA, unembedding rows),
               Sigma^(-1/2) p for vectors (mean differences, embedding and decoder rows)
    pattern    Sigma p for covectors: the vector of how activations go with the score <x, p>
               (`superpos.probes.sample_sums`, which has the samples and needs no Sigma)

Source of the causal inner product: K. Park, Y. J. Choe, V. Veitch, The linear representation hypothesis and
the geometry of large language models (2023), section 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_matrix, as_number, as_psm
from superpos.errors import ArgumentError, ShapeError


def whiten(P: ArrayLike, covariance: ArrayLike, *, covector: bool, floor: float = 1e-6) -> Float:
    """Return directions under the causal inner product.

    Parameters
    ----------
    P : array_like, (n, d)
        Directions, one row a feature, in the units of the activations (space `raw`).
    covariance : array_like, (d, d)
        Covariance Sigma of the activations.
    covector : bool
        True for what is paired with activations (probes): Sigma^(1/2) p. False for what lives among the
        activations (mean differences): Sigma^(-1/2) p.
    floor : float
        Eigenvalues of Sigma below `floor` times the largest are raised to it, in (0, 1]: with fewer samples
        than d the covariance is singular, and without a floor the inverse root is all noise.

    Returns
    -------
    ndarray, (n, d)

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError
        If the shapes do not fit or the covariance is not symmetric.
    ArgumentError
        If the floor is outside (0, 1], or the covariance has no eigenvalue above 0 or one below -floor times
        the largest.
    """
    rows, sigma = as_matrix("P", P), as_psm("covariance", covariance)
    if sigma.shape[0] != rows.shape[1]:
        raise ShapeError(
            "covariance", f"shape {sigma.shape} does not fit directions of width {rows.shape[1]}"
        )
    lowest = as_number("floor", floor, minimum=0.0, exclusive=True)
    if lowest > 1.0:
        raise ArgumentError("floor", f"{lowest:g} is above 1; it is a fraction of the largest eigenvalue")
    eigenvalues, axes = np.linalg.eigh(sigma)
    largest = float(eigenvalues[-1])
    if largest <= 0.0 or eigenvalues[0] < -lowest * largest:
        raise ArgumentError(
            "covariance", f"is no covariance: its smallest eigenvalue is {eigenvalues[0]:.3g}"
        )
    root = np.sqrt(np.maximum(eigenvalues, lowest * largest))
    return np.asarray((rows @ axes) * (root if covector else 1.0 / root) @ axes.T, dtype=np.float64)
