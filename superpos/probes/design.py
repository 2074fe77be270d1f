"""The design matrix Z1 = (Z, 1): samples as a solver sees them, scaled, centred, in few coordinates.

Scaler of the sparse-probing paper (Gurnee et al. 2023, Finding Neurons in a Haystack, section 4):

    scale_j = 10 max(std_j over training samples, 1e-3),   x~ = x / scale  (not centred),   w = w~ / scale

The intercept is not penalised, so probes of x~ - m are those of x~ with intercept b - w~ . m, for every m.
For m the mean, curvature hardly couples intercept and coefficients.

With fewer samples than dimensions, w~ lies in the span of the samples (the penalty |w~|^2 rewards nothing
outside of it): with K = X~ X~^T = L L^T the problem over v = L^-1 X~ w~ with samples L is the same one, and
w~ = X~^T L^-T v. So Z is X~ - m, or triangular L with n columns in place of d. It is formed from blocks of
columns, so that the scaled samples are never held in memory. To K a ridge of `RIDGE` times its trace is
added, as if every sample had a dimension of its own of that tiny variance: samples may repeat, and then K has
no inverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack, solve_triangular

from superpos.arrays import Float, Int

STD_FLOOR = 1e-3
"""Smallest standard deviation the scaler believes."""
STD_MULTIPLE = 10.0
RIDGE = 1e-14
"""Ridge of the Gram matrix over its trace."""
BLOCK_BYTES = 2**25
"""Size of the blocks in which activations are read."""


@dataclass(frozen=True, slots=True, eq=False)
class ScaledSamples:
    """Training samples of some features, scaled and centred block by block."""

    X: NDArray[Any]
    """Activations of all samples, (N, d)."""
    rows: Int
    """The training samples among them, (n,)."""
    scale: Float
    """What activations are divided by, (d,)."""
    mean: Float
    """Mean of the scaled training samples, (d,)."""

    def block(self, columns: slice) -> Float:
        """Return columns of the scaled, centred samples, (n, width of the block)."""
        values = self.X[self.rows, columns].astype(np.float64)
        values /= self.scale[columns]
        values -= self.mean[columns]
        return values

    def blocks(self) -> list[slice]:
        """Return the columns of each block."""
        return _blocks(len(self.rows), self.X.shape[1])

    def combine(self, shares: Float) -> Float:
        """Return combinations of the scaled, centred samples, (d, k), from shares (n, k)."""
        combined = np.empty((self.X.shape[1], shares.shape[1]))
        for columns in self.blocks():
            combined[columns] = (shares.T @ self.block(columns)).T
        return combined

    def uncentre(self, coef: Float, intercept: Float) -> Float:
        """Return coefficients and intercept on the scaled samples, (k, d + 1), from (d, k) and (k,)."""
        theta = np.empty((coef.shape[1], coef.shape[0] + 1))
        theta[:, :-1] = coef.T
        theta[:, -1] = intercept - self.mean @ coef
        return theta

    def scores(self, theta: Float, rows: Int) -> Float:
        """Return x . w + b of samples, (len(rows), k), for coefficients on the scaled samples (k, d + 1)."""
        raw = (theta[:, :-1] / self.scale).T
        scores = np.empty((len(rows), theta.shape[0]))
        for part in _blocks(self.X.shape[1], len(rows)):
            scores[part] = self.X[rows[part]].astype(np.float64) @ raw + theta[:, -1]
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Coordinates of the samples."""

    samples: ScaledSamples
    Z1: Float
    """Design matrix: coordinates of the samples and a column of ones, (n, r + 1), r = d or n."""

    @property
    def Z(self) -> Float:  # noqa: N802 - Z is the symbol
        """Return the coordinates alone, (n, r)."""
        return self.Z1[:, :-1]

    @property
    def reduced(self) -> bool:
        """Whether the coordinates are those in the span of the samples."""
        return bool(self.Z1.shape[1] - 1 != self.samples.X.shape[1])

    @property
    def offset(self) -> float:
        """Return the norm of the mean."""
        return float(np.linalg.norm(self.samples.mean))

    @property
    def mean(self) -> Float | None:
        """Return the mean in these coordinates, (d,); None where it is beyond them."""
        return None if self.reduced else self.samples.mean

    def lift(self, theta: Float) -> Float:
        """Return coefficients and intercept on the scaled samples, (k, d + 1), from (r + 1, k)."""
        return self.samples.uncentre(self.span(theta[:-1]), theta[-1])

    def span(self, coordinates: Float) -> Float:
        """Return the vectors with these coordinates, (r, k) to (d, k)."""
        if not self.reduced:
            return coordinates
        shares = solve_triangular(self.Z, coordinates, trans="T", lower=True, check_finite=False)
        return self.samples.combine(shares)


