"""SciPy's L-BFGS-B over vectors whose rows are scaled to the norms: exact norms, no penalty."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from superpos.arrays import Float
from superpos.kinds.optimisers import End, Optimiser, Task


def run(task: Task) -> End:
    """Return where the descent ends; along the rows the objective is flat."""
    shape = task.start.shape

    def loss(flat: Float) -> tuple[float, Float]:
        given = flat.reshape(shape)
        vectors = task.project(given)
        lengths = np.linalg.norm(given, axis=1, keepdims=True)
        return task.energy(vectors), (task.slope(vectors) * task.norms[:, None] / lengths).ravel()

    limits = {"maxiter": task.max_iter or 2000, "ftol": 1e-15, "gtol": 1e-9}
    found = minimize(loss, task.project(task.start).ravel(), jac=True, method="L-BFGS-B", options=limits)
    return End(
        vectors=task.project(found.x.reshape(shape)),
        start=task.project(task.start),
        status="max_iter" if found.status == 1 else "converged",
        message=str(found.message),
        nit=int(found.nit),
        nfev=int(found.nfev),
        njev=int(found.nfev),
    )


KIND = Optimiser(
    name="lbfgs",
    version=1,
    meaning="SciPy's L-BFGS-B on the product of spheres.",
    reads=("gtol", "max_iter"),
    runs={"scipy": run},
    polished=False,
    seconds={"scipy": 0.05},
)
