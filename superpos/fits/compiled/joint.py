"""`fit_joint` on the compiled engine: the records and statuses of `superpos.fits.cg`."""

from __future__ import annotations

import math

import numpy as np

from superpos.arrays import Float
from superpos.fits.bounds import GROWTH, EscapeCheck
from superpos.fits.compiled.cg import CONVERGED, ESCAPED, MAX_ITER, NON_FINITE, STALLED, fit
from superpos.fits.compiled.joint_workspace import (
    ENERGY,
    ENERGY_SLOPE,
    MISMATCH,
    MISMATCH_SLOPE,
    SIMILARITIES,
    WEIGHTS,
    make_joint_workspace,
)
from superpos.fits.compiled.wolfe import NFEV, NJEV, X, make_line
from superpos.fits.joint import JointPoint
from superpos.fits.problem import JointProblem
from superpos.records.fits import JointFit, Status

_STATUS = {
    CONVERGED: (Status.CONVERGED, "Optimization terminated successfully."),
    MAX_ITER: (Status.MAX_ITER, "Maximum number of iterations has been exceeded."),
    STALLED: (
        Status.STALLED,
        "Desired error not necessarily achieved due to precision loss.",
    ),
    NON_FINITE: (Status.NON_FINITE, "the objective is not finite; last finite iterate kept"),
    ESCAPED: (Status.UNBOUNDED, "the features drift apart; choose the gauge 'unit'"),
}


def fit_joint_compiled(
    problem: JointProblem, start: Float, logits: Float, *, max_iter: int, gtol: float
) -> JointFit:
    """Return the end of the joint step from `start` (n, f) and `logits` (n,).

    Parameters
    ----------
    problem
        The joint problem; its fields are checked already.
    start, logits
        Vectors (n, f) and logits (n,) to start from.
    max_iter, gtol
        Most iterations; infinity norm of the gradient of the gauged problem at which to stop.

    Returns
    -------
    JointFit
        With the statuses and conventions of `superpos.fits.cg.run_cg`.
    """
    check = EscapeCheck(problem)
    workspace = make_joint_workspace(problem)
    line = make_line(workspace.pack(start / problem.length, logits))
    fun, norm, nit, ending, escaped = fit(
        workspace.memory,
        workspace.at,
        line.vectors,
        line.state,
        line.counts,
        _bounds(problem),
        gtol,
        max_iter,
    )
    status, message = _STATUS[ending]
    vectors = workspace.vectors()
    importance = workspace.array(WEIGHTS, problem.n).copy()
    similarities = workspace.matrix(SIMILARITIES)
    energy, mismatch = float(workspace.memory[ENERGY]), float(workspace.memory[MISMATCH])
    if status is not Status.NON_FINITE:
        point = JointPoint(
            vectors=vectors,
            importance=importance,
            similarities=similarities,
            fun=fun,
            energy=energy,
            mismatch=mismatch,
            gradient=np.empty(0),
            energy_slope=workspace.matrix(ENERGY_SLOPE),
            mismatch_slope=workspace.matrix(MISMATCH_SLOPE),
        )
        reason = check.has_escaped(point)
        if escaped or reason:
            status = Status.UNBOUNDED
            message = reason or _STATUS[ESCAPED][1]
    return JointFit(
        vectors=vectors,
        logits=workspace.logits(line.vector(X)),
        importance=importance,
        norms=np.linalg.norm(vectors, axis=1),
        similarities=similarities,
        start_radius=problem.radius,
        fun=fun,
        energy=energy,
        mismatch=mismatch,
        gradient_norm=norm,
        nit=nit,
        nfev=int(line.counts[NFEV]),
        njev=int(line.counts[NJEV]),
        status=status,
        message=message,
    )


def _bounds(problem: JointProblem) -> Float:
    """Return `LIMIT`, `WATCH` and `FAR` of `escape.py` for a problem, in its unit of length."""
    similarity, repels = problem.similarity_kind, problem.kernel.kind.grows_norms
    free, far = problem.gauge == "none", similarity.reach * problem.rbf_scale / problem.length**2
    limit = GROWTH if free and not problem.free_of_norms else math.inf
    bonds = free and not similarity.angular and repels
    return np.array([limit, 0.5 * math.sqrt(far) if bonds else math.inf, far])
