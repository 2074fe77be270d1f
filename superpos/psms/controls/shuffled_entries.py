"""Entries of T off the diagonal permuted, symmetrically."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_psm
from superpos.kinds.controls import Control
from superpos.kinds.looks import Look
from superpos.psms.draws import control_draw


def shuffled_entries(T: ArrayLike, replicate: int, width: int | None = None) -> Float:
    """Return T (n, n) with its entries i < j permuted and mirrored; the diagonal stays.

    The result is usually not positive semidefinite: no vectors have these similarities.

    Parameters
    ----------
    T : array_like, (n, n)
        Pairwise similarity matrix.
    replicate : int
        Replicate of the control, from 0.
    width : int, optional
        Width d of the directions behind T; n if there are none.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError, ArgumentError
        If T is no pairwise similarity matrix or a count is wrong.
    """
    matrix = as_psm("T", T)
    n = matrix.shape[0]
    upper = np.triu_indices(n, 1)
    rng = control_draw("shuffled_entries", replicate, n, n if width is None else width)
    shuffled = np.zeros((n, n))
    shuffled[upper] = rng.permutation(matrix[upper])
    return shuffled + shuffled.T + np.diag(np.diag(matrix))


KIND = Control(
    name="shuffled_entries",
    version=1,
    rank=30,
    meaning="The matrix with its entries off the diagonal permuted.",
    draws_from="matrix",
    keeps="The similarities.",
    destroys="Which pair has which; as a rule no vectors have the result (eigenvalue below 0).",
    matrix=shuffled_entries,
    look=Look(colour="#B8860B", dashes=(0, (3, 1.5)), width=1.4, marker="D"),
)
