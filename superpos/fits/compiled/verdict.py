"""The verdict on a point without its spectrum, where that can be had.

Above the critical relative gradient the verdict is fixed and no Hessian is made. Elsewhere a Cholesky
factorisation of the lifted Hessian (module `lift`) proves `strict`; where it fails, or where a row lies on no
sphere or coincides with another one, the answer is None and the spectrum decides. So the verdict is always
that of the spectrum. Rows that the energy does not see leave the Hessian, as they do there: under `log`
without its diagonal that is the rule, for the joint step takes importance from all but a few features.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from superpos.arrays import Float
from superpos.fits.certificate import CRITICAL, without_spectrum
from superpos.fits.compiled.lift import LARGEST_ENTRY, largest_entry, lift
from superpos.fits.compiled.manifold import assess_held
from superpos.fits.compiled.own_spheres import PARTLY_SEEN, SPECIAL, keep_seen, take
from superpos.fits.compiled.sphere_workspace import BLOCK, M, SphereWorkspace, describe
from superpos.fits.spheres import seen
from superpos.records.fits import Certificate, Verdict
from superpos.specs.axes import Kernel


class Quick(NamedTuple):
    """What is known of a point without a spectrum."""

    relative_gradient: float
    verdict: Verdict
    workspace: SphereWorkspace | None = None
    """Of the point evaluated in slot 0, where the energy sees every row."""
    units: Float | None = None
    """Its unit rows, (n, f)."""

    def certificate(self) -> Certificate:
        """Return the certificate of the point without its spectrum."""
        return without_spectrum(self.relative_gradient, self.verdict)

    def settles(self, spectrum: str) -> bool:
        """Whether it is all that is asked for with this choice of `superpos.fits.certificate.SPECTRA`."""
        return spectrum == "verdict" or (spectrum == "critical" and self.verdict is Verdict.NOT_CRITICAL)


def quick_verdict(vectors: Float, importance: Float, kernel: Kernel) -> Quick | None:
    """Return the verdict on `vectors` (n, f) under `importance` (n,), or None if it takes the spectrum.

    The vectors need no check: where one would refuse them the answer is None.
    """
    n, f = vectors.shape
    workspace = SphereWorkspace(*BLOCK.block(n, f))
    describe(workspace, kernel)
    units = np.empty(n * f)
    flat = np.ascontiguousarray(vectors).ravel()
    kind = take(flat, importance, kernel.softening**2, *workspace, units)
    if kind == SPECIAL:
        return None
    gradient = assess_held(workspace)
    if math.isnan(gradient):
        return None
    if kind == PARTLY_SEEN:
        kept = np.flatnonzero(seen(importance))
        fewer, fewer_units = SphereWorkspace(*BLOCK.block(kept.size, f)), np.empty(kept.size * f)
        keep_seen(*workspace, units, kept, *fewer, fewer_units)
        workspace, units = fewer, fewer_units
    rows = units.reshape(-1, f)
    stiffness = np.empty(int(workspace.at[M]))
    if not largest_entry(*workspace, stiffness) < LARGEST_ENTRY:
        return None
    if gradient > CRITICAL:
        return Quick(gradient, Verdict.NOT_CRITICAL)
    if not _is_strict(workspace, rows, stiffness):
        return None
    if kind == PARTLY_SEEN:
        return Quick(gradient, Verdict.STRICT)
    return Quick(gradient, Verdict.STRICT, workspace, rows)


def _is_strict(workspace: SphereWorkspace, units: Float, stiffness: Float) -> bool:
    """Whether the lifted Hessian of the point is positive definite."""
    n, f = units.shape
    outside = np.empty(n * n if f > n else 0)
    if f > n:
        # Coordinates within the span of the rows: QR of the transpose keeps lengths and angles.
        factor = lapack.dgeqrf(units.T)[0]
        units = np.tril(factor[:n].T)
    width = units.shape[1] - 1
    size = n * width
    matrix, buffers = np.empty(size * size), (np.empty(3 * n), np.empty(n * size), np.empty(n * n))
    lift(*workspace, units.ravel(), stiffness, *buffers, matrix, outside)
    return _is_definite(matrix, size) and (f <= n or _is_definite(outside, n))


def _is_definite(matrix: Float, size: int) -> bool:
    """Whether a symmetric matrix, flat and known right of its diagonal, has a Cholesky factor."""
    # By columns, as LAPACK reads it, the same numbers lie below the diagonal.
    _, info = lapack.dpotrf(matrix.reshape(size, size).T, lower=1, overwrite_a=1, clean=0)
    return bool(info == 0)
