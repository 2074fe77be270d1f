"""Lower bounds on the energies of a study's fits (`superpos.bounds`), joint and re-optimised ones.

Part of the stage `fits`: whatever lacks a bound gets it. So fits that an older version made get the bounds of
this one. A bound depends on the kernel, the dimension, the importance and the norms, on no key and on no end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from superpos.bounds import BOUND_VERSION, Floor
from superpos.db.bounds import bound_version, bound_works, finish_bounds, unbounded_joints
from superpos.db.engine import Database
from superpos.db.insert import parts
from superpos.fits import softmax
from superpos.fits.relaxed import minimum_in_more_dimensions
from superpos.records.bounds import BoundResult, BoundWork
from superpos.stages.context import Context

STEP = "bounds"
CHUNK = 100
"""Joint fits that a worker is handed at once."""


def bound(context: Context) -> None:
    """Find every bound that an end of the study lacks.

    What cannot be found is said and left out; the next run tries it again.
    """
    missing = unbounded_joints(context.database, context.study_id, BOUND_VERSION)
    if not missing:
        return
    context.reporter.start(STEP, len(missing))
    sizes = [len(ids) for ids in parts(missing, CHUNK)]
    for answer in context.executor.run(STEP, _chunks(context, missing)):
        if answer.error is None:
            finish_bounds(context.database, answer.value, BOUND_VERSION)
        else:
            context.reporter.note(f"{STEP}: {answer.error.message}")
        context.reporter.advance(STEP, sizes[answer.index])
    context.reporter.finish(STEP)


def _chunks(context: Context, missing: Sequence[int]) -> Iterator[list[BoundWork]]:
    for ids in parts(missing, CHUNK):
        yield list(bound_works(context.database, ids))


def bounds_of_chunk(works: Sequence[BoundWork]) -> list[BoundResult]:
    """Return the bounds of a chunk (what a worker runs)."""
    return [bounds_of(work) for work in works]


def bounds_of(work: BoundWork) -> BoundResult:
    """Return the bound of a joint fit and those of its re-optimisations."""
    vectors, importance = work.vectors / work.start_radius, softmax(work.logits)
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(vectors, axis=1)
    if not (np.isfinite(norms).all() and np.isfinite(importance).all() and (norms > 0.0).all()):
        return _none(work)
    kernel = work.axes.kernel
    floor = Floor(
        kernel=kernel,
        n_dims=vectors.shape[1],
        importance=importance,
        norms=norms,
        units=minimum_in_more_dimensions(importance, norms, kernel, work.axes.backend),
    )
    least, method = floor.at()
    if not math.isfinite(least):
        return _none(work)
    return BoundResult(
        work.joint_id, least, method, tuple((axes, floor.at(off)[0]) for axes, off in work.ends)
    )


def bounds_again(database: Database, joint_id: int) -> BoundResult | None:
    """Return what this program finds for one joint fit; None if what is stored is of another version."""
    if bound_version(database, joint_id) != BOUND_VERSION:
        return None
    return bounds_of(next(bound_works(database, [joint_id])))


def _none(work: BoundWork) -> BoundResult:
    return BoundResult(work.joint_id, math.nan, "none", tuple((axes, math.nan) for axes, _ in work.ends))
