"""`reoptimise` by the manifold optimiser, and `polish`, on the compiled engine."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from superpos.arrays import Float
from superpos.fits.compiled.sphere_workspace import (
    ENERGY,
    RELATIVE,
    M,
    SphereWorkspace,
    make_sphere_workspace,
)
from superpos.fits.compiled.trust_region import CONVERGED, MAX_ITER, NO_DECREASE, NON_FINITE, SHRUNK, minimise
from superpos.fits.manifold import (
    FIRST_RADIUS,
    LARGEST_RADIUS,
    POLISH_LARGEST,
    POLISH_RADIUS,
    WEIGHT_FLOOR,
    end_on_spheres,
)
from superpos.fits.manifold import MAX_ITER as DEFAULT_LIMIT
from superpos.fits.spheres import seen, unit_rows
from superpos.records.fits import Reoptimisation, Status
from superpos.specs.axes import Kernel

_ENDINGS = {
    CONVERGED: (Status.CONVERGED, "relative gradient below gtol"),
    MAX_ITER: (Status.MAX_ITER, "limit of trust-region steps"),
    NON_FINITE: (Status.NON_FINITE, "the energy is not finite at the start"),
    NO_DECREASE: (Status.STALLED, "the model predicts no decrease"),
    SHRUNK: (Status.STALLED, "the trust region shrank to rounding"),
}


def minimise_on_spheres_compiled(
    start: Float,
    importance: Float,
    norms: Float,
    kernel: Kernel,
    *,
    gtol: float = 1e-8,
    max_iter: int | None = None,
    first_radius: float = FIRST_RADIUS,
    largest_radius: float = LARGEST_RADIUS,
) -> Reoptimisation:
    """Descend from `start`, projected to the spheres, to a critical point of the energy.

    Parameters, record and conventions are those of `superpos.fits.manifold.minimise_on_spheres`.
    """
    units = unit_rows(start, norms)
    run = _descend(units, importance, norms, kernel, gtol, max_iter, (first_radius, largest_radius))
    workspace = run.workspace
    if not np.array_equal(run.importance, importance):  # rows were left out or lifted
        workspace = make_sphere_workspace(importance, norms, kernel, start.shape[1])
    energy, gradient = assess(workspace, run.end)
    energy_start, _ = assess(workspace, units)
    status, message = _ENDINGS[run.ending]
    return end_on_spheres(
        run.end * norms[:, None],
        units * norms[:, None],
        norms,
        energy=energy,
        energy_start=energy_start,
        gradient=gradient,
        nit=run.nit,
        nfev=run.nfev,
        status=status,
        message=message,
    )


class _Run(NamedTuple):
    """A descent of the rows that the energy sees."""

    end: Float
    """Unit rows, (n, f); those that are not seen where they were."""
    workspace: SphereWorkspace
    importance: Float
    """Of the rows that moved, raised to the floor."""
    nit: int
    nfev: int
    ending: int


def _descend(
    units: Float,
    importance: Float,
    norms: Float,
    kernel: Kernel,
    gtol: float,
    max_iter: int | None,
    radii: tuple[float, float],
) -> _Run:
    """Return the descent from unit rows, (n, f)."""
    kept = seen(importance)
    floored = np.maximum(importance[kept], WEIGHT_FLOOR)
    moving = make_sphere_workspace(floored, norms[kept], kernel, units.shape[1])
    moving.put(0, units[kept])
    lengths = np.empty(int(moving.at[M]))
    limit = DEFAULT_LIMIT if max_iter is None else max_iter
    slot, nit, nfev, ending = minimise(moving.memory, moving.at, gtol, limit, *radii, lengths)
    end = units.copy()
    end[kept] = moving.units(slot)
    return _Run(end, moving, floored, nit, nfev, ending)


def polished_vectors(
    vectors: Float, importance: Float, norms: Float, kernel: Kernel, *, gtol: float = 1e-8
) -> Float:
    """Return where `polish_compiled` ends, (n, f), without the numbers of its record: a third of its time."""
    units, radii = unit_rows(vectors, norms), (POLISH_RADIUS, POLISH_LARGEST)
    return _descend(units, importance, norms, kernel, gtol, None, radii).end * norms[:, None]


def polish_compiled(
    vectors: Float,
    importance: Float,
    norms: Float,
    kernel: Kernel,
    *,
    gtol: float = 1e-8,
    max_iter: int | None = None,
) -> Reoptimisation:
    """Project `vectors` (n, f) to the spheres of `norms` (n,) and descend to the minimum of their basin.

    Parameters, record and conventions are those of `superpos.fits.manifold.polish`.
    """
    return minimise_on_spheres_compiled(
        vectors,
        importance,
        norms,
        kernel,
        gtol=gtol,
        max_iter=max_iter,
        first_radius=POLISH_RADIUS,
        largest_radius=POLISH_LARGEST,
    )


def assess(workspace: SphereWorkspace, units: Float) -> tuple[float, float]:
    """Return the energy at unit rows, (n, f), and the relative gradient."""
    workspace.put(0, units)
    gradient = assess_held(workspace)
    return float(workspace.slot(0, ENERGY, 1)[0]), gradient


def assess_held(workspace: SphereWorkspace) -> float:
    """Return the relative gradient at the unit rows in slot 0, NaN where something is not finite."""
    minimise(workspace.memory, workspace.at, 0.0, 0, 0.0, 0.0, np.empty(int(workspace.at[M])))
    return float(workspace.slot(0, RELATIVE, 1)[0])
