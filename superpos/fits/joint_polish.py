"""The end of the joint step, finished: damped Newton steps from where the conjugate gradients stopped.

    (H + c Z Z^T + mu I) p = -g,   mu = tau ||g||_2,   c = max_i |H_ii|,   Z the flat directions

    tau        up until the matrix is positive definite and ||p||_inf <= 1/2
    accepted   where J falls by at least 1 % of what the model says; tau / 5 above 75 %, 5 tau below 25 %
    end        ||g||_inf <= max(1e-8, 1e-12 F), F the largest sum of absolute pair forces on a row

g and H are those of `joint_curvature.py`: importance as squared amplitudes, vectors in units of length of the
problem, on the manifold of the gauge. mu goes to 0 with the gradient, so convergence is quadratic. Off a
critical point H along the orbit of rotations is of the size of g with either sign, which would ask for
damping of everything else; g has no part there, so a stiff orbit changes nothing but that. A decrease too
small to be read from J is taken from both gradients (trapezoidal rule). At a saddle the descent goes on along
the most negative curvature. X lies in at most n dimensions of R^f, and a minimum among them is one in R^f, so
f > n is polished in n dimensions.

A feature whose importance ends at 0 gets the logit of the share 1e-26: softmax knows no 0.

Source: Fan & Yuan, Computing 74 (2005), for the damping; Hager & Zhang, SIAM J. Optim. 16 (2005), for the
decrease from gradients.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from superpos.arrays import Float
from superpos.fits.bounds import EscapeCheck
from superpos.fits.joint import JointObjective
from superpos.fits.joint_certificate import JointVerdict, judge
from superpos.fits.joint_curvature import CurvedPoint, JointCurvature
from superpos.fits.problem import JointProblem
from superpos.fits.spheres import effective_features
from superpos.records.fits import JointFit, Status

GTOL = 1e-8
"""Infinity norm of the gradient at which the polish ends."""
ROUNDING = 1e-12
MAX_ITER = 200
LARGEST = 3000
"""Most variables: beyond, the dense Hessian no longer pays."""
LONGEST = 0.5
"""Largest component of a step, in units of length of the problem."""
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-6, 1e12
READABLE = 1e-9
"""Share of J below which a decrease is taken from gradients."""
ESCAPES = 10
"""Most saddles that are left."""
ESCAPE_STEP = 0.05
FLOOR = 1e-13
"""Smallest amplitude, as a share of the largest, that a logit stands for."""
COLLAPSED = 1.05
"""Effective features below which the importance lies on one feature (`corner`)."""


def finish_joint(problem: JointProblem, fit: JointFit, *, polish: bool, compiled: bool = True) -> JointFit:
    """Return the end of the conjugate gradients with its verdict, polished if asked for.

    Parameters
    ----------
    problem
        The joint problem.
    fit
        Where the conjugate gradients ended.
    polish
        Whether to go on to a critical point.
    compiled
        Whether derivatives are assembled by the compiled engine; the linear algebra is LAPACK's.

    Returns
    -------
    JointFit
        `fun_cg` is J where the conjugate gradients ended. Status: `converged` if they had converged,
        `polished` if the polish did what they did not, `corner` if the importance lies on one feature,
        `unbounded` if the end ran away; else what they ended with.
    """
    changes: dict[str, Any] = {"fun_cg": fit.fun}
    if fit.status in (Status.UNBOUNDED, Status.NON_FINITE) or problem.has_no_minimiser:
        return replace(fit, **changes)
    n, f = fit.vectors.shape
    if n * (min(n, f) + problem.learned) > LARGEST:
        return replace(fit, **changes, message=f"{fit.message} Too large to be polished or certified.")
    with np.errstate(all="ignore"):
        curvature, rows, basis = _in_few_dimensions(problem, fit.vectors, compiled=compiled)
        point = curvature.at(rows, np.sqrt(fit.importance))
        if polish and point.is_finite:
            point, found, steps = _descend(curvature, point)
            if point.fun <= fit.fun or steps == 0:
                changes |= _polished(problem, fit, point, basis, steps)
        else:
            found = judge(curvature, point)
    if effective_features(changes.get("importance", fit.importance)) < COLLAPSED:
        changes["status"] = Status.CORNER
        changes["message"] = "the importance lies on one feature: the energy holds no other apart"
    return replace(fit, **changes, verdict=found.verdict)


def _in_few_dimensions(
    problem: JointProblem, vectors: Float, *, compiled: bool
) -> tuple[JointCurvature, Float, Float | None]:
    """Return the problem in at most n dimensions, the vectors there, and the way back (n, f)."""
    n, f = vectors.shape
    if f <= n:
        return JointCurvature(problem, compiled=compiled), vectors, None
    basis = np.linalg.svd(vectors, full_matrices=False)[2]
    return JointCurvature(replace(problem, n_dims=n), compiled=compiled), vectors @ basis.T, basis


def _goal(point: CurvedPoint) -> float:
    return max(GTOL, ROUNDING * point.force)


def _is_critical(point: CurvedPoint) -> bool:
    return float(np.abs(point.gradient).max()) <= _goal(point)


def _descend(curvature: JointCurvature, point: CurvedPoint) -> tuple[CurvedPoint, JointVerdict, int]:
    """Return the end of the descent, its verdict and the number of steps."""
    damping, escapes = FIRST_DAMPING, 0
    for nit in range(MAX_ITER):
        if _is_critical(point):
            found = judge(curvature, point)
            if found.way_down is None or escapes == ESCAPES:
                return point, found, nit
            point, escapes = _beyond(curvature, point, found.way_down), escapes + 1
            damping = FIRST_DAMPING
            continue
        step, damping = _step(point, damping)
        if step is None:
            return point, judge(curvature, point), nit
        trial = curvature.moved(point, step)
        ratio = _ratio(point, trial, step, damping)
        if ratio > 0.75:
            damping = max(damping / 5.0, LEAST_DAMPING)
        elif not ratio >= 0.25:
            damping *= 5.0
        if ratio > 0.01:
            point = trial
    return point, judge(curvature, point), MAX_ITER


def _step(point: CurvedPoint, damping: float) -> tuple[Float | None, float]:
    """Return the damped Newton step and the damping that made it; None where no damping does."""
    gradient = point.gradient
    length = _length(gradient)
    while damping <= MOST_DAMPING:
        columns = point.stiff.T.copy()
        columns.ravel()[:: len(columns) + 1] += damping * length
        factor, info = dpotrf(columns.T, lower=1, overwrite_a=1, clean=0)
        if info == 0:
            step = dpotrs(factor, -gradient, lower=1)[0]
            if np.abs(step).max() <= LONGEST:
                return np.asarray(step), damping
        damping *= 5.0
    return None, damping


def _length(gradient: Float) -> float:
    """Return what `numpy.linalg.norm` does, to the bit."""
    return math.sqrt(gradient.dot(gradient))


def _ratio(point: CurvedPoint, trial: CurvedPoint, step: Float, damping: float) -> float:
    """Return the actual decrease over the predicted one; -1 where the trial point is not finite."""
    if not trial.is_finite:
        return -1.0
    # Of the stiff model, by the equation that the step solves.
    shift = damping * _length(point.gradient)
    predicted = -0.5 * float(point.gradient @ step) + 0.5 * shift * float(step @ step)
    actual = point.fun - trial.fun
    if abs(actual) < READABLE * max(abs(point.fun), abs(trial.fun)):
        actual = -0.5 * float((point.gradient + trial.gradient) @ step)
    return actual / predicted if predicted > 0.0 else -1.0


def _beyond(curvature: JointCurvature, point: CurvedPoint, way: Float) -> CurvedPoint:
    """Return the lower of the two points on either side of a saddle."""
    sides = [curvature.moved(point, sign * ESCAPE_STEP * way) for sign in (1.0, -1.0)]
    return min((side for side in sides if side.is_finite), key=lambda side: side.fun, default=point)


def _polished(
    problem: JointProblem, fit: JointFit, point: CurvedPoint, basis: Float | None, steps: int
) -> dict[str, Any]:
    """Return the fields of a polished point, evaluated by the objective of the conjugate gradients."""
    objective, check = JointObjective(problem), EscapeCheck(problem)
    vectors = point.vectors if basis is None else point.vectors @ basis
    if problem.translation_invariant:
        vectors = vectors - vectors.mean(axis=0)
    logits = np.zeros(problem.n)
    if problem.learned:
        sizes = np.abs(point.amplitudes)
        logits = 2.0 * np.log(np.maximum(sizes, FLOOR * sizes.max()))
        logits = logits - logits.mean()
    end = objective.evaluate(objective.pack(objective.gauge.variables(vectors), logits))
    status, message = fit.status, fit.message
    if _is_critical(point) and status is not Status.CONVERGED:
        status, message = Status.POLISHED, f"critical after {steps} Newton steps"
    reason = check.has_escaped(end)
    if reason:
        status, message = Status.UNBOUNDED, reason
    return {
        "vectors": end.vectors,
        "logits": logits,
        "importance": end.importance,
        "norms": np.linalg.norm(end.vectors, axis=1),
        "similarities": end.similarities,
        "fun": end.fun,
        "energy": end.energy,
        "mismatch": end.mismatch,
        "gradient_norm": float(np.abs(end.gradient).max()),
        "nit_polish": steps,
        "status": status,
        "message": message,
    }
