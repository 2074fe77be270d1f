"""Results of the joint step, of the re-optimisation and of the certificate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from superpos.arrays import Float
from superpos.records.travelling import Travelling


class Status(StrEnum):
    """How an optimisation ended; every one is a result (a cell without a result is a `cell_failures` row)."""

    CONVERGED = "converged"
    POLISHED = "polished"
    """The conjugate gradients of the joint step did not converge, the polish after them did."""
    CORNER = "corner"
    """The importance of the joint step lies on one feature, where the energy says nothing of the others."""
    MAX_ITER = "max_iter"
    UNBOUNDED = "unbounded"
    NON_FINITE = "non_finite"
    STALLED = "stalled"


USABLE = (Status.CONVERGED, Status.POLISHED, Status.MAX_ITER, Status.STALLED)
"""Statuses of a row that best matches may choose (`docs/science.md`, "Statuses")."""


class Verdict(StrEnum):
    """What the certificate says of a point on the product of spheres."""

    STRICT = "strict"
    DEGENERATE = "degenerate"
    SADDLE = "saddle"
    NOT_CRITICAL = "not_critical"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, eq=False)
class JointFit(Travelling):
    """End of the joint step over vectors and logits."""

    vectors: Float
    """Optimal features X, (n, f); centred under `rbf` with a translation-invariant energy.

    See `docs/science.md`, "Start of the joint step".
    """
    logits: Float
    """Importance logits w, (n,)."""
    importance: Float
    """softmax(logits), (n,)."""
    norms: Float
    """Norms of the vectors, (n,)."""
    similarities: Float
    """Optimal PSM, the similarities of `vectors`, (n, n)."""
    start_radius: float
    """Radius of the sphere the rows started on."""
    fun: float
    """energy + lambda_d * mismatch."""
    energy: float
    """sum_ij K(x_i, x_j) importance_i importance_j."""
    mismatch: float
    """sum_ij (similarity_ij - target_ij)^2."""
    gradient_norm: float
    """Infinity norm of the gradient of the gauged problem, over logits and scaled vectors."""
    nit: int
    nfev: int
    njev: int
    status: Status
    message: str
    fun_cg: float = math.nan
    """`fun` where the conjugate gradients ended, before the polish."""
    nit_polish: int = 0
    """Newton steps of the polish."""
    verdict: Verdict = Verdict.NOT_APPLICABLE
    """First and second order conditions of the joint step at the end."""


@dataclass(frozen=True, slots=True, eq=False)
class Reoptimisation:
    """End of the re-optimisation over vectors, importance and norms held."""

    vectors: Float
    """Final features, (n, f)."""
    start: Float
    """Perturbed start, (n, f)."""
    fun: float
    """energy plus, for Powell, lambda_x * norm_error."""
    energy: float
    energy_start: float
    norm_error: float
    """sum_i | ||x_i|| - n_i | at the end."""
    relative_gradient: float
    """Largest row gradient on the product of spheres, scaled as in the certificate; NaN if undefined."""
    nit: int
    nfev: int
    njev: int
    status: Status
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """First and second order conditions on the product of spheres through the rows of a point."""

    relative_gradient: float
    """max_i ||P_i grad_i E|| over the sum of absolute pair forces on row i; NaN if not applicable."""
    eigenvalues: Float
    """Eigenvalues of the scaled Riemannian Hessian off the rotation orbit, ascending; empty where none were
    asked for."""
    min_eigenvalue: float
    """Smallest of the eigenvalues; 0 where the rounding of the largest hides it; NaN where there are none."""
    n_negative: int | None
    """Negative eigenvalues after balancing; None off critical points, where coordinates decide, and where
    they were not counted."""
    n_zero: int | None
    """Zero eigenvalues, likewise."""
    rank: int | None
    """Rank r of X; the rotation orbit has dimension r (2 f - r - 1) / 2. None where it was not asked for."""
    verdict: Verdict

    @property
    def is_local_minimum(self) -> bool:
        """Whether the point is a strict or a degenerate local minimum."""
        return self.verdict in (Verdict.STRICT, Verdict.DEGENERATE)
