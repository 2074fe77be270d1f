"""Failures: counted, quarantined, put back for one study alone, and shown by stage."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from superpos.db.activations import missing_activations
from superpos.db.datasets import missing_datasets
from superpos.db.failures import (
    MAX_ATTEMPTS,
    clear_failures,
    failed_keys,
    failures_by_reason,
    put_back,
    record_failures,
)
from superpos.db.fits import WorkReader, missing_cells
from superpos.db.metadata import metadata
from superpos.db.probes import missing_directions
from superpos.db.progress import fit_rate, is_left, study_progress
from superpos.db.psms import missing_targets
from superpos.db.results import Results
from superpos.db.runs import end_run
from superpos.records.work import CellFailure


def fail(store: Any, stage: str, key: str, times: int = 1, message: str = "broke") -> None:
    for _ in range(times):
        record_failures(store.database, [CellFailure(stage, key, "ValueError", message)], store.run_id)


def cell_keys(store: Any) -> list[str]:
    """Keys of the missing fits, as failures name them."""
    reader = WorkReader(store.database, keep_vectors=False)
    return [
        reader.key_text(work.psm_key, work.axes_key, axes_key)
        for work in store.works()
        for _, axes_key, _ in work.fits
    ]


def row(store: Any, stage: str) -> tuple[int, int, int, int, int]:
    found = {one.stage: one for one in study_progress(store.database, store.plan.study.name)}[stage]
    return found.planned, found.done, found.failed, found.quarantined, found.not_applicable


def test_work_is_left_alone_after_the_last_attempt_until_it_is_put_back(open_store: Any) -> None:
    store = open_store()
    assert MAX_ATTEMPTS == 3

    def check(stage: str, missing: Any, planned: int) -> None:
        key = next(iter(missing())).hex()
        fail(store, stage, key, 2)
        assert len(missing()) == planned
        assert row(store, stage)[2:4] == (1, 0)
        fail(store, stage, key)
        assert key not in {one.hex() for one in missing()}
        assert len(missing()) == planned - 1
        assert row(store, stage)[2:4] == (0, 1)
        assert failed_keys(store.database, stage) == {key: True}
        assert put_back(store.database, "small") == 1
        assert len(missing()) == planned
        assert failed_keys(store.database, stage) == {key: False}
        fail(store, stage, key, 2)  # the count began anew
        assert failed_keys(store.database, stage) == {key: False}
        clear_failures(store.database, stage, [key])
        assert failed_keys(store.database, stage) == {}

    database, study = store.database, store.study_id
    check("datasets", lambda: missing_datasets(database, study), 1)
    store.datasets()
    check("activations", lambda: [work.key for work in missing_activations(database, study)], 2)
    store.activations()
    check("probes", lambda: [work.key for work in missing_directions(database, study)], 2)
    store.directions()
    check("psms", lambda: [work.key for work in missing_targets(database, study, 10)], 4)


def test_failures_of_cells_are_counted_like_the_cells_themselves(open_store: Any) -> None:
    store = open_store(layers=(0, 1, 2)).inputs()
    keys = cell_keys(store)
    assert len(keys) == len(missing_cells(store.database, store.study_id)) == (3 + 1) * 2
    shared = targets_of_matrices(store)
    # A cell of the gaussian matrix that three layers share is three cells of the study.
    gaussian = next(key for key in keys if shared[key[:32]] == 3)
    alone = next(key for key in keys if shared[key[:32]] == 1)
    fail(store, "fits", gaussian, 3)
    fail(store, "fits", alone, 1)
    assert row(store, "fits") == (12, 0, 1, 3, 0)
    assert failed_keys(store.database, "fits") == {gaussian: True, alone: False}
    assert is_left(study_progress(store.database, store.plan.study.name))
    assert put_back(store.database, "small") == 1
    assert row(store, "fits") == (12, 0, 4, 0, 0)


def targets_of_matrices(store: Any) -> dict[str, int]:
    query = sa.text("SELECT p.key, COUNT(*) FROM psms p JOIN targets t ON t.psm_id = p.psm_id GROUP BY p.key")
    with store.database.read() as connection:
        return {key: int(count) for key, count in connection.execute(query)}


def test_another_study_keeps_its_quarantine_even_on_a_shared_matrix(open_store: Any) -> None:
    one = open_store(name="one", energies=("exp",)).inputs()
    two = open_store(name="two", energies=("exp", "log")).inputs()
    mine, both = set(cell_keys(one)), set(cell_keys(two))
    assert mine < both
    ours, theirs = min(mine), min(both - mine)
    assert theirs[:32] in {key[:32] for key in mine}
    fail(one, "fits", ours, 3)
    fail(two, "fits", theirs, 3)
    assert (row(one, "fits")[3], row(two, "fits")[3]) >= (1, 2)
    assert put_back(one.database, "one") == 1
    assert failed_keys(one.database, "fits") == {ours: False, theirs: True}
    assert put_back(one.database, "absent") == 0
    assert put_back(one.database, "two") == 1
    assert failed_keys(one.database, "fits") == {ours: False, theirs: False}


def test_inputs_of_another_study_keep_their_quarantine(open_store: Any) -> None:
    one = open_store(name="one", layers=(0,))
    two = open_store(name="two", layers=(1,))
    for store in (one, two):
        fail(store, "activations", store.plan.activations[0].key.hex(), 3)
    assert put_back(one.database, "one") == 1
    assert row(one, "activations")[2:4] == (1, 0)
    assert row(two, "activations")[2:4] == (0, 1)


def test_an_old_revision_is_not_put_back(open_store: Any) -> None:
    old = open_store(layers=(0, 1))
    key = old.plan.activations[1].key.hex()
    fail(old, "activations", key, 3)
    open_store(layers=(0,))
    assert put_back(old.database, "small") == 0


def test_the_last_reason_is_the_one_shown(open_store: Any) -> None:
    store = open_store()
    keys = [activation.key.hex() for activation in store.plan.activations]
    fail(store, "activations", keys[0], message="first")
    fail(store, "activations", keys[0], message="out of memory")
    fail(store, "activations", keys[1], message="out of memory")
    fail(store, "datasets", store.plan.datasets[0].key.hex(), message="no such folder")
    assert failures_by_reason(store.database, ("small",)) == {
        "activations: out of memory": 2,
        "datasets: no such folder": 1,
    }
    with store.database.read() as connection:
        c = metadata.tables["cell_failures"].c
        attempts = {row.key: row.attempts for row in connection.execute(sa.select(c.key, c.attempts))}
    assert attempts[keys[0]] == 2


def test_messages_that_differ_in_numbers_and_keys_are_one_reason(open_store: Any) -> None:
    store = open_store(layers=(0, 1))
    other = open_store(name="other", layers=(2,))
    for place, activation in enumerate(store.plan.activations):
        key = activation.key.hex()
        fail(store, "activations", key, message=f"layer {place} of {key} took 1.{place}e+0{place} s")
    fail(other, "activations", other.plan.activations[0].key.hex(), message="no such file")
    found = failures_by_reason(store.database, ("small",))
    assert list(found.values()) == [2]
    assert next(iter(found)).startswith("activations: layer ")
    assert failures_by_reason(store.database, ("other",)) == {"activations: no such file": 1}
    assert sum(failures_by_reason(store.database, ("small", "other")).values()) == 3


def test_the_rate_is_that_of_the_newest_run_that_made_fits(open_store: Any) -> None:
    store = open_store()
    assert fit_rate(store.database) is None
    assert list(Results(store.database).frame("runs")["outcome"]) == ["running"]
    store.everything()
    assert fit_rate(store.database) is None  # the run has not ended
    end_run(store.database, store.run_id, {"fits": 3.0, "psms": 0.12345}, "done")
    assert fit_rate(store.database) == 6 / 3.0
    assert list(Results(store.database).frame("runs")["outcome"]) == ["done"]
    with store.database.read() as connection:
        c = metadata.tables["runs"].c
        assert connection.scalar(sa.select(c.seconds)) == {"fits": 3.0, "psms": 0.123}
