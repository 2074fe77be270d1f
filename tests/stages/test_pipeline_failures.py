"""Work that ends without a result: recorded, tried again, quarantined, put back; bad text is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from tiny_study import Notes, Tiny, count, read_views, run_tiny

from superpos.db.engine import Database
from superpos.db.failures import MAX_ATTEMPTS, failed_keys, put_back
from superpos.db.migrate import ensure_current
from superpos.db.progress import is_left, study_progress
from superpos.errors import InputError, StageError
from superpos.stages import fit_cells, matrices
from superpos.stages.executor import Answer, TaskError, attempt
from superpos.stages.tasks import TASKS

Views = dict[str, list[tuple[str, ...]]]


class Broken:
    """Runs tasks, but gives an error instead of an answer where told to."""

    n_workers = 1

    def __init__(self, is_broken: Callable[[str, int, Any], bool], reason: str = "worker_lost") -> None:
        self._is_broken = is_broken
        self._reason = reason

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        for index, payload in enumerate(payloads):
            if self._is_broken(task, index, payload):
                yield Answer(index, None, TaskError(self._reason, f"{task} {index} broke"))
            else:
                yield attempt(TASKS[task], index, payload)


@pytest.fixture
def unfitted(database: Database, tiny: Tiny) -> tuple[Database, Any]:
    """The tiny study with everything but its fits, in a database of either kind."""
    plan = tiny.plan(more="")
    run_tiny(
        database,
        plan,
        stages=("datasets", "activations", "probes", "psms"),
        data_folder=tiny.folder / "data",
    )
    return database, plan


def fits_row(database: Database) -> Any:
    return {row.stage: row for row in study_progress(database, "tiny")}["fits"]


def test_a_lost_chunk_of_fits_is_tried_again_and_its_failure_forgotten(
    unfitted: tuple[Database, Any], tiny: Tiny
) -> None:
    database, plan = unfitted
    notes = Notes()
    first: set[tuple[int, int]] = set()

    def of_the_first_chunk(task: str, _: int, given: Any) -> bool:
        """Whether cells of the chunk that came first are among those given, however they are cut."""
        joints = {(work.psm_id, work.joint_axes_id) for work in given.payload} if task == "fits" else set()
        first.update(joints if not first else ())
        return bool(joints & first)

    run_tiny(
        database,
        plan,
        Broken(of_the_first_chunk, "StageError"),
        notes,
        stages=("fits",),
        data_folder=tiny.folder / "data",
    )
    failed = failed_keys(database, "fits")
    assert len(failed) == 6  # each of the first chunk: two joint fits with three re-optimisations each
    assert set(failed.values()) == {False}
    assert count(database, "cell_failures", "attempts = 1 AND reason = 'StageError'") == len(failed)
    assert sum("fits: 1 cell failed: fits" in note for note in notes.said) == 6
    assert count(database, "runs", "outcome = 'incomplete'") == 1
    row = fits_row(database)
    assert row.failed >= len(failed)  # two targets share a matrix, and both lack their cells
    assert row.undone == row.failed
    assert is_left(study_progress(database, plan.study.name))

    run_tiny(database, plan, data_folder=tiny.folder / "data")
    assert failed_keys(database, "fits") == {}
    assert fits_row(database).undone == 0
    assert count(database, "runs", "outcome = 'done'") == 2


def test_fits_that_always_fail_are_quarantined_and_can_be_put_back(
    unfitted: tuple[Database, Any], tiny: Tiny
) -> None:
    database, plan = unfitted
    data = tiny.folder / "data"

    def hopeless(task: str, _: int, given: Any) -> bool:
        return task == "fits" and any(work.axes.energy == "riesz" for work in given.payload)

    for attempt_number in range(1, MAX_ATTEMPTS + 1):
        run_tiny(database, plan, Broken(hopeless, "StageError"), data_folder=data)
        quarantined = attempt_number == MAX_ATTEMPTS
        assert set(failed_keys(database, "fits").values()) == {quarantined}
    n_failed = len(failed_keys(database, "fits"))
    row = fits_row(database)
    assert row.failed == 0
    assert row.quarantined == row.undone > 0
    assert not is_left(study_progress(database, plan.study.name))  # nothing that a run would try
    before = count(database, "fits")
    run_tiny(database, plan, data_folder=data)
    assert count(database, "fits") == before

    assert put_back(database, "no such study") == 0
    assert put_back(database, "tiny") == n_failed
    run_tiny(database, plan, data_folder=data)
    assert fits_row(database).undone == 0
    assert failed_keys(database, "fits") == {}


def test_a_cell_that_cannot_be_computed_takes_no_other_with_it(
    unfitted: tuple[Database, Any], tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, plan = unfitted
    genuine = fit_cells.reoptimise_held

    def unlucky(*arguments: Any, **options: Any) -> Any:
        if options["optimiser"] == "manifold":
            raise np.linalg.LinAlgError("eigenvalues did not\nconverge")
        return genuine(*arguments, **options)

    monkeypatch.setattr(fit_cells, "reoptimise_held", unlucky)
    run_tiny(database, plan, stages=("fits",), data_folder=tiny.folder / "data")
    manifold = "fit_axes_id IN (SELECT fit_axes_id FROM fit_axes WHERE optimiser = 'manifold')"
    assert count(database, "fits", manifold) == 0
    assert count(database, "fits") == 10 * 2
    assert count(database, "cell_failures", "reason = 'LinAlgError'") == 10
    with database.read() as connection:
        said = set(connection.scalars(sa.text("SELECT message FROM cell_failures")))
    assert said == {"LinAlgError: eigenvalues did not converge"}


@pytest.mark.parametrize(
    ("stage", "task", "waiting"),
    [("datasets", "dataset", 4), ("activations", "extract", 4), ("probes", "probes", 1)],
)
def test_failures_of_earlier_stages_are_recorded_and_mended(
    stage: str,
    task: str,
    waiting: int,
    new_database: Callable[[str], Database],
    tiny: Tiny,
    finished_views: Views,
) -> None:
    database, plan = new_database("failing"), tiny.plan()
    stages = ("datasets", "activations", "probes", "psms")
    sets: list[bytes] = []

    def is_broken(name: str, index: int, payload: Any) -> bool:
        if name != task or task != "probes":
            return name == task and index == 0
        keys = [
            work.key for work in payload.payload.works
        ]  # one of them breaks its task, whatever else is in it
        sets[:] = sets or keys[:1]
        return sets[0] in keys

    run_tiny(database, plan, Broken(is_broken, "ValueError"), stages=stages)
    assert 1 <= count(database, "cell_failures", f"stage = '{stage}'") <= 2
    assert count(database, "cell_failures", f"stage <> '{stage}'") == 0
    assert count(database, "direction_sets", "status = 'planned'") == waiting
    assert count(database, "targets", "status = 'not_applicable'") == 0
    run_tiny(database, plan, stages=stages)
    assert count(database, "cell_failures") == 0
    found = read_views(database)
    for view in ("dataset_features", "probe_results", "psm_results", "psm_pairs"):
        assert found[view] == finished_views[view]


def test_a_matrix_that_cannot_be_computed_waits_for_a_later_run(
    copy_of_finished: Database, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tiny.plan(name="more", more="", kernels='["exp"]').study
    targets = plan.blocks[0].targets
    from superpos.specs.study import TargetChoice
    from superpos.stages.plan import plan_study

    block = replace(plan.blocks[0], targets=(*targets, TargetChoice("spectrum")))
    planned = plan_study(replace(plan, blocks=(block,)))
    genuine = matrices.build_psm

    def unlucky(**options: Any) -> Any:
        if options["kind"] == "spectrum":
            raise np.linalg.LinAlgError("did not converge")
        return genuine(**options)

    monkeypatch.setattr(matrices, "build_psm", unlucky)
    for _ in range(MAX_ATTEMPTS):
        run_tiny(copy_of_finished, planned, stages=("psms",))
    assert count(copy_of_finished, "cell_failures", "stage = 'psms' AND quarantined = 1") == 2
    assert count(copy_of_finished, "targets", "kind = 'spectrum' AND status = 'planned'") == 2
    monkeypatch.undo()
    put_back(copy_of_finished, "more")
    run_tiny(copy_of_finished, planned)
    assert count(copy_of_finished, "cell_failures") == 0
    assert {row.stage: row.undone for row in study_progress(copy_of_finished, "more")}["fits"] == 0


def test_too_few_features_are_not_applicable(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    # One letter only: no feature has both positives and negatives.
    text = tmp_path / "letters.txt"
    text.write_text("a" * 40_000, encoding="utf-8")
    plan = tiny.plan(corpus=text, more="")
    database, notes = new_database("few"), Notes()
    run_tiny(database, plan, reporter=notes)
    progress = {row.stage: row for row in study_progress(database, "tiny")}
    assert progress["probes"].not_applicable == 4
    assert progress["psms"].not_applicable == 6
    assert progress["fits"].not_applicable == progress["fits"].planned == 6 * 2 * 3
    assert count(database, "cell_failures") == 0
    assert any("geometry needs 2" in note for note in notes.said)
    assert not is_left(study_progress(database, plan.study.name))


def test_text_that_turns_out_unusable_is_an_input_error(
    new_database: Callable[[str], Database], tiny: Tiny, tmp_path: Path
) -> None:
    # Large enough to be believed, but every line of it is shorter than the shortest sequence.
    text = tmp_path / "lines.jsonl"
    text.write_text("".join(f'{{"text": "word {i}"}}\n' for i in range(4000)), encoding="utf-8")
    database = new_database("short")
    with pytest.raises(InputError, match=r"data set text_features: .*lines\.jsonl: corpus too small"):
        run_tiny(database, tiny.plan(corpus=text))
    assert count(database, "cell_failures") == 0
    assert count(database, "datasets", "status = 'planned'") == 1
    assert count(database, "runs", "outcome = 'failed'") == 1


def test_a_data_set_that_cannot_be_remade_says_so(copy_of_finished: Database, tiny: Tiny) -> None:
    for file in (copy_of_finished.default_data_folder / "datasets").iterdir():
        file.unlink()
    plan = tiny.plan(name="other", more="", kernels='["log"]').study
    from superpos.specs.probes import ProbeSettings
    from superpos.stages.plan import plan_study

    other = replace(plan, blocks=(replace(plan.blocks[0], probes=(ProbeSettings(C=0.5),)),))
    with pytest.raises(StageError, match="dataset 0 broke"):
        run_tiny(copy_of_finished, plan_study(other), Broken(lambda task, _, __: task == "dataset"))


def test_an_empty_database_of_either_kind_can_hold_the_key_of_a_failure(database: Database) -> None:
    """The longest key of a failure is three keys with dots between; PostgreSQL refuses longer text."""
    from superpos.db.failures import record_failures
    from superpos.db.runs import start_run
    from superpos.records.work import CellFailure

    ensure_current(database)
    run = start_run(database, study="s", host="h", git_commit="", versions={}, address="")
    key = ".".join(["0" * 32] * 3)
    record_failures(database, [CellFailure("fits", key, "reason", "message")], run)
    assert failed_keys(database, "fits") == {key: False}
