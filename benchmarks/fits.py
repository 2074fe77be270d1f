"""The compiled engine beside SciPy: same problems, same run, one thread.

    python -m benchmarks.fits [--quick] [--repeats R] [--cold]

SciPy minimises a vectorised NumPy objective (`superpos.fits.penalty`, `superpos.fits.joint`), which the suite
tests beside plain loops. Every pair of runs starts from the same point; times are CPU seconds of the process,
since other processes share the machine, and ratios are taken pair by pair. Large sizes are cut to a few
sweeps or iterations, the same for both sides. Tables are Markdown: median, and the quartiles in brackets.
"""

from __future__ import annotations

# B023 is silenced where a timed lambda uses a loop variable: it is called within the same turn.
import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import scipy
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from benchmarks.throughput import nanoseconds_per_pair
from superpos.arrays import Float
from superpos.fits.certificate import certify_point
from superpos.fits.cg import run_cg
from superpos.fits.compiled import (
    certify_compiled,
    fit_joint_compiled,
    minimise_on_spheres_compiled,
    powell_compiled,
    warm_up,
)
from superpos.fits.joint import JointObjective
from superpos.fits.manifold import minimise_on_spheres
from superpos.fits.powell import run_powell
from superpos.fits.problem import JointProblem
from superpos.seeding import generator
from superpos.specs.axes import Kernel

SIZES = [(5, 4), (5, 10), (11, 10), (11, 20), (11, 50), (21, 20), (45, 30)]
QUICK_SIZES = [(5, 4), (11, 10), (11, 50)]
KERNELS = [
    Kernel("exp"),
    Kernel("log"),
    Kernel("riesz", 1.0),
    Kernel("riesz", 2.0),
    Kernel("riesz", -1.0),
    Kernel("riesz", 3.0),
]
QUICK_KERNELS = KERNELS[:3]
SWEEPS = {(11, 50): 2, (21, 20): 2, (45, 30): 1}
"""Powell's sweeps at sizes where SciPy would take minutes; elsewhere no limit."""


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def best(function: Callable[[], Any], seconds: float = 0.02) -> tuple[float, Any]:
    """Repeat a short call until so much time has gone; return the mean time and the last result."""
    total, calls, result = 0.0, 0, None
    while total < seconds and calls < 1000:
        spent, result = timed(function)
        total, calls = total + spent, calls + 1
    return total / calls, result


