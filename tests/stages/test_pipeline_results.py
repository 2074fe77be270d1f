"""The whole pipeline on a tiny study: the same bits wherever, however often and in whatever order it runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from tiny_study import SAME_VIEWS, Notes, Tiny, count, read_views, run_tiny

from superpos.db.engine import Database
from superpos.db.progress import is_left, study_progress
from superpos.stages import fits
from superpos.stages.executor import Answer, SerialExecutor, attempt
from superpos.stages.tasks import TASKS

Views = dict[str, list[tuple[str, ...]]]


class Shuffled:
    """Draws everything, works in another order and answers in yet another, as many workers might."""

    n_workers = 3

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 (an order, not a secret)

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        drawn = list(enumerate(payloads))
        self.random.shuffle(drawn)
        answers = [attempt(TASKS[task], index, payload) for index, payload in drawn]
        self.random.shuffle(answers)
        yield from answers


class Interrupted:
    """Gives so many answers, then is interrupted as by Ctrl-C."""

    n_workers = 1

    def __init__(self, answers: int) -> None:
        self.left = answers

    def run(self, task: str, payloads: Iterable[Any]) -> Iterator[Answer]:
        for index, payload in enumerate(payloads):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            yield attempt(TASKS[task], index, payload)


def test_every_view_has_rows(finished_views: Views) -> None:
    filled = {view: len(rows) > 0 for view, rows in finished_views.items()}
    # No two directions of this set are almost parallel once its copies are left out.
    assert filled == {view: view != "near_copies" for view in SAME_VIEWS}


@pytest.mark.postgres
def test_postgresql_holds_the_same_results(postgres_url: str, tiny: Tiny, finished_views: Views) -> None:
    from superpos.db.migrate import ensure_current

    database = Database(postgres_url)
    ensure_current(database)
    try:
        run_tiny(database, tiny.plan(), data_folder=tiny.folder / "data")
        assert read_views(database) == finished_views
    finally:
        database.dispose()


def test_a_rerun_does_nothing(copy_of_finished: Database, tiny: Tiny, finished_views: Views) -> None:
    plan = tiny.plan()
    assert not is_left(study_progress(copy_of_finished, plan.study.name))
    notes = Notes()
    run_tiny(copy_of_finished, plan, Interrupted(0), notes)  # whoever asks for an answer is interrupted
    assert notes.started == []
    assert notes.said == []
    assert count(copy_of_finished, "studies") == 1
    assert count(copy_of_finished, "fits", "run_id <> 1") == 0
    assert read_views(copy_of_finished) == finished_views


def test_one_more_sigma_computes_that_sigma_only(copy_of_finished: Database, tiny: Tiny) -> None:
    before = count(copy_of_finished, "fits")
    run_tiny(copy_of_finished, tiny.plan(sigmas="[0.1, 0.3]"))
    fresh = "run_id = 2"
    # Two layers and one matrix they share for each of three kinds: 5 matrices, 2 kernels, one new sigma.
    assert count(copy_of_finished, "fits", fresh) == 5 * 2
    assert count(copy_of_finished, "fits") == before + 5 * 2
    new_axes = "fit_axes_id IN (SELECT fit_axes_id FROM fit_axes WHERE sigma = 0.3)"
    assert count(copy_of_finished, "fits", f"{fresh} AND {new_axes}") == 5 * 2
    for table in ("joint_fits", "psms", "direction_sets", "activation_sets", "datasets"):
        assert count(copy_of_finished, table, fresh) == 0
    assert count(copy_of_finished, "studies", "name = 'tiny'") == 2  # an edited file is a new revision


def test_a_sigma_that_came_later_has_the_same_bits(
    copy_of_finished: Database, new_database: Callable[[str], Database], tiny: Tiny
) -> None:
    plan = tiny.plan(sigmas="[0.1, 0.3]")
    run_tiny(copy_of_finished, plan)
    at_once = new_database("at-once")
    run_tiny(at_once, plan)
    assert read_views(copy_of_finished) == read_views(at_once)


def test_a_second_study_computes_only_its_own(copy_of_finished: Database, tiny: Tiny) -> None:
    plan = tiny.plan(name="other", kernels='["exp", "log"]', more="")
    run_tiny(copy_of_finished, plan)
    assert count(copy_of_finished, "joint_fits", "run_id = 2") == 5  # log on 5 matrices; exp is shared
    assert count(copy_of_finished, "fits", "run_id = 2") == 5 * 3
    rows = {row.stage: row for row in study_progress(copy_of_finished, "other")}
    assert rows["fits"].planned == rows["fits"].done == 6 * 2 * 3  # six targets; two share a matrix
    assert count(copy_of_finished, "direction_sets") == 4


def test_order_and_chunks_do_not_matter(
    new_database: Callable[[str], Database],
    tiny: Tiny,
    finished_views: Views,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fits, "FIRST_CHUNK", 1)
    monkeypatch.setattr(fits, "LARGEST_CHUNK", 1)
    database = new_database("shuffled")
    run_tiny(database, tiny.plan(), Shuffled(seed=1))
    assert read_views(database) == finished_views


def test_interrupted_after_every_answer_it_keeps_what_is_done_and_continues(
    new_database: Callable[[str], Database], tiny: Tiny, finished_views: Views
) -> None:
    database, plan = new_database("interrupted"), tiny.plan()
    tables = ("datasets", "activation_sets", "direction_sets", "targets", "fits")
    held = 0
    interruptions = 0
    while True:
        try:
            run_tiny(database, plan, Interrupted(1))
        except KeyboardInterrupt:
            interruptions += 1
            done = [count(database, table, "run_id IS NOT NULL") for table in tables]
            assert sum(done) > held  # the answer before the interruption was kept
            held = sum(done)
            assert count(database, "runs", "outcome = 'interrupted'") == interruptions
            assert count(database, "runs", "ended_at IS NULL") == 0
        else:
            break
    assert interruptions > 8
    assert read_views(database) == finished_views


def test_stages_run_one_by_one_give_the_same(
    new_database: Callable[[str], Database], tiny: Tiny, finished_views: Views
) -> None:
    database, plan = new_database("stagewise"), tiny.plan()
    run_tiny(database, plan, stages=("fits", "analysis"))  # nothing is there to be fitted yet
    assert count(database, "fits") == 0
    for stage in ("datasets", "activations", "probes", "psms", "fits", "analysis"):
        run_tiny(database, plan, stages=(stage,))
    assert read_views(database) == finished_views
    assert count(database, "runs", "outcome = 'done'") == 6


def test_best_vectors_are_kept_where_a_study_keeps_only_those(
    new_database: Callable[[str], Database], tiny: Tiny, finished_views: Views
) -> None:
    database = new_database("best")
    text = tiny.text().replace('name = "tiny"', 'name = "tiny"\nstore_vectors = "best"', 1)
    file = tiny.file()
    file.write_text(text, encoding="utf-8")
    from superpos.specs.studyfile import load_study
    from superpos.stages.plan import plan_study

    plan = plan_study(load_study(file))
    run_tiny(database, plan, stages=("datasets", "activations", "probes", "psms", "fits"))
    at_zero = "fit_axes_id IN (SELECT fit_axes_id FROM fit_axes WHERE sigma = 0)"
    assert count(database, "fit_arrays") == count(database, "fits", at_zero)
    with pytest.raises(KeyboardInterrupt):  # between the choice of the best and their vectors
        run_tiny(database, plan, Interrupted(0))
    run_tiny(database, plan)
    missing = (
        "NOT EXISTS (SELECT 1 FROM fit_arrays a WHERE a.joint_id = best_match.joint_id"
        " AND a.fit_axes_id = best_match.fit_axes_id)"
    )
    assert count(database, "best_match", missing) == 0
    assert read_views(database) == finished_views


def test_best_vectors_that_cannot_be_made_are_found_missing(
    new_database: Callable[[str], Database], tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from superpos.specs.studyfile import load_study
    from superpos.stages import analysis
    from superpos.stages.plan import plan_study

    database, file = new_database("best"), tiny.file(more="", kernels='["exp"]')
    text = file.read_text(encoding="utf-8").replace(
        'name = "tiny"', 'name = "tiny"\nstore_vectors = "best"', 1
    )
    file.write_text(text, encoding="utf-8")
    plan = plan_study(load_study(file))
    run_tiny(database, plan, stages=("datasets", "activations", "probes", "psms", "fits"))
    with monkeypatch.context() as patch:
        patch.setattr(analysis.fits, "compute_cells", lambda *_: 1)
        run_tiny(database, plan)
    rows = {row.stage: row.undone for row in study_progress(database, "tiny")}
    assert {stage for stage, undone in rows.items() if undone} == {"analysis"}
    assert is_left(study_progress(database, plan.study.name))
    run_tiny(database, plan)
    assert not is_left(study_progress(database, plan.study.name))
    assert count(database, "runs", "outcome = 'incomplete'") == 1


def test_a_feature_without_positives_is_reported_and_the_rest_goes_on(
    new_database: Callable[[str], Database], tiny: Tiny
) -> None:
    database, notes = new_database("left-out"), Notes()
    run_tiny(
        database, tiny.plan(), SerialExecutor(TASKS), notes, stages=("datasets", "activations", "probes")
    )
    said = [note for note in notes.said if "is_not_ascii" in note]
    assert said == [
        "data set text_features: feature is_not_ascii is left out (no_positives: 0 positives, 200 negatives)"
    ]
    assert count(database, "features", "status = 'no_positives'") == 1
    assert count(database, "probes", "status = 'no_positives' AND row_index IS NULL AND roc_auc IS NULL") == 4
    # Of the other ten, two have the labels of another one on all samples of this small text.
    assert count(database, "features", "status IN ('duplicate', 'opposite') AND duplicate_of <> ''") == 2
    assert count(database, "probes", "status IN ('duplicate', 'opposite') AND row_index IS NULL") == 8
    assert count(database, "direction_sets", "n_features = 8 AND status = 'done'") == 4
