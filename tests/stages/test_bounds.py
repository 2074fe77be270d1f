"""Bounds of ends: no end is below its own, older rows get theirs, what fails is tried again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from tiny_study import Notes, Tiny, run_tiny

from superpos.bounds import BOUND_VERSION
from superpos.db.bounds import bound_works, unbounded_joints
from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.fits import energy_value, softmax
from superpos.stages import bounds
from superpos.stages.bounds import bounds_again, bounds_of
from superpos.stages.executor import Answer, SerialExecutor, TaskError
from superpos.stages.tasks import TASKS

LACKING = "UPDATE fits SET energy_bound = NULL WHERE fit_axes_id = (SELECT MIN(fit_axes_id) FROM fits)"
OLD = "UPDATE joint_fits SET bound_version = 0, energy_bound = NULL, bound_method = ''"


def execute(database: Database, statement: str) -> None:
    with database.write() as connection:
        connection.execute(sa.text(statement))


def frames(database: Database) -> tuple[pd.DataFrame, pd.DataFrame]:
    results = Results(database)
    return results.frame("joint_results"), results.frame("fit_results")


def started(notes: Notes) -> list[int]:
    return [total for stage, total in notes.started if stage == "bounds"]


def run_again(database: Database, tiny: Tiny, **more: Any) -> Notes:
    notes = Notes()
    run_tiny(database, tiny.plan(), reporter=notes, stages=("fits",), **more)
    return notes


def test_no_end_is_below_its_bound(copy_of_finished: Database) -> None:
    joint, fits = frames(copy_of_finished)
    for frame, energy in ((joint, "energy_joint"), (fits, "energy_final")):
        assert frame["energy_bound"].notna().all()
        np.testing.assert_allclose(frame["energy_gap"], frame[energy] - frame["energy_bound"])
        assert (frame["energy_gap"] >= -1e-12).all()
        assert set(frame["bound_method"]) <= {"linear_program", "convex", "farthest"}
    exact = fits[fits["optimiser"] == "manifold"]
    assert (exact["energy_gap"] < fits[fits["optimiser"] == "powell"]["energy_gap"].median()).all()


def test_no_other_vectors_of_these_norms_are_below_either(copy_of_finished: Database) -> None:
    rng = np.random.default_rng(0)
    ids = unbounded_joints(copy_of_finished, 1, version=-1)  # all of them are of another version
    works = list(bound_works(copy_of_finished, ids))
    assert [work.joint_id for work in works] == ids
    for work in works:
        vectors, importance = work.vectors / work.start_radius, softmax(work.logits)
        norms = np.linalg.norm(vectors, axis=1)
        found = bounds_of(work)
        lowest = math.inf
        for _ in range(100):
            rows = rng.standard_normal(vectors.shape)
            rows *= (norms / np.linalg.norm(rows, axis=1))[:, None]
            lowest = min(lowest, energy_value(rows, importance, work.axes.kernel))
        assert found.bound < lowest
        offs = dict(work.ends)
        for axes, bound in found.ends:  # the more the norms were let go, the lower
            assert bound <= found.bound
            assert work.axes.kernel.kind.angular or offs[axes] < 1e-14 or bound < found.bound


def test_what_an_older_version_made_gets_its_bounds_and_nothing_twice(
    copy_of_finished: Database, tiny: Tiny
) -> None:
    before = frames(copy_of_finished)
    assert started(run_again(copy_of_finished, tiny)) == []
    for change, number in ((OLD, 14), (LACKING, None)):
        execute(copy_of_finished, change)
        (total,) = started(run_again(copy_of_finished, tiny))
        assert 0 < total <= 14
        assert number in (total, None)
        for one, other in zip(before, frames(copy_of_finished), strict=True):
            pd.testing.assert_frame_equal(one, other)


class FailsOnce:
    """Answers the task `bounds` with an error the first time."""

    n_workers = 1

    def __init__(self) -> None:
        self.failed = False
        self.others = SerialExecutor(TASKS)

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        if task == "bounds" and not self.failed:
            self.failed = True
            for index, _ in enumerate(payloads):
                yield Answer(index, None, TaskError("worker_lost", "the worker was lost"))
        else:
            yield from self.others.run(task, payloads)


def test_what_fails_is_said_and_found_by_the_next_run(copy_of_finished: Database, tiny: Tiny) -> None:
    before = frames(copy_of_finished)
    execute(copy_of_finished, OLD)
    executor = FailsOnce()
    notes = run_again(copy_of_finished, tiny, executor=executor)
    assert notes.said == ["bounds: the worker was lost"]
    assert frames(copy_of_finished)[0]["energy_bound"].isna().all()
    assert run_again(copy_of_finished, tiny, executor=executor).said == []
    pd.testing.assert_frame_equal(before[0], frames(copy_of_finished)[0])


def test_a_fit_that_ran_away_has_none_and_is_not_asked_again(copy_of_finished: Database, tiny: Tiny) -> None:
    work = next(bound_works(copy_of_finished, unbounded_joints(copy_of_finished, 1, version=-1)))
    for vectors in (np.full_like(work.vectors, np.inf), np.zeros_like(work.vectors)):
        found = bounds_of(replace(work, vectors=vectors))
        assert (found.method, math.isnan(found.bound)) == ("none", True)
        assert [axes for axes, bound in found.ends if math.isnan(bound)] == [axes for axes, _ in work.ends]
    execute(copy_of_finished, "UPDATE joint_fits SET bound_method = 'none', energy_bound = NULL")
    execute(copy_of_finished, "UPDATE fits SET energy_bound = NULL")
    assert started(run_again(copy_of_finished, tiny)) == []


def test_a_bound_of_another_version_is_not_compared(
    copy_of_finished: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, *_) = unbounded_joints(copy_of_finished, 1, version=-1)
    found = bounds_again(copy_of_finished, first)
    assert found is not None
    assert found.joint_id == first
    monkeypatch.setattr(bounds, "BOUND_VERSION", BOUND_VERSION + 1)
    assert bounds_again(copy_of_finished, first) is None
