"""Measures of every matrix of a study, of the features and of each control (`superpos.kinds.measures`).

Part of the stage `psms`: whatever a matrix lacks is found. So matrices that an older version made get the
measures of this one, and a measure whose version was raised is found anew. Measures that need a kernel or a
dimension are found for the kernels of the study and the dimensions of the matrix' blocks, below n only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from superpos.arrays import Float
from superpos.db.analysis import unfinished
from superpos.db.commits import Commit
from superpos.db.engine import Database
from superpos.db.insert import parts
from superpos.db.leases import under
from superpos.db.measures import (
    Measured,
    Place,
    dimensions,
    finish_measures,
    intervals,
    kernels,
    matrices,
    similarities,
    unmeasured,
)
from superpos.kinds.measures import MEASURES, Measure
from superpos.psms.measuring import Asked, answer
from superpos.records.psms import PsmRecord
from superpos.stages.context import Context
from superpos.stages.executor import Reporter
from superpos.stages.measure_intervals import find_intervals, lacking_intervals
from superpos.stages.shift import in_turn
from superpos.threads import one_thread

STEP = "measures"
BATCH = 200
"""Matrices that are measured and written together."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Measures of the matrices of one similarity that read alike: in one dimension or in none."""

    similarity: str
    n_dims: int
    asked: tuple[Asked, ...]
    with_ceiling: bool = False
    """Whether they read the noise ceiling."""


def measure(database: Database, study_id: int, reporter: Reporter) -> None:
    """Find every measure that a matrix of the study lacks; small enough to be made by the driver itself.

    A measure that fails is said and left out; the next run tries it again.

    Raises
    ------
    InputError
        If a measure of another package cannot be imported.
    """
    lacked = _lacked(database, study_id)
    if lacked:
        reporter.start(STEP, sum(map(len, lacked.values())))
        for task, ids in lacked.items():
            _find(database, task, ids, reporter, lambda: database.write(Commit.STORE))
        reporter.finish(STEP)
    find_intervals(database, study_id, lambda: database.write(Commit.STORE))


def measure_all(context: Context) -> None:
    """Find every measure that a run's study lacks, but those that other runs find; raises as `measure`."""
    database = context.database
    lacked = _lacked(database, context.study_id)
    if lacked:
        _share(context, lacked)
    if lacking_intervals(database, context.study_id):
        for _, lease in in_turn(context, STEP, ["intervals"]):
            find_intervals(database, context.study_id, partial(under, database, lease))


def _share(context: Context, lacked: dict[_Task, list[int]]) -> None:
    """Find what is lacked, task by task, with the other runs."""
    database, reporter = context.database, context.reporter
    reporter.start(STEP, sum(map(len, lacked.values())))
    # By what is read, not by what is asked: studies that share matrices may ask for other kernels.
    tasks = {f"{task.similarity} {task.n_dims} {task.with_ceiling}": task for task in lacked}
    for key, lease in in_turn(context, STEP, tasks):
        task = tasks[key]
        ids = _ids(database, context.study_id, task)
        reporter.advance(STEP, len(lacked[task]) - len(ids))
        _find(database, task, ids, reporter, partial(under, database, lease))
    reporter.finish(STEP)


def _find(
    database: Database,
    task: _Task,
    missing: Sequence[int],
    reporter: Reporter,
    writing: Callable[[], AbstractContextManager[Any]],
) -> None:
    """Find the measures of one task, and write them batch by batch in transactions that `writing` opens."""
    asked = task.asked
    for ids in parts(missing, BATCH):
        given = matrices(database, ids)
        known = intervals(database, ids) if task.with_ceiling else None
        with one_thread():  # of BLAS, so that bits do not depend on the machine's cores
            answers, failed = answer(
                given.matrices, asked, n_dims=task.n_dims, widths=given.widths, intervals=known
            )
        for said in failed.values():
            reporter.note(f"{STEP}: {said}")
        asked = tuple(one for one in asked if one not in failed)
        found = [
            Measured(one.measure.name, _place(one, task), version(one), each.value, each.bound, each.scaled)
            for one, each in answers.items()
        ]
        with writing():
            finish_measures(database, ids, found)
            unfinished(database)  # answers read measures
        reporter.advance(STEP, len(ids))


def _lacked(database: Database, study_id: int) -> dict[_Task, list[int]]:
    """Return the matrices that lack a measure, by task, without tasks that lack none."""
    found = {task: _ids(database, study_id, task) for task in _tasks(database, study_id)}
    return {task: ids for task, ids in found.items() if ids}


def _ids(database: Database, study_id: int, task: _Task) -> list[int]:
    return sorted({found for ids in _missing(database, study_id, task) for found in ids})


def lacking(database: Database, study_id: int) -> bool:
    """Return whether some matrix of the study lacks a measure or its interval; raises as `measure`."""
    return lacking_intervals(database, study_id) or any(
        ids for task in _tasks(database, study_id) for ids in _missing(database, study_id, task, limit=1)
    )


Stored = Mapping[tuple[str, Place], tuple[int, float | None, float | None]]
"""By measure and place: version, value, bound."""


def measured_again(
    record: PsmRecord, width: float, stored: Stored, known: Float
) -> dict[tuple[str, Place], tuple[float, float]]:
    """Return value and bound that this program finds of the stored measures that are of its version.

    `known` is the noise ceiling of the entries, (n (n - 1) / 2, 2).
    """
    found: dict[tuple[str, Place], tuple[float, float]] = {}
    kinds = {kind.name: kind for kind in _wanted(record.similarity)}
    for n_dims in sorted({place.n_dims for _, place in stored}):
        asked = {
            Asked(kinds[name], place.kernel): (name, place)
            for name, place in stored
            if place.n_dims == n_dims and name in kinds
        }
        current = [one for one, key in asked.items() if stored[key][0] == version(one)]
        answers, _ = answer([record.matrix], current, n_dims=n_dims, widths=[width], intervals=[known])
        for one, each in answers.items():
            found[asked[one]] = (float(each.value[0]), float(each.bound[0]))
    return found


def version(asked: Asked) -> int:
    """Return the version of what a measure says: it rises with the measure's and with the energy's."""
    return asked.measure.version + (asked.kernel.kind.version - 1 if asked.kernel else 0)


def _tasks(database: Database, study_id: int) -> Iterator[_Task]:
    of_fits, depths = kernels(database, study_id), dimensions(database, study_id)
    for similarity in similarities(database, study_id):
        wanted = _wanted(similarity)
        for n_dims, with_ceiling in [(0, False), (0, True), *((depth, False) for depth in depths)]:
            asked = tuple(
                Asked(kind, kernel)
                for kind in wanted
                if kind.per_dimension == (n_dims > 0) and (kind.reads == "intervals") == with_ceiling
                for kernel in (of_fits if kind.per_kernel else (None,))
            )
            if asked:
                yield _Task(similarity, n_dims, asked, with_ceiling)


def _missing(database: Database, study_id: int, task: _Task, limit: int | None = None) -> Iterator[list[int]]:
    """Yield the matrices that lack a measure, kernel by kernel."""
    versions: dict[Place, dict[str, int]] = {}
    for one in task.asked:
        versions.setdefault(_place(one, task), {})[one.measure.name] = version(one)
    for place, of_place in versions.items():
        yield unmeasured(
            database, study_id, task.similarity, of_place, limit, place, with_ceiling=task.with_ceiling
        )


def _place(asked: Asked, task: _Task) -> Place:
    return Place(asked.kernel, task.n_dims)


def _wanted(similarity: str) -> list[Measure]:
    return [kind for kind in MEASURES if kind.applies_to(similarity)]
