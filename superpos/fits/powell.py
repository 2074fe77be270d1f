"""The re-optimisation by SciPy's Powell method on energy plus norm penalty (`penalty.py`), with our statuses.

    success                    -> converged, or stalled if the relative gradient of its end, projected to the
                                  spheres, is above 1e-3: Powell gives up on the kinks of the penalty
    maximum of sweeps or calls -> max_iter
    not finite                 -> non_finite, with the last finite sweep
    a norm above 1,000 max n_i -> unbounded; looked at after each sweep, and inside a sweep at 10^6 max n_i,
    where
                                  a line search that finds no bracket would go on for thousands of calls

`max_iter` counts sweeps; None leaves SciPy's own limit of 1,000 calls a variable.

Source: Powell, Comput. J. 7 (1964), as implemented by `scipy.optimize`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from superpos.arrays import Float
from superpos.fits.bounds import norm_limit
from superpos.fits.kernels import energy_value
from superpos.fits.manifold import project
from superpos.fits.penalty import PenaltyObjective
from superpos.fits.spheres import relative_gradient
from superpos.records.fits import Reoptimisation, Status
from superpos.specs.axes import Kernel

STALLED = 1e-3
"""Relative gradient above which an end that SciPy calls converged is a stall."""
RUNAWAY = 1e3
"""Factor on the norm limit at which a sweep is broken off."""

# 99: our own callback stopped the run.
_STATUS = {
    0: Status.CONVERGED,
    1: Status.MAX_ITER,
    2: Status.MAX_ITER,
    3: Status.NON_FINITE,
    99: Status.UNBOUNDED,
}


class _EscapedError(Exception):
    """A line search ran to infinity; `flat` is where it was caught."""

    def __init__(self, flat: Float) -> None:
        super().__init__("escaped")
        self.flat = flat


class _Sweeps:
    """Objective and callback of one run: counts, breaks off what escapes, keeps the last finite sweep."""

    def __init__(self, objective: PenaltyObjective, start: Float) -> None:
        self.objective = objective
        self.limit = norm_limit(objective.norms)
        reach = RUNAWAY * self.limit
        self._square = reach * reach
        self.last = start
        self.nfev = 0
        self.nit = 0

    def __call__(self, flat: Float) -> float:
        self.nfev += 1
        if np.dot(flat, flat) > self._square:
            raise _EscapedError(flat.copy())
        return self.objective.loss(flat)

    def after_sweep(self, intermediate_result: OptimizeResult) -> None:
        self.nit += 1
        flat = intermediate_result.x
        if np.isfinite(flat).all() and math.isfinite(intermediate_result.fun):
            self.last = flat.copy()
            if self.has_escaped(flat):
                raise StopIteration

    def has_escaped(self, flat: Float) -> bool:
        return float(np.linalg.norm(flat.reshape(self.objective.shape), axis=1).max()) > self.limit


def run_powell(
    start: Float,
    importance: Float,
    norms: Float,
    kernel: Kernel,
    *,
    lambda_x: float,
    xtol: float,
    ftol: float,
    max_iter: int | None,
) -> Reoptimisation:
    """Return Powell's end from `start` (n, f) with w~ and n_i, both (n,), held."""
    objective = PenaltyObjective(importance, norms, kernel, n_dims=start.shape[1], lambda_x=lambda_x)
    sweeps = _Sweeps(objective, start.ravel())
    options: Any = {"xtol": xtol, "ftol": ftol}
    if max_iter is not None:
        options["maxiter"] = max_iter
    with np.errstate(all="ignore"):
        try:
            result = minimize(
                sweeps, start.ravel(), method="Powell", callback=sweeps.after_sweep, options=options
            )
        except _EscapedError as escape:
            flat, status = escape.flat, Status.UNBOUNDED
            message = "a line search ran beyond every norm"
        else:
            flat, status, message = np.asarray(result.x), _STATUS[result.status], str(result.message)
        if not (np.isfinite(flat).all() and math.isfinite(objective.loss(flat))):
            flat, status = sweeps.last, Status.NON_FINITE
            message = "the objective is not finite; last finite sweep kept"
        elif sweeps.has_escaped(flat):
            status = Status.UNBOUNDED
            message = escaped(sweeps.limit)
    vectors = flat.reshape(objective.shape).copy()
    energy = energy_value(vectors, importance, kernel)
    norm_error = float(np.abs(np.linalg.norm(vectors, axis=1) - norms).sum())
    return end_of_powell(
        vectors,
        start,
        energy=energy,
        energy_start=energy_value(start, importance, kernel),
        norm_error=norm_error,
        lambda_x=lambda_x,
        gradient=relative_gradient(project(vectors, norms), importance, kernel),
        nit=sweeps.nit,
        nfev=sweeps.nfev,
        status=status,
        message=message,
    )


def end_of_powell(
    vectors: Float,
    start: Float,
    *,
    energy: float,
    energy_start: float,
    norm_error: float,
    lambda_x: float,
    gradient: float,
    nit: int,
    nfev: int,
    status: Status,
    message: str,
) -> Reoptimisation:
    """Return the record of an end, on either back end; a converged one may turn out to be a stall.

    `gradient` is the relative gradient of its projection to the spheres.
    """
    if status is Status.CONVERGED and not gradient <= STALLED:
        status = Status.STALLED
        message = f"converged for Powell, but the relative gradient on the spheres is {gradient:.2g}"
    return Reoptimisation(
        vectors=vectors,
        start=start,
        fun=energy + lambda_x * norm_error,
        energy=energy,
        energy_start=energy_start,
        norm_error=norm_error,
        relative_gradient=gradient,
        nit=nit,
        nfev=nfev,
        njev=0,
        status=status,
        message=message,
    )


def escaped(limit: float) -> str:
    """Return the message of an end with a norm above the limit."""
    return f"a norm passed {limit:.3g}; raise lambda_x or use the manifold optimiser"
