"""Powell's method on energy plus norm penalty, the thesis' own re-optimisation.

By SciPy (`superpos.fits.powell`) or by the compiled engine (`superpos.fits.compiled.reoptimise`).
"""

from __future__ import annotations

from superpos.kinds.looks import Look
from superpos.kinds.optimisers import Optimiser, Task
from superpos.records.fits import Reoptimisation


def by_scipy(task: Task) -> Reoptimisation:
    """Return SciPy's end."""
    from superpos.fits.powell import run_powell

    return run_powell(
        task.start,
        task.importance,
        task.norms,
        task.kernel,
        lambda_x=task.lambda_x,
        xtol=task.xtol,
        ftol=task.ftol,
        max_iter=task.max_iter,
    )


def by_engine(task: Task) -> Reoptimisation:
    """Return the engine's end."""
    from superpos.fits.compiled import powell_compiled

    return powell_compiled(
        task.start,
        task.importance,
        task.norms,
        task.kernel,
        lambda_x=task.lambda_x,
        xtol=task.xtol,
        ftol=task.ftol,
        max_iter=task.max_iter,
    )


KIND = Optimiser(
    name="powell",
    version=1,
    meaning="Powell's method on the energy with a penalty on the norms, from the thesis.",
    rank=0,
    # gtol is that of the polish of its ends.
    reads=("lambda_x", "xtol", "ftol", "gtol", "max_iter"),
    runs={"scipy": by_scipy, "compiled": by_engine},
    polished=True,
    seconds={"scipy": 0.3, "compiled": 0.005},
    lambda_x="weight of the sum of | ||x_i|| - n_i |, which holds the norms nearly",
    look=Look(label="Powell"),
)
