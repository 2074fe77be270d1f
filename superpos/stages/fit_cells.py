"""One joint fit with its re-optimisations, from data to data: what a worker does for the stage `fits`.

Distances are those of `cell_distances.py`, and polish = d(final, polished end of Powell). Lengths are in
units of the start radius (`joint_cells.py`); tables hold vectors in full units. The perturbation draw is
keyed by (n, n_dims, restart, trial) alone, so layers, energies, sigmas and optimisers meet the same one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

import numpy as np

from superpos.arrays import Float
from superpos.catalogue import measured
from superpos.fits import (
    certify,
    importance_entropy,
    perturbation_angles,
    polish,
    without_spectrum,
)
from superpos.fits.held import perturbed_start, reoptimise_held
from superpos.kinds.optimisers import OPTIMISERS
from superpos.records.fits import Certificate, Reoptimisation, Status, Verdict
from superpos.records.work import CellFailure, FitResult, JointDone, JointResult, JointWork
from superpos.seeding import generator
from superpos.specs.axes import FitAxes
from superpos.stages.cell_distances import cell_distances, distance
from superpos.stages.executor import FAILURES, task_error
from superpos.stages.joint_cells import Joint, joint_key, run_joint, shared

NO_RESULT: dict[str, Any] = {column.column: column.absent for column in measured("fits")}
"""Columns of a cell without a point that has similarities, at its start or at its end."""


def compute_work(work: JointWork) -> JointResult:
    """Return the joint fit (unless it exists) and every missing re-optimisation of one piece of work.

    What cannot be computed is a failure in the result; nothing is raised but errors of the program itself.
    """
    work = _owned(work)
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
    for fit_axes_id, axes_key, axes in work.fits:
        try:
            results.append(_compute_fit(joint, fit_axes_id, axes))
        except FAILURES as error:
            failed.append(_failure(work, axes_key, error))
    return JointResult(
        psm_id=work.psm_id,
        joint_axes_id=work.joint_axes_id,
        key=key,
        joint=fit,
        distance=distance(joint.similarities, work.target, "scipy"),
        entropy=importance_entropy(joint.importance) if np.all(np.isfinite(joint.importance)) else math.nan,
        seconds=seconds,
        fits=tuple(results),
        failures=tuple(failed),
    )


def _owned(work: JointWork) -> JointWork:
    """Return the work with writable arrays of its own; those that travelled may be read-only."""
    done = work.done
    if done is not None:
        done = JointDone(np.array(done.vectors), np.array(done.logits), done.start_radius)
    unperturbed = {axes: np.array(matrix) for axes, matrix in work.unperturbed.items()}
    return replace(work, target=np.array(work.target), done=done, unperturbed=unperturbed)


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


def _compute_fit(joint: Joint, fit_axes_id: int, axes: FitAxes) -> FitResult:
    began = time.perf_counter()
    if not (np.all(np.isfinite(joint.vectors)) and np.all(np.isfinite(joint.logits))):
        columns = {**NO_RESULT, "status": str(Status.NON_FINITE), "seconds": 0.0}
        return FitResult(fit_axes_id, columns)
    at_zero = _unperturbed(joint, axes)
    end = _reoptimise(joint, axes)
    final = joint.similarity(end.vectors)
    if axes.sigma == 0.0:
        at_zero = joint.unperturbed[axes] = final
    if np.all(np.isfinite(final)):
        columns, polished = _columns(joint, axes, end, final, cast("Float", at_zero))
    else:
        polished = None
        columns = {**NO_RESULT, "status": str(end.status), "nit": end.nit, "nfev": end.nfev}
    columns["seconds"] = time.perf_counter() - began
    if not (joint.work.keep_vectors or axes.sigma == 0.0):  # sigma 0 is what later sigmas are compared with
        return FitResult(fit_axes_id, columns)
    in_full = None if polished is None else joint.radius * polished
    return FitResult(
        fit_axes_id=fit_axes_id,
        columns=columns,
        vectors=joint.radius * end.vectors,
        similarities=final,
        polished=in_full,
    )


def _unperturbed(joint: Joint, axes: FitAxes) -> Float | None:
    """Return the final similarities at sigma 0, made again where neither database nor chunk has them."""
    if axes.sigma == 0.0:
        return None
    zero = replace(axes, sigma=0.0, trial=0, sigma_rule="sigma")
    if zero not in joint.unperturbed:
        joint.unperturbed[zero] = joint.similarity(_reoptimise(joint, zero).vectors)
    return joint.unperturbed[zero]


def _columns(
    joint: Joint, axes: FitAxes, end: Reoptimisation, final: Float, at_zero: Float
) -> tuple[dict[str, Any], Float | None]:
    """Return the columns of a fit, and the vectors of its polished end if its optimiser's are polished."""
    start = joint.similarity(end.start)
    certificate = _certify(joint, axes, end.vectors, "critical")
    columns: dict[str, Any] = {
        **cell_distances(joint, axes, final, start, at_zero),
        "distance_polish": None,
        "angle": float(np.mean(perturbation_angles(joint.vectors, end.start))),
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
        "verdict_polished": str(certificate.verdict),
        "status": str(end.status),
    }
    if OPTIMISERS.get(axes.optimiser).polished and certificate.verdict is not Verdict.NOT_APPLICABLE:
        polished = _polish(joint, axes, end.vectors)
        columns["distance_polish"] = distance(joint.similarity(polished), final, axes.backend)
        columns["verdict_polished"] = str(_certify(joint, axes, polished, "verdict").verdict)
        return columns, polished
    return columns, None


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
            return without_spectrum(*quick)
        if quick is not None:  # a point that no check would refuse
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
