"""Parity (a): SciPy's Powell, driving the engine's own evaluations, takes the engine's path to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from superpos.fits.compiled.powell import CONVERGED, MAX_CALLS, MAX_SWEEPS, NON_FINITE, make_buffers, powell
from superpos.specs.axes import Kernel

_STATUS = {0: CONVERGED, 1: MAX_CALLS, 2: MAX_SWEEPS, 3: NON_FINITE}
NO_LIMIT = 10**12


def _same(
    engine: Any, made: Any, make_again: Any, *, xtol: float = 1e-4, ftol: float = 1e-4, **limits: int
) -> Any:
    workspace, start, _, _ = made
    session = engine.lines(make_again()[0])
    result = engine.scipy_powell(session, start.ravel(), xtol=xtol, ftol=ftol, **limits)
    rows = start.ravel().copy()
    calls = 1000 * rows.size if not limits else limits.get("maxfev", NO_LIMIT)
    sweeps = 1000 * rows.size if not limits else limits.get("maxiter", NO_LIMIT)
    fun, nit, nfev, ending = powell(
        *workspace, rows, *make_buffers(rows.size), xtol, ftol, sweeps, calls, np.inf, np.inf
    )
    np.testing.assert_array_equal(rows, result.x)
    assert (fun, nit, nfev, ending) == (result.fun, result.nit, result.nfev, _STATUS[result.status])
    return session, result


@pytest.mark.parametrize("kernel", [index for index in range(13) if index != 8])  # riesz -2 is unbounded
@pytest.mark.parametrize(("n", "f"), [(5, 4), (9, 3)])
def test_every_kernel(engine: Any, reoptimisation: Any, kernel: int, n: int, f: int) -> None:
    def make() -> Any:
        return reoptimisation(10 * n + kernel, n, f, engine.kernels[kernel])

    session, result = _same(engine, make(), make)
    assert session.counts["coordinate"] > 100
    assert result.nfev == sum(session.counts.values())


@pytest.mark.parametrize("lambda_x", [0.01, 0.1, 100.0])
@pytest.mark.parametrize("energy", ["exp", "log"])
def test_replaced_directions(engine: Any, reoptimisation: Any, lambda_x: float, energy: str) -> None:
    def make() -> Any:
        return reoptimisation(3, 6, 3, Kernel(energy), lambda_x=lambda_x, sigma=0.5)

    session, result = _same(engine, make(), make, xtol=1e-6, ftol=1e-9)
    if lambda_x < 100.0:
        assert result.nit > 3
        assert session.counts["general"] > 100


@pytest.mark.parametrize("limits", [{"maxiter": 2}, {"maxfev": 700}, {"maxiter": 50, "maxfev": 1}])
def test_limits(engine: Any, reoptimisation: Any, limits: dict[str, int]) -> None:
    def make() -> Any:
        return reoptimisation(5, 5, 4, Kernel("log"), lambda_x=0.1)

    _, result = _same(engine, make(), make, ftol=1e-12, **limits)
    assert result.status in (1, 2)


@pytest.mark.parametrize(("s", "lambda_x"), [(-3.0, 1.0), (-2.0, 0.1), (-1.0, 0.0)])
def test_unbounded_problems_run_into_the_same_infinity(
    engine: Any, reoptimisation: Any, s: float, lambda_x: float
) -> None:
    def make() -> Any:
        return reoptimisation(7, 4, 3, Kernel("riesz", s), lambda_x=lambda_x)

    workspace, start, _, _ = make()
    result = engine.scipy_powell(engine.lines(make()[0]), start.ravel(), maxfev=3000)
    rows = start.ravel().copy()
    _, nit, nfev, _ = powell(
        *workspace, rows, *make_buffers(rows.size), 1e-4, 1e-4, NO_LIMIT, 3000, np.inf, np.inf
    )
    assert (nit, nfev) == (result.nit, result.nfev)
    assert not np.isfinite(result.x).all() or np.abs(result.x).max() > 1e6
