"""What a re-optimisation holds, checked once, and one run from a perturbed start.

    start   x_i + sigma n_i g_i,   n_i = ||x_i||,   g_i a standard normal draw in R^f

The settings of a run come from axes that are checked already; `superpos.fits.reoptimise` checks its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from superpos.arrays import Float, row_lengths
from superpos.errors import ArgumentError, NonFiniteError, ShapeError
from superpos.fits.checks import check_vectors
from superpos.fits.descent import descend, make_task
from superpos.kinds.optimisers import OPTIMISERS
from superpos.records.fits import Reoptimisation
from superpos.specs.axes import Kernel


class Held(NamedTuple):
    """Vectors that are perturbed, with the importance and the norms that stay."""

    vectors: Float
    """(n, f)."""
    importance: Float
    """w~, (n,)."""
    norms: Float
    """n_i, (n,)."""
    kernel: Kernel


def hold(vectors: ArrayLike, importance: Float, kernel: Kernel) -> Held:
    """Return what is held of `vectors` (n, f) under `importance` (n,).

    Raises
    ------
    ArgumentError
        Or one of its subclasses, as `superpos.fits.checks.check_vectors`.
    """
    held = check_vectors("vectors", vectors, kernel, coincident_allowed=True)
    return Held(held, importance, row_lengths(held), kernel)


def perturbed_start(held: Held, draw: Float, sigma: float) -> Float:
    """Return the start of this draw, standard normal (n, f).

    Raises
    ------
    ArgumentError
        If sigma carries the vectors beyond the largest double, or rows coincide there under a kernel that is
        infinite then.
    """
    with np.errstate(over="ignore"):
        point = held.vectors + sigma * held.norms[:, None] * draw
    try:
        return check_vectors("vectors", point, held.kernel)
    except NonFiniteError as error:
        said = f"{sigma:g} carries these vectors beyond the largest double"
        raise ArgumentError("sigma", said) from error


def given_start(held: Held, start: ArrayLike) -> Float:
    """Return a start that the caller names, of the shape of the vectors; raises `ArgumentError` likewise."""
    point = check_vectors("start", start, held.kernel)
    if point.shape != held.vectors.shape:
        raise ShapeError("start", f"shape {point.shape} is not that of vectors, {held.vectors.shape}")
    return point


def reoptimise_held(
    held: Held,
    point: Float,
    *,
    optimiser: str,
    backend: str,
    lambda_x: float,
    xtol: float,
    ftol: float,
    gtol: float,
    max_iter: int | None,
) -> Reoptimisation:
    """Minimise the energy again from `point` (n, f), a checked start.

    Parameters
    ----------
    held, point
        What stays, and where the run begins.
    optimiser, backend, lambda_x, xtol, ftol, gtol
        As `superpos.fits.reoptimise`, checked already.
    max_iter
        Most sweeps or steps; None: the optimiser's own limit.
    """
    task = make_task(
        point,
        held.importance,
        held.norms,
        held.kernel,
        lambda_x=lambda_x,
        xtol=xtol,
        ftol=ftol,
        gtol=gtol,
        max_iter=max_iter,
    )
    return descend(OPTIMISERS.get(optimiser, "optimiser"), backend, task)
