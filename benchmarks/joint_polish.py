"""The polish of the joint step beside SciPy's `trust-exact`, from the same ends of the conjugate gradients.

    python -m benchmarks.joint_polish [--problems P]

SciPy minimises the same objective over logits with our gradient and a Hessian from its differences; it is
given 1e-8 as well. Times are CPU seconds of the process on one thread; medians, quartiles in brackets.
Reached: share of problems whose gradient (the largest component, over logits) ends below 1e-8.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import approx_fprime, minimize
from threadpoolctl import threadpool_limits

from superpos.arrays import Float
from superpos.fits import fit_joint
from superpos.fits.joint import JointObjective
from superpos.fits.joint_polish import finish_joint
from superpos.fits.problem import JointProblem
from superpos.psms import cosine, rbf
from superpos.records.fits import JointFit, Status
from superpos.specs.axes import Kernel

SIZES = [(5, 4), (11, 6), (11, 10), (11, 16), (21, 20)]
KERNELS = [Kernel("exp"), Kernel("log"), Kernel("riesz", 1.0, "include", 0.1)]
GTOL = 1e-8


def problem_of(
    n: int, n_dims: int, kernel: Kernel, similarity: str, seed: int
) -> tuple[JointProblem, JointFit]:
    """Return a problem of a random target and the end of its conjugate gradients."""
    rows = np.random.default_rng(seed).standard_normal((n, 40))
    scale = float(np.median(((rows[:, None] - rows) ** 2).sum(axis=-1)[np.triu_indices(n, 1)]))
    target = cosine(rows) if similarity == "cosine" else rbf(rows, scale=scale)
    gauge = "unit" if similarity == "cosine" else "none"
    fit = fit_joint(
        target, similarity, kernel.energy, kernel.s, n_dims, seed=seed, rbf_scale=scale,
        self_energy=kernel.self_energy, softening=kernel.softening, gauge=gauge, max_iter=500,
        joint_polish=False,
    )  # fmt: skip
    problem = JointProblem(target, kernel, n_dims, 100.0, similarity, scale, gauge, True, fit.start_radius)
    return problem, fit


def by_scipy(problem: JointProblem, fit: JointFit) -> float:
    """Return the gradient that `trust-exact` reaches."""
    objective = JointObjective(problem)
    flat = objective.pack(objective.gauge.variables(fit.vectors), fit.logits)

    def hessian(x: Float) -> Float:
        slopes = approx_fprime(x, objective.gradient, 1e-6)
        return np.asarray(0.5 * (slopes + slopes.T))

    end = minimize(
        objective.loss, flat, jac=objective.gradient, hess=hessian, method="trust-exact",
        options={"gtol": GTOL, "maxiter": 200},
    )  # fmt: skip
    return float(np.abs(end.jac).max())


def cpu(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return 1e3 * (time.process_time() - start), result


def spread(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.1f} [{low:.1f}, {high:.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--problems", type=int, default=8, help="problems of each kind")
    options = parser.parse_args()
    print(
        "| n, f | similarity | kernel | converged before | steps | polish, ms | reached "
        "| trust-exact, ms | reached | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for n, n_dims in SIZES:
        for similarity in ("cosine", "rbf"):
            for kernel in KERNELS:
                ours, theirs, steps, reached, scipy_reached, before = [], [], [], 0, 0, 0
                for seed in range(options.problems):
                    problem, fit = problem_of(n, n_dims, kernel, similarity, seed)
                    finish_joint(problem, fit, polish=True)
                    milliseconds, end = cpu(lambda p=problem, f=fit: finish_joint(p, f, polish=True))
                    ours.append(milliseconds)
                    steps.append(float(end.nit_polish))
                    reached += end.gradient_norm <= GTOL
                    before += fit.status is Status.CONVERGED
                    if n <= 11:
                        milliseconds, gradient = cpu(lambda p=problem, f=fit: by_scipy(p, f))
                        theirs.append(milliseconds)
                        scipy_reached += gradient <= GTOL
                shares = [
                    f"{100 * count / options.problems:.0f} %" for count in (before, reached, scipy_reached)
                ]
                other = (
                    [
                        spread(theirs),
                        shares[2],
                        f"{statistics.median(b / a for a, b in zip(ours, theirs, strict=True)):.0f}",
                    ]
                    if theirs
                    else ["", "", ""]
                )
                cells = [
                    f"{n}, {n_dims}",
                    similarity,
                    kernel.label,
                    shares[0],
                    f"{statistics.median(steps):.0f}",
                ]
                print("| " + " | ".join([*cells, spread(ours), shares[1], *other]) + " |")


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
