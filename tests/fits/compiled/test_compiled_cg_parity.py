"""Parity (a): SciPy's conjugate gradients on the engine's objective take the engine's path to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from superpos.fits.compiled.cg import CONVERGED, MAX_ITER, STALLED, fit
from superpos.fits.compiled.joint_workspace import make_joint_workspace
from superpos.fits.compiled.wolfe import LAST, NFEV, NJEV, make_line
from superpos.fits.problem import JointProblem
from superpos.specs.axes import Kernel

_STATUS = {0: CONVERGED, 1: MAX_ITER, 2: STALLED}
FREE = np.array([np.inf, np.inf, np.inf])


def _problem(
    seed: int, n: int, f: int, kernel: Kernel, similarity: str, gauge: str, *, learned: bool
) -> JointProblem:
    rng = np.random.default_rng(seed)
    target = np.corrcoef(rng.standard_normal((n, 30)) + 0.5 * rng.standard_normal(30))
    if similarity == "rbf":
        target = np.exp(2.0 * (target - 1.0))
    return JointProblem(target, kernel, f, 20.0, similarity, 1.5, gauge, learned, 1.0)


def _same(engine: Any, problem: JointProblem, seed: int, *, gtol: float = 1e-5, max_iter: int = 400) -> int:
    rng = np.random.default_rng(seed)
    start = rng.standard_normal((problem.n, problem.n_dims))
    workspace, again = make_joint_workspace(problem), make_joint_workspace(problem)
    flat = workspace.pack(start, np.zeros(problem.n))
    result = engine.scipy_cg(again, flat, gtol=gtol, maxiter=max_iter)
    line = make_line(flat)
    _, _, nit, ending, _ = fit(*workspace, *line, FREE, gtol, max_iter)
    if nit > result.nit:
        # Under a gauge the descent goes on from the representative: the first part is SciPy's.
        line = make_line(flat)
        _, _, nit, _, _ = fit(*make_joint_workspace(problem), *line, FREE, gtol, result.nit)
        ending = CONVERGED
    np.testing.assert_array_equal(line.vector(LAST), result.x)
    assert (nit, line.counts[NFEV], line.counts[NJEV]) == (result.nit, result.nfev, result.njev)
    assert ending == _STATUS[result.status]
    return int(result.status)


@pytest.mark.parametrize("kernel", range(13))
@pytest.mark.parametrize(
    ("similarity", "gauge"), [("cosine", "unit"), ("cosine", "none"), ("rbf", "none"), ("rbf", "mean_norm")]
)
def test_every_kernel_similarity_and_gauge(engine: Any, kernel: int, similarity: str, gauge: str) -> None:
    problem = _problem(kernel, 6, 4, engine.kernels[kernel], similarity, gauge, learned=kernel % 2 == 0)
    _same(engine, problem, kernel)


def test_runs_that_end_in_the_second_line_search(engine: Any) -> None:
    """A tolerance below rounding: the first search fails at the end, the second too, and the run is
    stalled."""
    endings = [
        _same(
            engine,
            _problem(seed, 5, 4, Kernel("exp"), "cosine", "unit", learned=True),
            seed,
            gtol=1e-14,
            max_iter=4000,
        )
        for seed in range(6)
    ]
    assert endings.count(2) >= 3


def test_random_problems_of_eleven_features(engine: Any) -> None:
    for seed in range(6):
        problem = _problem(seed, 11, 10, engine.kernels[seed], "cosine", "unit", learned=True)
        _same(engine, problem, seed, max_iter=150)
