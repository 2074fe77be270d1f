"""An optimiser that is not the project's own, as another package would write it."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from superpos.kinds.optimisers import End, Optimiser, Task


def by_lbfgs(task: Task) -> End:
    """Minimise over free rows whose projection to the spheres is what counts."""
    shape = task.start.shape

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        rows = flat.reshape(shape)
        point = task.project(rows)
        lengths = np.linalg.norm(rows, axis=1)
        return task.energy(point), (task.slope(point) * (task.norms / lengths)[:, None]).ravel()

    options = {"gtol": 1e-2 * task.gtol, "ftol": 0.0, "maxiter": task.max_iter or 2000}
    found = minimize(loss, task.start.ravel(), jac=True, method="L-BFGS-B", options=options)
    end = task.project(found.x.reshape(shape))
    status = "max_iter" if found.status == 1 else "converged"
    return End(
        vectors=end,
        start=task.project(task.start),
        status=status,
        message=str(found.message),
        nit=int(found.nit),
        nfev=int(found.nfev),
        njev=int(found.nfev),
    )


LBFGS = Optimiser(
    name="lbfgs",
    version=1,
    meaning="L-BFGS on the spheres of the norms.",
    reads=("gtol", "max_iter"),
    runs={"scipy": by_lbfgs},
    polished=True,
    seconds={"scipy": 0.1},
)
