"""Riemannian trust region on the product of spheres: norms are exact, ends are critical points.

By NumPy (`superpos.fits.manifold`) or by the compiled engine (`superpos.fits.compiled.manifold`).
"""

from __future__ import annotations

from superpos.kinds.looks import Look
from superpos.kinds.optimisers import Optimiser, Task
from superpos.records.fits import Reoptimisation


def by_numpy(task: Task) -> Reoptimisation:
    """Return the end of the NumPy reference."""
    from superpos.fits.manifold import minimise_on_spheres

    return minimise_on_spheres(
        task.start, task.importance, task.norms, task.kernel, gtol=task.gtol, max_iter=task.max_iter
    )


def by_engine(task: Task) -> Reoptimisation:
    """Return the engine's end."""
    from superpos.fits.compiled import minimise_on_spheres_compiled

    return minimise_on_spheres_compiled(
        task.start, task.importance, task.norms, task.kernel, gtol=task.gtol, max_iter=task.max_iter
    )


KIND = Optimiser(
    name="manifold",
    version=1,
    meaning="A trust-region method on the spheres of the norms, which keeps them exactly.",
    rank=1,
    reads=("gtol", "max_iter"),
    runs={"scipy": by_numpy, "compiled": by_engine},
    polished=False,
    seconds={"scipy": 0.03, "compiled": 0.005},
    look=Look(label="manifold"),
)
