"""First and second order conditions at a point of the joint step, off the directions that J does not see.

With g and H of `joint_curvature.py` and D_i = sum_j |H_ij| (1 where that is 0):

    relative gradient   ||g||_inf / max(F, 1/100),  F = largest sum of absolute pair forces on a row
    B = D^(-1/2) H D^(-1/2) + Z Z^T,    Z an orthonormal basis of D^(1/2) times the flat directions

B has eigenvalue 1 along rotations, normals of the manifold and a common shift, and elsewhere the inertia of
H. Its rows are of one size, so one tolerance fits features that hardly count and the heaviest one.

    not_critical   relative gradient above 1e-6          strict       all eigenvalues above 1e-6
    saddle         an eigenvalue below -1e-6             degenerate   neither

Strict is told by one Cholesky factorisation where the stiff Hessian, which lies above H only along the flat
directions, shows it; eigenvalues of B are computed where that fails.

Source: the conditions are Nocedal & Wright, Numerical Optimization (2006), section 2.1, on a manifold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf

from superpos.arrays import Float
from superpos.fits.joint_curvature import CurvedPoint, JointCurvature
from superpos.fits.joint_manifold import INDEPENDENT
from superpos.records.fits import Verdict

CRITICAL = 1e-6
"""Largest relative gradient of a critical point."""
SLACK = 1e-2
"""Pair forces below this are no measure: all of them may vanish where the target is matched exactly."""
CURVED = 1e-6
"""Size from which an eigenvalue of B counts."""


@dataclass(frozen=True, slots=True, eq=False)
class JointVerdict:
    """What is known of a point, and the way down from a saddle."""

    verdict: Verdict
    way_down: Float | None
    """Flat direction of most negative curvature, of length 1; None but at a saddle."""


def judge(curvature: JointCurvature, point: CurvedPoint) -> JointVerdict:
    """Return the verdict on a point."""
    if not point.is_finite:
        return JointVerdict(Verdict.NOT_APPLICABLE, None)
    if not float(np.abs(point.gradient).max()) <= CRITICAL * max(point.force, SLACK):
        return JointVerdict(Verdict.NOT_CRITICAL, None)
    sizes = np.abs(point.hessian).sum(axis=1)
    roots = np.sqrt(np.where(sizes > 0.0, sizes, 1.0))
    scale = np.outer(roots, roots)
    shifted = point.stiff.T / scale  # which is symmetric: the same numbers, and in LAPACK's order
    shifted.ravel()[:: len(shifted) + 1] -= CURVED
    if dpotrf(shifted.T, lower=1, overwrite_a=1, clean=0)[1] == 0:
        return JointVerdict(Verdict.STRICT, None)
    columns = curvature.flat_directions(point.vectors, point.amplitudes)
    flat, values, _ = np.linalg.svd(roots[:, None] * columns, full_matrices=False)
    flat = flat[:, values > INDEPENDENT * values.max()]
    balanced = point.hessian / scale + flat @ flat.T
    eigenvalues, vectors = np.linalg.eigh(balanced)
    if eigenvalues[0] >= -CURVED:
        return JointVerdict(Verdict.DEGENERATE, None)
    way = vectors[:, 0] / roots
    return JointVerdict(Verdict.SADDLE, way / np.linalg.norm(way))
