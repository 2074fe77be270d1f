"""What a verdict costs beside one Cholesky factorisation of its size, and a cell's distances beside NumPy's.

    python -m benchmarks.certificate [--repeats R]

All in one run and in turns, one thread, CPU seconds of the process: a ratio is taken of neighbouring turns,
so that other work on the machine slows both sides. Tables are Markdown: medians, quartiles in brackets.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import lapack
from threadpoolctl import threadpool_limits

from benchmarks.fits import header, processor, row, spread
from superpos.arrays import Float
from superpos.fits.compiled import certify_compiled, minimise_on_spheres_compiled, warm_up
from superpos.fits.compiled.distances import MatrixStack
from superpos.psms import minkowski_distance
from superpos.records.fits import Verdict
from superpos.seeding import generator
from superpos.specs.axes import Kernel

SIZES = [(11, 3), (11, 10), (11, 16), (21, 20), (45, 30), (70, 30)]
KERNELS = [Kernel("exp"), Kernel("riesz", 1.0)]
LARGEST_SPECTRUM = 500
"""Rows of the Hessian up to which the spectrum is timed as well."""
TURN = 0.02
"""CPU seconds of one side of a turn, at least."""


def timed(function: Callable[[], Any]) -> float:
    """Return the CPU seconds of one call within a turn."""
    calls, start = 0, time.process_time()
    while (spent := time.process_time() - start) < TURN or not calls:
        function()
        calls += 1
    return spent / calls


def factorisation(size: int) -> Callable[[], Any]:
    """Return a function that factorises a positive definite matrix by LAPACK, the copy of it included."""
    rows = np.random.default_rng(size).standard_normal((size, 40))
    matrix = np.asfortranarray(rows @ rows.T + size * np.eye(size))
    return lambda: lapack.dpotrf(matrix.copy(order="F"), lower=1, overwrite_a=1, clean=0)


def bench_verdicts(repeats: int) -> None:
    print("\n## Verdicts\n")
    header(
        "n, f", "kernel", "rows", "Cholesky us", "verdict of a minimum us", "over Cholesky",
        "all eigenvalues ms", "over Cholesky", "not critical us",
    )  # fmt: skip
    for n, f in SIZES:
        size = n * (min(n, f) - 1)
        factor = factorisation(size)
        for kernel in KERNELS:
            rng = generator("analysis", name=f"certificate {n} {f}", replicate=0)
            away = rng.standard_normal((n, f))
            weights, norms = rng.dirichlet(np.full(n, 5.0)), np.linalg.norm(away, axis=1)
            end = minimise_on_spheres_compiled(away, weights, norms, kernel).vectors
            assert certify_compiled(end, weights, kernel, spectrum="verdict").verdict is Verdict.STRICT  # noqa: S101

            def judge(x: Float, spectrum: str, w: Float = weights, k: Kernel = kernel) -> float:
                return timed(lambda: certify_compiled(x, w, k, spectrum=spectrum))

            turns = []
            for _ in range(repeats):
                cholesky, strict, off = timed(factor), judge(end, "verdict"), judge(away, "verdict")
                full = judge(end, "full") if size <= LARGEST_SPECTRUM else float("nan")
                turns.append((cholesky, strict, strict / cholesky, full, full / cholesky, off))
            one, two, ratio, full_time, full_ratio, outside = map(list, zip(*turns, strict=True))
            spectrum = size <= LARGEST_SPECTRUM
            row(
                f"{n}, {f}", kernel.label, size, spread([1e6 * x for x in one]),
                spread([1e6 * x for x in two]), spread(ratio, 2),
                spread([1e3 * x for x in full_time], 2) if spectrum else "–",
                spread(full_ratio) if spectrum else "–", spread([1e6 * x for x in outside]),
            )  # fmt: skip


def bench_distances(repeats: int) -> None:
    print("\n## Eight distances of a cell\n")
    header("n", "NumPy us", "one call us", "ratio")
    for n in (5, 11, 45):
        rows = np.random.default_rng(n).standard_normal((7, n, 4))
        matrices = np.einsum("kia,kja->kij", rows, rows)
        pairs = [(1, 2), (0, 2), (0, 3), (4, 3), (0, 4), (0, 5), (0, 6), (1, 3)]

        def together(given: Float = matrices, wanted: list[tuple[int, int]] = pairs) -> list[float]:
            stack = MatrixStack(*given.shape[:2])
            stack.matrices[:] = given
            return stack.distances(wanted)

        def apart(given: Float = matrices, wanted: list[tuple[int, int]] = pairs) -> list[float]:
            return [minkowski_distance(given[a], given[b]) for a, b in wanted]

        assert together() == apart()  # noqa: S101
        turns = [(timed(apart), timed(together)) for _ in range(repeats)]
        slow, fast = map(list, zip(*turns, strict=True))
        ratios = [a / b for a, b in turns]
        row(n, spread([1e6 * x for x in slow]), spread([1e6 * x for x in fast]), spread(ratios, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description="Verdicts beside one Cholesky factorisation.")
    parser.add_argument("--repeats", type=int, default=7, help="turns of a row")
    repeats = parser.parse_args().repeats
    warm_up()
    with threadpool_limits(limits=1):
        print(f"# Certificates\n\n{processor()}, load {os.getloadavg()[0]:.1f}; one thread.")
        bench_verdicts(repeats)
        bench_distances(repeats)


if __name__ == "__main__":
    main()
