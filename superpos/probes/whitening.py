"""Directions under the causal inner product, without the square root of the covariance.

Space `whitened` (K. Park, Y. J. Choe, V. Veitch 2023, The linear representation hypothesis and the geometry
of large language models, section 3) compares Sigma^(1/2) p for covectors (logistic probes, LDA) and
Sigma^(-1/2) p for vectors (mean differences), Sigma the covariance with eigenvalues below `floor` times the
largest, l, raised to it. Only inner products matter, so any vectors with the same ones do. With Y of
`superpos.probes.covariance`, Sigma = Y^T Y, and

    n > d    Sigma = L L^T
             covectors  L^T p                         vectors  L^-1 p
    n <= d   Y Y^T = L L^T,  q = p - Y^T (L L^T)^-1 Y p, the part of p beyond the samples
             covectors  (Y p, (floor l)^(1/2) q)      vectors  ((L L^T)^-1 Y p, (floor l)^(-1/2) q)

if no eigenvalue is below the floor, which a Cholesky factor of L L^T - floor l I tells. Otherwise the smaller
of both matrices is decomposed, and eigenvectors below the floor count as beyond the samples.

Where samples are drawn again, the covariance is another one too. To first order in its change the inner
products G of directions p become

    covectors  G + C' - C,  C the covariance of the scores <x, p> of the samples, C' that of the drawn ones
    vectors    G - C' + C,  the scores those of Sigma^-1 p

which is exact for covectors but for the floor, and needs no other factor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import blas, lapack, solve_triangular
from scipy.sparse.linalg import eigsh

from superpos.arrays import Float, Int, as_matrix, as_number
from superpos.errors import ArgumentError, ShapeError
from superpos.probes.covariance import (
    covariance_samples,
    images,
    lower_covariance,
    lower_dual_covariance,
    reflected,
    reflected_back,
)
from superpos.specs.axes import check_choice
from superpos.specs.probes import PROBE_METHODS, VECTOR_METHODS
from superpos.threads import one_thread

FLOOR = 1e-6


def whitened_directions(
    coef_raw: ArrayLike,
    activations: ArrayLike,
    train_rows: ArrayLike,
    method: str,
    *,
    floor: float = FLOOR,
) -> Float:
    """Return directions with the inner products of the whitened ones, (k, w).

    Parameters
    ----------
    coef_raw
        Directions in the units of the activations, (k, d).
    activations, train_rows, method, floor
        As in `Whitening`.

    Returns
    -------
    ndarray, (k, w)
        w = d for more samples than dimensions, at most n + d otherwise. The basis means nothing.

    Raises
    ------
    ShapeError, NonFiniteError, ArgumentError
        As `Whitening`.
    """
    return Whitening(activations, train_rows, method, floor=floor).directions(coef_raw)


class Whitening:
    """The causal inner product of the training samples of one activation set."""

    def __init__(
        self, activations: ArrayLike, train_rows: ArrayLike, method: str, *, floor: float = FLOOR
    ) -> None:
        """Factor the covariance.

        Parameters
        ----------
        activations, train_rows
            As in `superpos.probes.covariance.activation_covariance`.
        method
            How the directions were found, which says whether they are covectors.
        floor
            Eigenvalues of the covariance below this fraction of the largest are raised to it, in (0, 1).

        Raises
        ------
        ShapeError, NonFiniteError, ArgumentError
            As `activation_covariance`, and for activations that are constant.
        """
        check_choice("method", method, PROBE_METHODS)
        lowest = as_number("floor", floor, minimum=0.0, exclusive=True)
        if lowest >= 1.0:
            raise ArgumentError("floor", f"{lowest:g} must be below 1")
        self._samples = samples = covariance_samples(activations, train_rows)
        self._covector = method not in VECTOR_METHODS
        self._wide = len(samples.rows) <= samples.X.shape[1]
        self._factor: NDArray[Any] | None = None
        self._eigenvalues, self._axes = np.empty(0), np.empty((0, 0))
        with one_thread():
            matrix = lower_dual_covariance(samples) if self._wide else lower_covariance(samples)
            largest = _largest_eigenvalue(matrix)
            if largest <= 0.0:
                raise ArgumentError("activations", "the activations are constant, so they have no covariance")
            self._bound = lowest * largest
            if _all_above(matrix, self._bound):
                self._factor, _ = lapack.dpotrf(matrix, lower=1, clean=1)
            else:
                self._eigenvalues, self._axes = np.linalg.eigh(matrix, UPLO="L")
                if self._wide:
                    kept = self._eigenvalues > self._bound
                    self._eigenvalues, self._axes = self._eigenvalues[kept], self._axes[:, kept]
                else:
                    self._eigenvalues = np.maximum(self._eigenvalues, self._bound)

    def directions(self, coef_raw: ArrayLike) -> Float:
        """Return directions (k, w) with the inner products of the whitened ones of `coef_raw` (k, d)."""
        return self._whiten(coef_raw)[0]

    def drawn_directions(self, coef_raw: ArrayLike, counts: Int) -> Float:
        """Return directions (k, k) with the inner products under the covariance of drawn samples.

        Parameters
        ----------
        coef_raw
            Directions, (k, d).
        counts
            How often each training sample counts, (n,).

        Raises
        ------
        ShapeError
            If there are not as many counts as training samples.
        """
        n = len(self._samples.rows)
        if counts.shape != (n,):
            raise ShapeError("counts", f"shape {counts.shape} is not ({n},), one a training sample")
        whitened, scores = self._whiten(coef_raw)
        mean = counts @ scores / counts.sum()
        change = n * ((scores.T * counts) @ scores / counts.sum() - np.outer(mean, mean)) - scores.T @ scores
        products = whitened @ whitened.T + (change if self._covector else -change)
        sizes, axes = np.linalg.eigh(0.5 * (products + products.T))
        return np.asarray(axes * np.sqrt(np.maximum(sizes, 0.0)))

    def _whiten(self, coef_raw: ArrayLike) -> tuple[Float, Float]:
        """Return the directions and the centred scores of the samples over sqrt(n), (n, k)."""
        P, d = as_matrix("coef_raw", coef_raw), self._samples.X.shape[1]
        if P.shape[1] != d:
            raise ShapeError("coef_raw", f"shape {P.shape} does not fit activations of width {d}")
        with one_thread():
            return self._in_samples(P) if self._wide else self._in_dimensions(P)

    def _in_dimensions(self, P: Float) -> tuple[Float, Float]:
        factor = self._factor
        if factor is None:
            root = np.sqrt(self._eigenvalues)
            whitened = (P @ self._axes) * (root if self._covector else 1.0 / root)
            dual = whitened / root @ self._axes.T
        elif self._covector:
            whitened = dual = P @ factor
        else:
            whitened = solve_triangular(factor, P.T, lower=True).T
            dual = solve_triangular(factor, whitened.T, lower=True, trans="T").T
        return np.asarray(whitened), images(self._samples, P if self._covector else np.asarray(dual))

    def _in_samples(self, P: Float) -> tuple[Float, Float]:
        scores = images(self._samples, P)
        inside = reflected(scores)  # Y p, (n - 1, k)
        if self._factor is not None:
            half = solve_triangular(self._factor, inside, lower=True)
            shares = solve_triangular(self._factor, half, lower=True, trans="T")
            inside = inside if self._covector else shares
        else:
            within = self._axes.T @ inside
            shares = self._axes @ (within / self._eigenvalues[:, None])
            inside = within if self._covector else within / self._eigenvalues[:, None]
        back = reflected_back(shares)
        beyond = P - self._samples.combine(back / np.sqrt(len(self._samples.rows))).T
        root = np.sqrt(self._bound)
        whitened = np.hstack([inside.T, beyond * (root if self._covector else 1.0 / root)])
        return whitened, scores if self._covector else back


def _largest_eigenvalue(matrix: NDArray[Any]) -> float:
    """Return the largest eigenvalue of a positive semidefinite matrix given by its lower triangle."""
    if len(matrix) < 20:
        return float(np.linalg.eigvalsh(matrix, UPLO="L")[-1])
    if not np.any(np.diagonal(matrix) > 0.0):
        return 0.0
    from scipy.sparse.linalg import LinearOperator

    operator = LinearOperator(
        matrix.shape, matvec=lambda vector: blas.dsymv(1.0, matrix, vector, lower=1), dtype=np.float64
    )
    start = np.sqrt(np.diagonal(matrix))
    return float(eigsh(operator, k=1, which="LA", v0=start, return_eigenvectors=False)[0])


def _all_above(matrix: NDArray[Any], bound: float) -> bool:
    """Return whether every eigenvalue is above the bound."""
    shifted = matrix.copy(order="F")
    shifted[np.diag_indices_from(shifted)] -= bound
    return int(lapack.dpotrf(shifted, lower=1, overwrite_a=1)[1]) == 0
