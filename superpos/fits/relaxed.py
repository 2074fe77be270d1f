"""The minimum of the energy on the spheres without a limit on the dimension.

    min over x_1, ..., x_n in R^r with ||x_i|| = n_i of  sum_{i != j} K(x_i, x_j) w~_i w~_j
    r = max(n - 1, 2)

For an energy that is convex in the cosine this is a semidefinite program in the Gram matrix, so that a
critical point whose dual is positive semidefinite is the minimum in every dimension. The descent starts at
the regular simplex, the minimum for even importance and norms. Whoever reads the end proves what it is worth
(`superpos.bounds.convex`).
"""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.fits.manifold import polish
from superpos.fits.spheres import unit_rows
from superpos.records.fits import Status
from superpos.specs.axes import Kernel

GTOL = 1e-10
"""Relative gradient: the proof loses as much of the energy as the end is off the minimum."""
MAX_ITER = 100


def minimum_in_more_dimensions(importance: Float, norms: Float, kernel: Kernel, backend: str) -> Float | None:
    """Return the directions of the end of a descent in r dimensions, (n, r); None if it has none.

    Parameters
    ----------
    importance, norms
        w~_i and n_i > 0, (n,).
    kernel
        K.
    backend
        `compiled` or `scipy`.
    """
    n = len(norms)
    start = np.zeros((n, max(n - 1, 2)))
    corners = np.linalg.svd(np.eye(n) - 1.0 / n)[0][:, : n - 1]
    start[:, : n - 1] = corners * (norms / np.linalg.norm(corners, axis=1))[:, None]
    if backend == "compiled":
        from superpos.fits.compiled import polish_compiled

        end = polish_compiled(start, importance, norms, kernel, gtol=GTOL, max_iter=MAX_ITER)
    else:
        end = polish(start, importance, norms, kernel, gtol=GTOL, max_iter=MAX_ITER)
    if end.status is Status.NON_FINITE or not np.isfinite(end.vectors).all():
        return None
    return unit_rows(end.vectors, norms)