@dataclass(slots=True, eq=False)
class Designs:
    """Coordinates of some samples, the last ones that were asked for kept: two are too large."""

    samples: ScaledSamples
    _last: Design | None = None
    _reduce: bool = False

    def make(self, *, reduce: bool = True) -> Design:
        """Return what `make_design` makes of the samples."""
        if self._last is None or self._reduce != reduce:
            self._last = None
            self._last, self._reduce = make_design(self.samples, reduce=reduce), reduce
        return self._last


def scale_samples(X: NDArray[Any], rows: Int, scaler: str) -> ScaledSamples:
    """Return the training samples `rows` of activations (N, d), scaled as in `ProbeSettings.scaler`."""
    n, d = len(rows), X.shape[1]
    scale, mean = np.ones(d), np.empty(d)
    for columns in _blocks(n, d):
        values = X[rows, columns].astype(np.float64)
        if scaler != "none":
            scale[columns] = scaler_scale(values)
        mean[columns] = (values / scale[columns]).mean(axis=0)
    return ScaledSamples(X, rows, scale, mean)


def make_design(samples: ScaledSamples, *, reduce: bool = True) -> Design:
    """Return the coordinates of the samples, in their span if that is smaller and `reduce` asks for it."""
    n, d = len(samples.rows), samples.X.shape[1]
    reduced = reduce and n < d
    Z1 = np.ones((n, (n if reduced else d) + 1))
    if reduced:
        Z1[:, :-1] = _triangle(samples)
    else:
        for columns in samples.blocks():
            Z1[:, columns] = samples.block(columns)
    return Design(samples, Z1)


def gram_matrix(samples: ScaledSamples) -> NDArray[Any]:
    """Return the lower triangle of the scaled, centred samples' Gram matrix, (n, n), Fortran order."""
    gram: Any = np.zeros((len(samples.rows), len(samples.rows)), order="F")
    for columns in samples.blocks():
        # The transpose of a C-ordered block is the Fortran-ordered matrix that BLAS takes without a copy.
        block = samples.block(columns).T
        gram = blas.dsyrk(1.0, block, beta=1.0, c=gram, trans=1, lower=1, overwrite_c=1)
    return np.asarray(gram)


def scaler_scale(values: Float) -> Float:
    """Return what columns of activations (n, d) are divided by, (d,): 10 max(std, 1e-3)."""
    scale: Float = STD_MULTIPLE * np.maximum(values.std(axis=0), STD_FLOOR)
    return scale


def _triangle(samples: ScaledSamples) -> Float:
    """Return L, (n, n) lower triangular, with L L^T the Gram matrix and a tiny ridge."""
    gram = gram_matrix(samples)
    diagonal = np.arange(len(gram))
    plain = gram[diagonal, diagonal].copy()
    ridge = max(RIDGE * float(plain.sum()), float(np.finfo(np.float64).tiny))
    while True:
        gram[diagonal, diagonal] = plain + ridge
        triangle, failed = lapack.dpotrf(gram, lower=1, clean=1)
        if failed == 0:
            return np.asarray(triangle)
        ridge *= 10.0


def _blocks(height: int, width: int) -> list[slice]:
    """Return slices of `width` such that a float64 block of that height is of moderate size."""
    size = max(1, BLOCK_BYTES // (8 * max(height, 1)))
    return [slice(start, min(start + size, width)) for start in range(0, width, size)]
