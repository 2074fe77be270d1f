"""All re-optimisations of one joint fit: what a worker is given is a fit and a list of cells.

Vectors, importance and norms are the same in every cell; draws depend on (n, n_dims, restart, trial) alone,
so the cells of one trial share theirs whatever their sigma, lambda_x or optimiser.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from superpos.fits.compiled.reoptimise import reoptimise_compiled
from superpos.fits.start import perturbed
from superpos.records.fits import JointFit, Reoptimisation
from superpos.seeding import generator
from superpos.specs.axes import FitAxes, Kernel


def reoptimise_batch(
    fit: JointFit, kernel: Kernel, cells: Iterable[FitAxes], *, restart: int = 0
) -> Iterator[tuple[FitAxes, Reoptimisation]]:
    """Yield every cell with its end; an end that is not finite or unbounded is a status.

    Parameters
    ----------
    fit
        End of the joint step, (n, f).
    kernel
        Its kernel, softening in absolute units.
    cells
        Settings of the re-optimisations.
    restart
        Restart of the joint fit, which the perturbations belong to.
    """
    n, n_dims = fit.vectors.shape
    for cell in cells:
        draw = generator("perturbation", n=n, n_dims=n_dims, restart=restart, trial=cell.trial)
        end = reoptimise_compiled(
            perturbed(draw, fit.vectors, cell.scale(n_dims)),
            fit.importance,
            fit.norms,
            kernel,
            optimiser=cell.optimiser,
            lambda_x=cell.lambda_x,
            xtol=cell.xtol,
            ftol=cell.ftol,
            gtol=cell.gtol,
            max_iter=cell.max_iter or None,
        )
        yield cell, end
