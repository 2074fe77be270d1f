"""Random matrices with the eigenvalues of the features' own.

cosine              random correlation matrix with the eigenvalues of T (Davies and Higham 2000)
squared distances   B = -J R J / 2 (R squared distances, J = I - 11'/n) has its eigenvalues on random
                    axes orthogonal to the constant vector
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_psm
from superpos.errors import ArgumentError
from superpos.kinds.controls import Control
from superpos.kinds.looks import Look
from superpos.psms.draws import control_draw
from superpos.psms.similarity import squared_distances


def spectrum_cosine(T: ArrayLike, replicate: int, width: int | None = None) -> Float:
    """Return a random correlation matrix with the eigenvalues of T (n, n), clipped at 0 and scaled to sum n.

    The rotations of the algorithm run through the features in order and leave the last ones larger
    correlations (up to 12 % in mean square at n = 5), so the features are put in random order at the end.

    Source: P. I. Davies, N. J. Higham, Numerically stable generation of correlation matrices and their
    factors, BIT 40 (2000), through `scipy.stats.random_correlation`.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError, ArgumentError
        As `shuffled_entries`; also if no eigenvalue of T is above 0.
    """
    from scipy.stats import random_correlation  # lazily: nothing else here needs SciPy

    matrix = as_psm("T", T)
    n = matrix.shape[0]
    rng = control_draw("spectrum", replicate, n, n if width is None else width)
    eigenvalues = np.clip(np.linalg.eigvalsh(matrix), 0.0, None)
    total = float(np.sum(eigenvalues))
    if total == 0.0:
        raise ArgumentError("T", "has no eigenvalue above 0, so no correlation matrix shares its spectrum")
    # SciPy compares the sum with n at an absolute 1e-13, which rounding alone can miss at larger n.
    drawn = random_correlation.rvs(eigenvalues * (n / total), random_state=rng, tol=1e-9)
    order = rng.permutation(n)
    upper = np.triu(np.clip((drawn + drawn.T)[np.ix_(order, order)] / 2.0, -1.0, 1.0), 1)
    return np.asarray(upper + upper.T + np.eye(n), dtype=np.float64)


def spectrum_squares(squares: ArrayLike, replicate: int, width: int | None = None) -> Float:
    """Return squared distances of random points whose centred Gram matrix has the given eigenvalues.

    Parameters
    ----------
    squares : array_like, (n, n)
        Squared distances; their sum over all pairs is kept.
    replicate, width
        As for `shuffled_entries`.

    Returns
    -------
    ndarray, (n, n)
        Exactly symmetric, diagonal exactly 0. Eigenvalues below 0 (distances of no point set) count as 0.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError, ArgumentError
        If `squares` is no symmetric matrix or a count is wrong.
    """
    matrix = as_psm("squares", squares)
    n = matrix.shape[0]
    rng = control_draw("spectrum", replicate, n, n if width is None else width)
    # In a basis H of the complement of the constant vector, -H'RH/2 = H'BH: the trivial eigenvalue is gone.
    basis = _complement_of_constant(n)
    eigenvalues = np.clip(np.linalg.eigvalsh(basis.T @ (-0.5 * matrix) @ basis), 0.0, None)
    points = basis @ _haar_orthogonal(rng, n - 1) * np.sqrt(eigenvalues)
    return squared_distances(points)


def _complement_of_constant(n: int) -> Float:
    """Return the Helmert basis of the vectors that sum to 0, (n, n - 1), columns orthonormal."""
    basis = np.zeros((n, n - 1))
    for k in range(1, n):
        basis[:k, k - 1] = 1.0
        basis[k, k - 1] = -k
        basis[:, k - 1] /= np.sqrt(k * (k + 1))
    return basis


def _haar_orthogonal(rng: np.random.Generator, n: int) -> Float:
    """Return a Haar-distributed orthogonal matrix (n, n): QR of normal entries, diag(R) made positive."""
    q, r = np.linalg.qr(rng.standard_normal((n, n)))
    return np.asarray(q * np.where(np.diag(r) < 0.0, -1.0, 1.0), dtype=np.float64)


KIND = Control(
    name="spectrum",
    version=1,
    rank=40,
    meaning="A random matrix with the eigenvalues of the cosines, or of the centred Gram matrix.",
    draws_from="matrix",
    keeps="The eigenvalues, and so rank and effective dimension.",
    destroys="Which features lie along which axes.",
    arguments={"cosine": spectrum_cosine, "squared_distance": spectrum_squares},
    look=Look(colour="#AA4499", dashes=(0, (4, 1.5, 1, 1.5)), width=1.4, marker="v"),
)
