"""One re-optimisation by an optimiser of the register: its task, and the record of its end.

    fun = E + lambda_x sum_i | ||x_i|| - n_i |   for optimisers that read lambda_x, else E

Optimisers of the project give finished records; of others the numbers of the record are computed here.
"""

from __future__ import annotations

import numpy as np

from superpos.arrays import Float
from superpos.errors import ArgumentError, allowed, shown
from superpos.fits.kernels import energy_value
from superpos.fits.manifold import project
from superpos.fits.spheres import SphereEnergy, relative_gradient, unit_rows
from superpos.kinds.optimisers import BACKENDS, ENDS, End, Optimiser, Task
from superpos.records.fits import Reoptimisation, Status
from superpos.specs.axes import Kernel


def make_task(
    start: Float,
    importance: Float,
    norms: Float,
    kernel: Kernel,
    *,
    lambda_x: float = 1.0,
    xtol: float = 1e-4,
    ftol: float = 1e-4,
    gtol: float = 1e-8,
    max_iter: int | None = None,
) -> Task:
    """Return the task of a re-optimisation from `start` (n, f) with w~ and n_i, both (n,), held."""

    def slope(vectors: Float) -> Float:
        lengths = np.linalg.norm(vectors, axis=1)
        with np.errstate(all="ignore"):
            point = SphereEnergy(importance, lengths, kernel).at(unit_rows(vectors, lengths))
            along = 2.0 * importance[:, None] * point.tangent / lengths[:, None]
        return np.asarray(np.where(lengths[:, None] > 0.0, along, 0.0))

    return Task(
        start=start,
        importance=importance,
        norms=norms,
        kernel=kernel,
        energy=lambda vectors: energy_value(vectors, importance, kernel),
        slope=slope,
        project=lambda vectors: project(vectors, norms),
        lambda_x=lambda_x,
        xtol=xtol,
        ftol=ftol,
        gtol=gtol,
        max_iter=max_iter,
    )


def descend(optimiser: Optimiser, backend: str, task: Task) -> Reoptimisation:
    """Return the record of a run.

    Raises
    ------
    ArgumentError
        If an optimiser from elsewhere gives an end of another shape or with an unknown status.
    """
    end = optimiser.run(backend)(task)
    if isinstance(end, Reoptimisation):
        return end
    if not isinstance(end, End):
        raise ArgumentError("optimiser", f"{optimiser.name} gave {shown(end)}; it must give an End")
    vectors = np.array(end.vectors, dtype=np.float64)
    start = task.start if end.start is None else np.array(end.start, dtype=np.float64)
    if vectors.shape != task.start.shape or start.shape != task.start.shape:
        said = f"{optimiser.name} ended with shape {vectors.shape} from {start.shape}, not {task.start.shape}"
        raise ArgumentError("optimiser", said)
    if end.status not in ENDS:
        said = f"{optimiser.name} ended with {shown(end.status)}; {allowed(end.status, ENDS)}"
        raise ArgumentError("optimiser", said)
    with np.errstate(all="ignore"):
        energy = task.energy(vectors)
        norm_error = float(np.abs(np.linalg.norm(vectors, axis=1) - task.norms).sum())
        gradient = relative_gradient(task.project(vectors), task.importance, task.kernel)
    penalty = task.lambda_x * norm_error if "lambda_x" in optimiser.reads else 0.0
    return Reoptimisation(
        vectors=vectors,
        start=start,
        fun=energy + penalty,
        energy=energy,
        energy_start=task.energy(start),
        norm_error=norm_error,
        relative_gradient=gradient,
        nit=end.nit,
        nfev=end.nfev,
        njev=end.njev,
        status=Status(end.status) if np.isfinite(energy) else Status.NON_FINITE,
        message=end.message,
    )


def try_out(optimiser: Optimiser) -> None:
    """Run an optimiser on a problem of four vectors by each of its back ends.

    Raises
    ------
    ArgumentError
        If its end is not finite or lies above its start.
    """
    start = np.array([[1.0, 0.2], [-0.3, 1.1], [-0.9, -0.4], [0.2, -1.3]])
    norms = np.linalg.norm(start, axis=1)
    task = make_task(start, np.array([0.1, 0.2, 0.3, 0.4]), norms, Kernel("riesz", 1.0))
    for backend in BACKENDS:
        if backend in optimiser.runs:
            end = descend(optimiser, backend, task)
            if not (np.isfinite(end.vectors).all() and np.isfinite(end.energy)):
                raise ArgumentError("runs", f"{backend} ends at {end.energy:g} on a problem of four vectors")
            before = end.energy_start + (end.fun - end.energy)
            if end.fun > before + 1e-9 * abs(before):
                said = f"{backend} rises from {end.energy_start:g} to {end.energy:g} on a problem of four"
                raise ArgumentError("runs", f"{said} vectors")
