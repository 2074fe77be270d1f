"""How much of a dimension each feature has.

    D_i = |p_i|^2 / sum_j <p_i / |p_i|, p_j>^2              rows p_i of any norm
        = 1 / sum_j T_ij^2                                  rows of norm 1, T their cosines

D_i is 1 for a feature orthogonal to all others, 1/2 for one of an antipodal pair, (n - 1) / n in a simplex,
1/k for one of k copies. At norm 1 the sum of all D_i is at most the rank of T.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_matrix
from superpos.errors import ArgumentError

SOURCE = "N. Elhage et al., Toy Models of Superposition (2022), the geometry of superposition."


def dimensionality(matrices: Float) -> Float:
    """Return D_i of unit vectors with these cosines (m, n, n), (m, n)."""
    return np.asarray(1.0 / np.einsum("mij,mij->mi", matrices, matrices), dtype=np.float64)


def feature_dimensionality(P: ArrayLike) -> Float:
    """Return D_i of rows of any norm (n, d), (n,): those of the toy models' weights.

    Raises
    ------
    ShapeError, NonFiniteError
        If P is no finite matrix.
    ArgumentError
        If a row is 0: it has no direction.
    """
    rows = as_matrix("P", P)
    norms = np.linalg.norm(rows, axis=1)
    if not norms.all():
        raise ArgumentError("P", f"row {int(np.argmin(norms))} is 0 and has no direction")
    overlaps = (rows / norms[:, None]) @ rows.T
    return np.asarray(norms**2 / np.sum(overlaps**2, axis=1))


def weighted_dimensionality(cosines: Float, norms: Float) -> Float:
    """Return D_i of rows with these cosines (n, n) and norms (n,), (n,)."""
    return np.asarray(norms**2 / np.sum((cosines * norms) ** 2, axis=1))
