"""How fast matrices are measured: `python -m benchmarks.geometry`.

Every measure of the matrix as it is, own energies under three kernels included, for 10^5 matrices of eleven
features; then, for fewer, the nearest configurations and the balance of forces. CPU seconds of one core.
"""

from __future__ import annotations

import time

import numpy as np

from superpos.arrays import Float
from superpos.kinds.measures import MEASURES, read
from superpos.kinds.potentials import Potential
from superpos.psms.measuring import Asked, answer
from superpos.threads import one_thread

N, WIDTH = 11, 64
MANY, FEW, AT_ONCE = 100_000, 200, 200
KERNELS = (Potential("exp"), Potential("log"), Potential("riesz", 1.0))


def matrices(count: int) -> list[Float]:
    """Return cosines of random directions."""
    rows = np.random.default_rng(0).standard_normal((count, N, WIDTH))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    found = rows @ np.swapaxes(rows, 1, 2)
    found = (found + np.swapaxes(found, 1, 2)) / 2.0
    found[:, range(N), range(N)] = 1.0
    return list(found)


def asked(in_dimensions: bool) -> list[Asked]:
    """Return every measure that needs a dimension, or none, under every kernel where it needs one."""
    kinds = [kind for kind in MEASURES if kind.per_dimension == in_dimensions]
    return [Asked(kind, kernel) for kind in kinds for kernel in (KERNELS if kind.per_kernel else (None,))]


def seconds(given: list[Float], wanted: list[Asked], n_dims: int = 0) -> float:
    """Return the CPU seconds of measuring, as a run does it."""
    began = time.process_time()
    for first in range(0, len(given), AT_ONCE):
        part = given[first : first + AT_ONCE]
        answer(part, wanted, n_dims=n_dims, widths=[float(WIDTH)] * len(part))
    return time.process_time() - began


def main() -> None:
    """Print tables for docs/benchmarks.md."""
    many, plain, deep = matrices(MANY), asked(in_dimensions=False), asked(in_dimensions=True)
    with one_thread():
        seconds(many[:2], plain)  # bounds are found once
        print("| measured | matrices | CPU seconds |\n|---|---|---|")
        print(f"| {len(plain)} numbers of the matrix | {MANY:,} | {seconds(many, plain):.1f} |")
        for kind in ("eigenvalues", "entries"):
            began = time.process_time()
            read(np.asarray(many), [kind])
            print(f"| of these: {kind} | {MANY:,} | {time.process_time() - began:.1f} |")
        for n_dims in (3, 6, 10):
            took = seconds(many[:FEW], deep, n_dims)
            print(f"| {len(deep)} numbers at f = {n_dims} | {FEW:,} | {took:.1f} |")


if __name__ == "__main__":
    main()
