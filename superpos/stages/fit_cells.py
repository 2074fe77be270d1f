"""One joint fit with its re-optimisations, from data to data: what a worker does for the stage `fits`.

Distances are those of `cell_distances.py`, and polish = d(final, polished end of Powell). Lengths are in
units of the start radius (`joint_cells.py`); tables hold vectors in full units. The perturbation draw is
keyed by (n, n_dims, restart, trial) alone, so layers, energies, sigmas and optimisers meet the same one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from superpos.arrays import Float
from superpos.catalogue import measured
from superpos.fits import certify, importance_entropy, perturbation_angles, polish
from superpos.fits.checks import check_vectors
from superpos.fits.held import perturbed_start, reoptimise_held
from superpos.kinds.optimisers import OPTIMISERS
from superpos.records.fits import Certificate, Reoptimisation, Status, Verdict
from superpos.records.work import CellFailure, FitResult, JointResult, JointWork
from superpos.seeding import generator
from superpos.specs.axes import FitAxes
from superpos.stages.cell_distances import cell_distances, distance
from superpos.stages.cell_steps import Steps, matrices_of
from superpos.stages.executor import FAILURES, task_error
from superpos.stages.joint_cells import Joint, joint_key, owned, run_joint, shared

CELLS_AT_ONCE = 64
"""Most cells whose matrices are in memory together."""
NO_RESULT: dict[str, Any] = {column.column: column.absent for column in measured("fits")}
"""Columns of a cell without a point that has similarities, at its start or at its end."""


def compute_work(work: JointWork) -> JointResult:
    """Return the joint fit (unless it exists) and every missing re-optimisation of one piece of work.

    What cannot be computed is a failure in the result; nothing is raised but errors of the program itself.
    """
    work = owned(work)
    key = joint_key(work.psm_key, work.axes_key)
    began = time.perf_counter()
    try:
        fit = None if work.done is not None else run_joint(work)
    except FAILURES as error:
        failures = tuple(_failure(work, axes_key, error) for _, axes_key, _ in work.fits)
        return JointResult(
            psm_id=work.psm_id,
            joint_axes_id=work.joint_axes_id,
            key=key,
            joint=None,
            distance=math.nan,
            entropy=math.nan,
            seconds=0.0,
            fits=(),
            failures=failures,
        )
    seconds = time.perf_counter() - began
    joint = shared(work, fit)
    results: list[FitResult] = []
    failed: list[CellFailure] = []
    for first in range(0, len(work.fits), CELLS_AT_ONCE):
        fits = work.fits[first : first + CELLS_AT_ONCE]
        made, errors = _compute_fits(joint, [(fit_axes_id, axes) for fit_axes_id, _, axes in fits])
        results += made
        failed += [_failure(work, fits[place][1], errors[place]) for place in sorted(errors)]
    return JointResult(
        psm_id=work.psm_id,
        joint_axes_id=work.joint_axes_id,
        key=key,
        joint=fit,
        distance=distance(joint.similarities, work.target, work.axes.backend),
        entropy=importance_entropy(joint.importance) if np.isfinite(joint.importance).all() else math.nan,
        seconds=seconds,
        fits=tuple(results),
        failures=tuple(failed),
    )


def _reoptimise(joint: Joint, axes: FitAxes) -> Reoptimisation:
    held = joint.held()
    n, n_dims = held.vectors.shape
    draw = _draw(n, n_dims, joint.work.axes.restart, axes.trial)
    return reoptimise_held(
        held,
        perturbed_start(held, draw, axes.scale(n_dims)),
        optimiser=axes.optimiser,
        backend=axes.backend,
        lambda_x=axes.lambda_x,
        xtol=axes.xtol,
        ftol=axes.ftol,
        gtol=axes.gtol,
        max_iter=axes.max_iter or None,
    )


@lru_cache(maxsize=256)
def _draw(n: int, n_dims: int, restart: int, trial: int) -> Float:
    """Return the draw of a perturbation, (n, f), read-only: most cells of a chunk meet one of a few."""
    rng = generator("perturbation", n=n, n_dims=n_dims, restart=restart, trial=trial)
    draw = rng.standard_normal((n, n_dims))
    draw.flags.writeable = False
    return draw


def _compute_fits(
    joint: Joint, fits: Sequence[tuple[int, FitAxes]]
) -> tuple[list[FitResult], dict[int, BaseException]]:
    """Return results of re-optimisations of one joint fit, and by place what went wrong with the others."""
    if not joint.is_finite:
        nothing = {**NO_RESULT, "status": str(Status.NON_FINITE), "seconds": 0.0}
        return [FitResult(fit_axes_id, nothing) for fit_axes_id, _ in fits], {}
    steps = Steps()
    ends = steps(range(len(fits)), lambda cell: _reoptimise(joint, fits[cell][1]))
    matrices = matrices_of(joint, steps, {cell: (end.vectors, end.start) for cell, end in ends.items()})
    for cell, (final, _) in matrices.items():
        if fits[cell][1].sigma == 0.0:
            joint.unperturbed[fits[cell][1]] = final
    sound = [cell for cell, (final, _) in matrices.items() if np.isfinite(final).all()]
    judged = steps(sound, lambda cell: _judge(joint, fits[cell][1], ends[cell].vectors))
    in_basins = {cell: (one.polished,) for cell, one in judged.items() if one.polished is not None}
    polished = matrices_of(joint, steps, in_basins)

    def columns_of(cell: int) -> dict[str, Any]:
        axes, end, one = fits[cell][1], ends[cell], judged.get(cell)
        at_zero = _unperturbed(joint, axes)
        if one is None:
            return {**NO_RESULT, "status": str(end.status), "nit": end.nit, "nfev": end.nfev}
        final, start = matrices[cell]
        columns = _columns(joint, axes, end, one, final, start, at_zero)
        if cell in polished:
            columns["distance_polish"] = distance(polished[cell][0], final, axes.backend)
        return columns

    results: list[FitResult] = []
    for cell, columns in steps(matrices, columns_of).items():
        columns["seconds"] = steps.seconds[cell]
        fit_axes_id, axes = fits[cell]
        if not (joint.work.keep_vectors or axes.sigma == 0.0):  # what later sigmas are compared with
            results.append(FitResult(fit_axes_id, columns))
            continue
        one = judged[cell].polished if cell in judged else None
        kept = FitResult(
            fit_axes_id=fit_axes_id,
            columns=columns,
            vectors=joint.radius * ends[cell].vectors,
            similarities=matrices[cell][0],
            polished=None if one is None else joint.radius * one,
        )
        results.append(kept)
    return results, steps.errors


def _unperturbed(joint: Joint, axes: FitAxes) -> Float:
    """Return the final similarities at sigma 0, made again where neither database nor chunk has them."""
    zero = _at_zero(axes)
    found = joint.unperturbed.get(zero)
    if found is None:
        found = joint.unperturbed[zero] = joint.similarity(_reoptimise(joint, zero).vectors)
    return found


@lru_cache(maxsize=1024)
def _at_zero(axes: FitAxes) -> FitAxes:
    """Return the same axes without a perturbation."""
    return replace(axes, sigma=0.0, trial=0, sigma_rule="sigma")


class _Judged(NamedTuple):
    """What is known of an end that has similarities."""

    certificate: Certificate
    polished: Float | None
    """The minimum of its basin, (n, f); None where the ends of its optimiser are not polished."""
    verdict_polished: Verdict


def _judge(joint: Joint, axes: FitAxes, vectors: Float) -> _Judged:
    certificate = _certify(joint, axes, vectors, "critical")
    if not OPTIMISERS.get(axes.optimiser).polished or certificate.verdict is Verdict.NOT_APPLICABLE:
        return _Judged(certificate, None, certificate.verdict)
    polished = _polish(joint, axes, vectors)
    return _Judged(certificate, polished, _certify(joint, axes, polished, "verdict").verdict)


def _columns(
    joint: Joint,
    axes: FitAxes,
    end: Reoptimisation,
    judged: _Judged,
    final: Float,
    start: Float,
    at_zero: Float,
) -> dict[str, Any]:
    """Return the columns of a fit, `distance_polish` left out."""
    certificate = judged.certificate
    angles = perturbation_angles(joint.vectors, end.start)
    return {
        **cell_distances(joint, axes, final, start, at_zero),
        "distance_polish": None,
        "angle": float(np.add.reduce(angles) / angles.size),
        "fun": end.fun,
        "energy_start": end.energy_start,
        "energy_final": end.energy,
        "energy_bound": None,  # the stage finds it when all fits are there (`bounds.py`)
        "norm_error": end.norm_error,
        "relative_gradient": end.relative_gradient,
        "min_eigenvalue": certificate.min_eigenvalue,
        "n_negative": certificate.n_negative,
        "n_zero": certificate.n_zero,
        "nit": end.nit,
        "nfev": end.nfev,
        "verdict": str(certificate.verdict),
        "verdict_polished": str(judged.verdict_polished),
        "status": str(end.status),
    }


def _polish(joint: Joint, axes: FitAxes, vectors: Float) -> Float:
    """Return the minimum of the basin of an end, (n, f), by the back end that found it."""
    if axes.backend == "scipy":
        return polish(vectors, joint.importance, joint.norms, joint.kernel, gtol=axes.gtol).vectors
    from superpos.fits.compiled.manifold import polished_vectors

    return polished_vectors(vectors, joint.importance, joint.norms, joint.kernel, gtol=axes.gtol)


def _certify(joint: Joint, axes: FitAxes, vectors: Float, spectrum: str) -> Certificate:
    kernel = joint.kernel
    if axes.backend != "scipy":
        from superpos.fits.compiled.certificate import certify_at
        from superpos.fits.compiled.verdict import quick_verdict

        quick = quick_verdict(vectors, joint.importance, kernel)
        if quick is not None and quick.settles(spectrum):
            return quick.certificate()
        if quick is None:  # which nothing has checked
            vectors = check_vectors("vectors", vectors, kernel)
        return certify_at(vectors, joint.importance, kernel, quick, spectrum=spectrum)
    return certify(
        vectors,
        joint.importance,
        energy=kernel.energy,
        s=kernel.s,
        self_energy=kernel.self_energy,
        softening=kernel.softening,
        backend=axes.backend,
        spectrum=spectrum,
    )


def _failure(work: JointWork, fit_axes_key: bytes, error: BaseException) -> CellFailure:
    key = f"{work.psm_key.hex()}.{work.axes_key.hex()}.{fit_axes_key.hex()}"
    found = task_error(error)
    return CellFailure(stage="fits", key=key, reason=found.reason, message=found.message)


def same_columns(stored: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    """Return the columns in which two results of one cell differ; `seconds` does not count."""
    names = [name for name in made if name != "seconds"]
    return [name for name in names if not _equal(stored.get(name), made[name])]


def _equal(a: Any, b: Any) -> bool:
    if isinstance(b, float) and not math.isfinite(b):
        b = None
    return bool(a == b)