def spread(values: list[float], digits: int = 0) -> str:
    """Return the median with the quartiles in brackets."""
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{statistics.median(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def row(*cells: Any) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*cells: str) -> None:
    row(*cells)
    row(*("---" for _ in cells))


def problems(n: int, f: int, repeats: int) -> Iterator[tuple[Float, Float, Float, Float, Float]]:
    """Yield importance, norms, perturbed start, cosine target and RBF target."""
    for repeat in range(repeats):
        rng = generator("analysis", name=f"benchmark {n} {f}", replicate=repeat)
        vectors = rng.standard_normal((n, f))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        weights = rng.dirichlet(np.full(n, 5.0))
        start = vectors + 0.1 * rng.standard_normal((n, f))
        target = np.asarray(np.corrcoef(rng.standard_normal((n, 40)) + 0.4 * rng.standard_normal(40)))
        yield weights, np.ones(n), start, target, np.asarray(np.exp(target - 1.0))


def bench_powell(sizes: list[tuple[int, int]], kernels: list[Kernel], repeats: int) -> None:
    print("\n## Powell, lambda_x = 1\n")
    header(
        "n, f",
        "kernel",
        "SciPy ms",
        "compiled ms",
        "ratio",
        "ratio per evaluation",
        "ns per evaluation",
        "sweeps",
    )
    ratios: list[float] = []
    for n, f in sizes:
        count = repeats if n * f <= 250 else max(1, repeats // 3)
        for kernel in kernels:
            found: list[tuple[float, ...]] = []
            for weights, norms, start, _, _ in problems(n, f, count):
                options: dict[str, Any] = {
                    "lambda_x": 1.0,
                    "xtol": 1e-4,
                    "ftol": 1e-4,
                    "max_iter": SWEEPS.get((n, f)),
                }

                def ours(w: Float = weights, m: Float = norms, x: Float = start, k: Kernel = kernel) -> Any:
                    return powell_compiled(x, w, m, k, **options)  # noqa: B023

                fast, end = best(ours)
                slow, reference = timed(lambda: run_powell(start, weights, norms, kernel, **options))  # noqa: B023
                each = (slow / reference.nfev) / (fast / end.nfev)
                found.append((slow, fast, slow / fast, each, fast / end.nfev, end.nit))
            columns = [list(column) for column in zip(*found, strict=True)]
            ratios.append(statistics.median(columns[2]))
            row(
                f"{n}, {f}",
                kernel.label,
                spread([1e3 * value for value in columns[0]]),
                spread([1e3 * value for value in columns[1]], 2),
                spread(columns[2]),
                spread(columns[3]),
                spread([1e9 * value for value in columns[4]]),
                spread(columns[5]),
            )
    print(f"\nMedian over the table: **{statistics.median(ratios):.0f}x**, least {min(ratios):.0f}x.")


def bench_cg(sizes: list[tuple[int, int]], kernels: list[Kernel], repeats: int) -> None:
    print("\n## Conjugate gradients, lambda_d = 100, learned importance\n")
    header(
        "n, f", "kernel", "problem", "SciPy ms", "compiled ms", "ratio", "ratio per evaluation",
        "us per evaluation", "with finite differences, per iteration",
    )  # fmt: skip
    for n, f in sizes:
        iterations = 500 if n * f <= 250 else 100
        for kernel in kernels:
            for similarity, gauge in (("cosine", "unit"), ("rbf", "none")):
                found = []
                for repeat, (_, _, start, target, near) in enumerate(problems(n, f, max(1, repeats // 2))):
                    psm = target if similarity == "cosine" else near
                    problem = JointProblem(psm, kernel, f, 100.0, similarity, 2.0, gauge, True, 1.0)
                    options = {"max_iter": iterations, "gtol": 1e-5}

                    def ours(p: JointProblem = problem, x: Float = start) -> Any:
                        return fit_joint_compiled(p, x, np.zeros(p.n), **options)  # type: ignore[arg-type]  # noqa: B023

                    fast, end = best(ours)
                    slow, reference = timed(lambda: run_cg(problem, start, np.zeros(n), **options))  # type: ignore[arg-type]  # noqa: B023
                    each = (slow / reference.nfev) / (fast / end.nfev)
                    differences = (
                        finite_differences(problem, start) / (fast / end.nit) if repeat == 0 else None
                    )
                    found.append((slow, fast, slow / fast, each, fast / end.nfev, differences))
                columns = [list(column) for column in zip(*found, strict=True)]
                row(
                    f"{n}, {f}",
                    kernel.label,
                    f"{similarity}, {gauge}",
                    spread([1e3 * value for value in columns[0]]),
                    spread([1e3 * value for value in columns[1]], 2),
                    spread(columns[2]),
                    spread(columns[3]),
                    spread([1e6 * value for value in columns[4]], 2),
                    f"{columns[5][0]:.0f}",
                )


def finite_differences(problem: JointProblem, start: Float) -> float:
    """Return SciPy's seconds per iteration with its default gradient."""
    objective = JointObjective(problem)
    flat = objective.pack(start, np.zeros(problem.n))
    spent, result = timed(lambda: minimize(objective.loss, flat, method="CG", options={"maxiter": 4}))
    return spent / max(1, int(result.nit))


def bench_spheres(sizes: list[tuple[int, int]], kernels: list[Kernel], repeats: int) -> None:
    print("\n## Exact-norm optimiser and certificate\n")
    header(
        "n, f", "kernel", "NumPy ms", "compiled ms", "ratio", "steps", "certificate: NumPy ms", "compiled ms"
    )
    for n, f in sizes:
        for kernel in kernels:
            found = []
            for weights, norms, start, _, _ in problems(n, f, max(1, repeats // 2)):
                fast, end = best(lambda: minimise_on_spheres_compiled(start, weights, norms, kernel))  # noqa: B023
                slow, _ = timed(lambda: minimise_on_spheres(start, weights, norms, kernel))  # noqa: B023
                quick, _ = best(lambda: certify_compiled(end.vectors, weights, kernel))  # noqa: B023
                plain = timed(lambda: certify_point(end.vectors, weights, kernel))[0]  # noqa: B023
                found.append((slow, fast, slow / fast, end.nit, plain, quick))
            columns = [list(column) for column in zip(*found, strict=True)]
            row(
                f"{n}, {f}",
                kernel.label,
                spread([1e3 * value for value in columns[0]], 1),
                spread([1e3 * value for value in columns[1]], 2),
                spread(columns[2], 1),
                spread(columns[3]),
                spread([1e3 * value for value in columns[4]], 2),
                spread([1e3 * value for value in columns[5]], 2),
            )


def bench_hardware(kernels: list[Kernel]) -> None:
    print("\n## Kernel loops on their own\n")
    header("kernel", "ns a pair, 4096 pairs", "ns a pair, 16 pairs")
    for kernel in kernels:
        row(kernel.label, *(f"{nanoseconds_per_pair(kernel, pairs):.2f}" for pairs in (4096, 16)))


def bench_start() -> None:
    print("\n## Compilation and memory\n")
    # The peak of ru_maxrss would be this process' own, which a child inherits; VmHWM starts anew with it.
    worker = (
        "import time; t = time.process_time(); from superpos.fits.compiled import warm_up; warm_up(); "
        "status = dict(line.split(':', 1) for line in open('/proc/self/status')); "
        "print(time.process_time() - t, int(status['VmHWM'].split()[0]) / 1024)"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "OMP_NUM_THREADS": "1"}
        for name in ("cold", "warm"):
            ran = subprocess.run(
                [sys.executable, "-c", worker], capture_output=True, text=True, check=True, env=environment
            )
            seconds, megabytes = map(float, ran.stdout.split())
            size = sum(path.stat().st_size for path in Path(folder).rglob("*.nb?")) / 2**20
            print(f"- {name}: {seconds:.1f} CPU s, {megabytes:.0f} MB at most, {size:.1f} MB of code on disk")


def main() -> None:
    parser = argparse.ArgumentParser(description="The compiled engine beside SciPy.")
    parser.add_argument(
        "--quick", action="store_true", help="three sizes, three kernels, two repeats (a minute)"
    )
    parser.add_argument("--repeats", type=int, default=0, help="problems a cell (default 6, quick 2)")
    parser.add_argument(
        "--cold", action="store_true", help="compile from nothing too, in a process of its own"
    )
    arguments = parser.parse_args()
    sizes, kernels = (QUICK_SIZES, QUICK_KERNELS) if arguments.quick else (SIZES, KERNELS)
    repeats = arguments.repeats or (2 if arguments.quick else 6)
    print("# Fits: compiled engine beside SciPy\n")
    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; one thread. ", end="")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}, ", end="")
    print(f"numba {numba.__version__}. {repeats} problems a cell.")
    warm_up()
    with threadpool_limits(limits=1):
        bench_powell(sizes, kernels, repeats)
        bench_cg(sizes, kernels, repeats)
        bench_spheres(sizes, kernels, repeats)
        bench_hardware(kernels)
    if arguments.cold:
        bench_start()
    print(
        f"\nPeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB."
    )


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
