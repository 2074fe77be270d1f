"""Lower bounds on the energies of a study's fits (`superpos.bounds`), joint and re-optimised ones.

Part of the stage `fits`: whatever lacks a bound gets it. So fits that an older version made get the bounds of
this one. A bound depends on the kernel, the dimension, the importance and the norms, on no key and on no end.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from superpos.bounds import BOUND_VERSION, Floor
from superpos.db.bounds import bound_version, bound_works, finish_bounds, unbounded_joints
from superpos.db.engine import Database
from superpos.db.insert import parts
from superpos.fits import softmax
from superpos.fits.relaxed import minimum_in_more_dimensions
from superpos.records.bounds import BoundResult, BoundWork
from superpos.stages.context import Context
from superpos.stages.executor import TaskError
from superpos.stages.loop import Done, Leasing, Stage, run_stage

STEP = "bounds"
CHUNK = 100
"""Joint fits that a worker is handed at once."""


def bound(context: Context) -> None:
    """Find every bound that an end of the study lacks.

    What cannot be found is said and left out; the next run tries it again.
    """
    missing = unbounded_joints(context.database, context.study_id, BOUND_VERSION)

    def still(ids: Sequence[int], _: Collection[str]) -> Sequence[int] | None:
        return unbounded_joints(context.database, context.study_id, BOUND_VERSION, ids) or None

    def refuse(_: Sequence[int], error: TaskError) -> bool:
        context.reporter.note(f"{STEP}: {error.message}")
        return True

    run_stage(
        context,
        Stage(
            name=STEP,
            task=STEP,
            works=parts(missing, CHUNK),
            total=len(missing),
            payload=lambda ids: list(bound_works(context.database, ids)),
            insert=lambda done: _insert(context, done),
            keys=lambda _: (),
            leasing=Leasing(
                keys=lambda ids: [str(one) for one in ids],
                part=lambda ids, keys: [one for one in ids if str(one) in keys],
                missing=still,
            ),
            steps=len,
            refuse=refuse,
        ),
    )


def _insert(context: Context, done: Done[Sequence[int]]) -> None:
    for _, results in done:
        finish_bounds(context.database, results, BOUND_VERSION)


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
