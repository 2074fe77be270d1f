"""The joint step by SciPy's nonlinear conjugate gradients (Polak-Ribiere+), with the statuses of the package.

SciPy minimises J over the flat variable of `joint.py`, vectors in units of the problem (`gauges.py`). Its end
is mapped to the gauge-fixed representative (Y = X / L) and evaluated there. Under a gauge the variables only
ever grow, and with them the gradient shrinks, so that SciPy may stop a little above gtol at the
representative: then the descent goes on from there, within max_iter.

    success             -> converged     maximum of iterations -> max_iter     precision loss -> stalled
    not finite          -> non_finite, with the last finite point             `bounds.py`     -> unbounded

Source: Nocedal & Wright, Numerical Optimization (2006), section 5.2, as implemented by `scipy.optimize`.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from superpos.arrays import Float
from superpos.fits.bounds import EscapeCheck
from superpos.fits.joint import JointObjective, JointPoint
from superpos.fits.problem import JointProblem
from superpos.records.fits import JointFit, Status

# 99: our own callback stopped the run.
_STATUS = {
    0: Status.CONVERGED,
    1: Status.MAX_ITER,
    2: Status.STALLED,
    3: Status.NON_FINITE,
    99: Status.UNBOUNDED,
}


class _Watch:
    """Callback of one descent: keeps the last finite iterate and stops one that escapes."""

    def __init__(self, objective: JointObjective, check: EscapeCheck, start: Float) -> None:
        self.objective = objective
        self.check = check
        self.last = start
        self.escaped = False

    def __call__(self, intermediate_result: OptimizeResult) -> None:
        flat = intermediate_result.x
        if not (math.isfinite(intermediate_result.fun) and np.isfinite(flat).all()):
            return
        self.last = flat.copy()
        if self.check.is_idle:
            return
        vectors = self.objective.gauge.vectors(self.objective.unpack(flat)[0])
        self.escaped = self.check.too_long(vectors) or (
            self.check.needs_point(vectors) and self.check.falls_apart(self.objective.evaluate(flat))
        )
        if self.escaped:
            raise StopIteration


def run_cg(problem: JointProblem, start: Float, logits: Float, *, max_iter: int, gtol: float) -> JointFit:
    """Return the end of the joint step from `start` (n, f) and `logits` (n,)."""
    objective, check = JointObjective(problem), EscapeCheck(problem)
    with np.errstate(all="ignore"):
        flat = objective.pack(objective.gauge.variables(start), logits)
        nit = nfev = njev = 0
        while True:
            watch = _Watch(objective, check, flat)
            result = minimize(
                objective.loss_gradient,
                flat,
                jac=True,
                method="CG",
                callback=watch,
                options={"gtol": gtol, "maxiter": max_iter - nit},
            )
            nit, nfev, njev = nit + result.nit, nfev + result.nfev, njev + result.njev
            status, message = _STATUS[result.status], str(result.message)
            flat, point = _representative(objective, result.x)
            if not math.isfinite(point.fun) or not np.isfinite(point.gradient).all():
                flat, point = _representative(objective, watch.last)
                status, message = Status.NON_FINITE, "the objective is not finite; last finite iterate kept"
            gradient_norm = float(np.abs(point.gradient).max())
            if status is not Status.CONVERGED or gradient_norm <= gtol or result.nit == 0:
                break
            if nit >= max_iter:
                status, message = Status.MAX_ITER, "Maximum number of iterations has been exceeded."
                break
        if status is not Status.NON_FINITE:
            reason = check.has_escaped(point)
            if watch.escaped or reason:
                status = Status.UNBOUNDED
                message = reason or "the features drift apart; choose the gauge 'unit'"
    return JointFit(
        vectors=point.vectors,
        logits=objective.unpack(flat)[1].copy(),
        importance=point.importance,
        norms=np.linalg.norm(point.vectors, axis=1),
        similarities=point.similarities,
        start_radius=problem.radius,
        fun=point.fun,
        energy=point.energy,
        mismatch=point.mismatch,
        gradient_norm=gradient_norm,
        nit=nit,
        nfev=nfev,
        njev=njev,
        status=status,
        message=message,
    )


def _representative(objective: JointObjective, flat: Float) -> tuple[Float, JointPoint]:
    """Return the flat variable with Y = X / L, centred where a shift changes nothing, and J there."""
    variables, logits = objective.unpack(flat)
    vectors = objective.gauge.vectors(variables)
    if objective.problem.translation_invariant:
        vectors = vectors - vectors.mean(axis=0)
    flat = objective.pack(objective.gauge.variables(vectors), logits)
    return flat, objective.evaluate(flat)
