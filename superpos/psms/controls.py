"""Control targets: what a PSM would look like without the structure of the features.

See `docs/science.md`, "Controls".

    permuted           coordinates of each row of P permuted independently
    gaussian           random directions: cosine of standard normal rows; under rbf with the norms of P
    shuffled_entries   off-diagonal entries of T permuted, symmetrically
    spectrum, cosine   random correlation matrix with the eigenvalues of T (Davies and Higham 2000)
    spectrum, rbf      B = -J R J / 2 (R squared distances, J = I - 11'/n) has its eigenvalues on random axes
                       orthogonal to the constant vector; then exp(-r^2 / C)

Every draw is `generator("control", kind, replicate, n, width)` with width = d of the directions, or n where
there are none: replicate r is the same draw for every layer, energy and hyperparameter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, as_matrix, as_number, as_psm
from superpos.errors import ArgumentError
from superpos.psms.similarity import rbf_of_squares, squared_distances
from superpos.seeding import generator
from superpos.specs.axes import check_count


def permuted_directions(P: ArrayLike, replicate: int) -> Float:
    """Return P (n, d) with the coordinates of each row permuted on their own; row norms stay as they are.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        If P is not a finite matrix or the replicate no whole number from 0.
    """
    rows = as_matrix("P", P)
    n, d = rows.shape
    rng = _draw("permuted", replicate, n, d)
    order = rng.permuted(np.tile(np.arange(d), (n, 1)), axis=1)
    return np.take_along_axis(rows, order, axis=1)


def gaussian_directions(n: int, width: int, replicate: int) -> Float:
    """Return n standard normal rows of this width: the same ones whatever the directions they stand against.

    Raises
    ------
    ArgumentError
        If a count is no whole number from 1 (the replicate: from 0).
    """
    rows, columns = check_count("n", n, 1), check_count("width", width, 1)
    return _draw("gaussian", replicate, rows, columns).standard_normal((rows, columns))


def gaussian_directions_like(P: ArrayLike, replicate: int) -> Float:
    """Return `gaussian_directions(n, d, replicate)` with the row norms of P (n, d), for the RBF."""
    rows = as_matrix("P", P)
    drawn = gaussian_directions(rows.shape[0], rows.shape[1], replicate)
    scale = np.linalg.norm(rows, axis=1) / np.linalg.norm(drawn, axis=1)
    return np.asarray(drawn * scale[:, None], dtype=np.float64)


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
    rng = _draw("shuffled_entries", replicate, n, n if width is None else width)
    shuffled = np.zeros((n, n))
    shuffled[upper] = rng.permutation(matrix[upper])
    return shuffled + shuffled.T + np.diag(np.diag(matrix))


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
    rng = _draw("spectrum", replicate, n, n if width is None else width)
    eigenvalues = np.clip(np.linalg.eigvalsh(matrix), 0.0, None)
    total = float(np.sum(eigenvalues))
    if total == 0.0:
        raise ArgumentError("T", "has no eigenvalue above 0, so no correlation matrix shares its spectrum")
    # SciPy compares the sum with n at an absolute 1e-13, which rounding alone can miss at larger n.
    drawn = random_correlation.rvs(eigenvalues * (n / total), random_state=rng, tol=1e-9)
    order = rng.permutation(n)
    upper = np.triu(np.clip((drawn + drawn.T)[np.ix_(order, order)] / 2.0, -1.0, 1.0), 1)
    return np.asarray(upper + upper.T + np.eye(n), dtype=np.float64)


def spectrum_rbf(squares: ArrayLike, scale: float, replicate: int, width: int | None = None) -> Float:
    """Return the RBF matrix of random points whose centred Gram matrix has the eigenvalues of the given one.

    Parameters
    ----------
    squares : array_like, (n, n)
        Squared distances; their sum over all pairs is kept.
    scale : float
        C > 0 of the RBF, in the same units.
    replicate, width
        As for `shuffled_entries`.

    Returns
    -------
    ndarray, (n, n)
        Exactly symmetric, diagonal exactly 1. Eigenvalues below 0 (distances of no point set) count as 0.

    Raises
    ------
    ShapeError, NonFiniteError, SymmetryError, ArgumentError
        If `squares` is no symmetric matrix, the scale not above 0 or a count wrong.
    """
    matrix = as_psm("squares", squares)
    n = matrix.shape[0]
    c = as_number("scale", scale, minimum=0.0, exclusive=True)
    rng = _draw("spectrum", replicate, n, n if width is None else width)
    # In a basis H of the complement of the constant vector, -H'RH/2 = H'BH: the trivial eigenvalue is gone.
    basis = _complement_of_constant(n)
    eigenvalues = np.clip(np.linalg.eigvalsh(basis.T @ (-0.5 * matrix) @ basis), 0.0, None)
    points = basis @ _haar_orthogonal(rng, n - 1) * np.sqrt(eigenvalues)
    return rbf_of_squares(squared_distances(points), c)


def _draw(kind: str, replicate: int, n: int, width: int) -> np.random.Generator:
    return generator(
        "control",
        kind=kind,
        replicate=check_count("replicate", replicate, 0),
        n=n,
        width=check_count("width", width, 1),
    )


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
