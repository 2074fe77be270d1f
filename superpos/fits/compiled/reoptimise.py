"""`reoptimise` by Powell's method on the compiled engine, with our statuses."""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.fits.bounds import norm_limit
from superpos.fits.compiled.powell import make_buffers, powell
from superpos.fits.compiled.sweeps import CONVERGED, ESCAPED, MAX_CALLS, MAX_SWEEPS, NON_FINITE, RAN_AWAY
from superpos.fits.compiled.workspace import ENERGY, ENERGY_START, GRADIENT, NORM_ERROR, make_workspace
from superpos.fits.powell import RUNAWAY, end_of_powell, escaped
from superpos.records.fits import Reoptimisation, Status
from superpos.specs.axes import Kernel

NO_LIMIT = np.iinfo(np.int64).max
CALLS = 1000
"""Evaluations a variable where no limit is named, as in SciPy."""

_ENDINGS = {
    CONVERGED: (Status.CONVERGED, "Optimization terminated successfully."),
    MAX_CALLS: (Status.MAX_ITER, "Maximum number of function evaluations has been exceeded."),
    MAX_SWEEPS: (Status.MAX_ITER, "Maximum number of iterations has been exceeded."),
    NON_FINITE: (Status.NON_FINITE, "the objective is not finite; last finite sweep kept"),
    RAN_AWAY: (Status.UNBOUNDED, "a line search ran beyond every norm"),
    ESCAPED: (Status.UNBOUNDED, ""),
}


def powell_compiled(
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
    """Return Powell's end, with the parameters and conventions of `superpos.fits.powell.run_powell`."""
    n, f = start.shape
    workspace = make_workspace(importance, norms, kernel, n_dims=f, lambda_x=lambda_x)
    limit = norm_limit(norms)
    sweeps, calls = (CALLS * n * f, CALLS * n * f) if max_iter is None else (max_iter, NO_LIMIT)
    flat = start.ravel().copy()
    numbers, counts = make_buffers(flat.size)
    _, nit, nfev, ending = powell(
        workspace.memory,
        workspace.at,
        flat,
        numbers,
        counts,
        xtol,
        ftol,
        sweeps,
        calls,
        limit,
        RUNAWAY * limit,
    )
    status, message = _ENDINGS[ending]
    vectors = flat.reshape(n, f)
    longest = float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors).max()))
    if status is not Status.NON_FINITE and longest > limit:
        status = Status.UNBOUNDED
        message = escaped(limit)
    memory = workspace.memory
    return end_of_powell(
        vectors,
        start,
        energy=float(memory[ENERGY]),
        energy_start=float(memory[ENERGY_START]),
        norm_error=float(memory[NORM_ERROR]),
        lambda_x=lambda_x,
        gradient=float(memory[GRADIENT]),
        nit=nit,
        nfev=nfev,
        status=status,
        message=message,
    )
