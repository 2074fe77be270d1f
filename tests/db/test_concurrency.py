"""Two writers at once: no error, one row each, nothing lost, whatever the order they come in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from superpos.db.activations import activation_works, finish_activations, missing_activations
from superpos.db.analysis import write_analysis
from superpos.db.datasets import finish_dataset
from superpos.db.engine import Database
from superpos.db.failures import failed_keys, record_failures
from superpos.db.fits import insert_results
from superpos.db.metadata import metadata
from superpos.db.migrate import check
from superpos.db.probes import (
    direction_works,
    finish_directions,
    finish_sources,
    missing_directions,
    missing_sources,
)
from superpos.db.psms import finish_targets, missing_targets
from superpos.db.studies import register_study
from superpos.records.work import CellFailure


def at_once(database: Database, *jobs: Callable[[Database], Any]) -> list[Any]:
    """Run jobs in threads, each with a handle of its own; return their answers, raise what they raised."""
    barrier = threading.Barrier(len(jobs))
    answers: list[Any] = [None] * len(jobs)
    wrong: list[BaseException] = []

    def work(index: int, job: Callable[[Database], Any]) -> None:
        handle = Database(database.url.render_as_string(hide_password=False))
        try:
            barrier.wait()
            answers[index] = job(handle)
        except BaseException as error:  # raised again below, in the test's own thread
            wrong.append(error)
        finally:
            handle.dispose()

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
    return answers


def test_two_runs_insert_the_same_results_crosswise(open_store: Any, results_of: Any) -> None:
    store = open_store(layers=(0, 1, 2, 3), energies=("exp", "log"), sigmas=(0.0, 0.1, 0.2)).inputs()
    results = [results_of(work) for work in store.works()]
    turned = [replace(result, fits=result.fits[::-1]) for result in results[::-1]]

    def insert(rows: Sequence[Any]) -> Callable[[Database], Any]:
        def job(handle: Database) -> None:
            insert_results(handle, rows, store.run_id)
            for row in rows:
                insert_results(handle, [row], store.run_id)

        return job

    at_once(store.database, insert(results), insert(turned), insert(results[::2] + results[1::2]))
    n = len(results)
    assert n == (4 + 1) * 2
    assert (store.count("joint_fits"), store.count("fits")) == (n, 3 * n)
    assert (store.count("importance"), store.count("fit_arrays")) == (3 * n, 3 * n)
    assert store.works() == []
    assert check(store.database) == []


def test_two_runs_insert_halves_that_overlap(open_store: Any, results_of: Any) -> None:
    store = open_store(layers=(0, 1, 2, 3)).inputs()
    results = [results_of(work) for work in store.works()]
    at_once(
        store.database,
        lambda handle: insert_results(handle, results[:4], store.run_id),
        lambda handle: insert_results(handle, results[1:], store.run_id),
    )
    assert store.works() == []
    assert store.count("fits") == 2 * len(results)


def test_two_users_register_one_study(database: Database, make_plan: Any) -> None:
    plan = make_plan(energies=("exp", "log"))
    ids = at_once(database, *[lambda handle: register_study(handle, plan)] * 3)
    assert len(set(ids)) == 1
    assert check(database) == []


def test_two_users_edit_one_study(database: Database, make_plan: Any) -> None:
    plans = [make_plan(description=text) for text in ("one", "two", "three")]
    jobs = [lambda handle, plan=plan: register_study(handle, plan) for plan in plans]
    assert len(set(at_once(database, *jobs))) == 3
    with database.read() as connection:
        revisions = connection.exec_driver_sql("SELECT revision FROM studies").scalars().all()
    assert sorted(revisions) == [1, 2, 3]


def test_two_runs_finish_the_same_inputs(open_store: Any) -> None:
    store = open_store(layers=(0, 1, 2), replicates=2)
    other = replace(store)
    key = store.plan.datasets[0].key
    finish = [lambda handle: finish_dataset(handle, key, store.summary(key), store.run_id)] * 2
    at_once(store.database, *finish)
    assert store.count("features") == 4

    works = missing_activations(store.database, store.study_id)
    pairs = [(work, store.activation(work)) for work in works]
    at_once(
        store.database,
        lambda handle: finish_activations(handle, pairs, "digest", store.run_id),
        lambda handle: finish_activations(handle, pairs[::-1], "digest", store.run_id),
    )
    assert store.count("shards") == 3

    trained = [store.direction(work) for work in missing_directions(store.database, store.study_id)]
    at_once(
        store.database,
        lambda handle: finish_directions(handle, trained, store.run_id),
        lambda handle: finish_directions(handle, trained[::-1], store.run_id),
    )
    assert store.count("probes") == 12

    built = [store.target(work) for work in missing_targets(store.database, store.study_id, 100)]
    at_once(
        store.database,
        lambda handle: finish_targets(handle, built, store.run_id),
        lambda handle: finish_targets(handle, built[::-1], store.run_id),
    )
    assert store.count("psms") == 3 + 2
    assert other.targets() == []
    assert check(store.database) == []
    assert len(activation_works(store.database, [w.key for w in works])) == 3
    assert len(direction_works(store.database, [1, 2, 3])) == 3


def test_two_runs_read_the_same_directions_without_probes(open_store: Any, sources: Any) -> None:
    store = open_store(sources=sources, layers=())
    store.datasets()
    works = missing_sources(store.database, store.study_id)
    assert len(works) == 4
    results = [store.source(work) for work in works]
    at_once(
        store.database,
        lambda handle: finish_sources(handle, results, store.run_id),
        lambda handle: finish_sources(handle, results[::-1], store.run_id),
    )
    assert store.count("direction_rows") == 3 + 3 + 4 + 3
    assert missing_sources(store.database, store.study_id) == ()
    assert check(store.database) == []


def test_two_runs_count_the_failures_of_one_cell(open_store: Any) -> None:
    store = open_store()
    key = store.plan.activations[0].key.hex()

    def fail(handle: Database) -> None:
        for _ in range(5):
            record_failures(handle, [CellFailure("activations", key, "ValueError", "")], store.run_id)

    at_once(store.database, fail, fail)
    assert failed_keys(store.database, "activations") == {key: True}
    with store.database.read() as connection:
        attempts = connection.exec_driver_sql("SELECT attempts FROM cell_failures").scalars().all()
    assert attempts == [10]


def test_two_runs_write_the_same_analysis(open_store: Any) -> None:
    store = open_store().everything()
    store.analyse()
    with store.database.read() as connection:
        rows = [dict(row) for row in connection.execute(metadata.tables["best_match"].select()).mappings()]

    def write(handle: Database) -> None:
        for _ in range(3):
            write_analysis(handle, store.study_id, store.run_id, 12, rows, [])

    at_once(store.database, write, write)
    assert store.count("best_match") == len(rows)
    assert store.count("analyses") == 1


def test_readers_do_not_wait_for_a_writer(open_store: Any) -> None:
    store = open_store().inputs()
    with store.database.write() as connection:
        connection.execute(metadata.tables["studies"].update().values(name="renamed"))
        other = Database(store.database.url.render_as_string(hide_password=False))
        with other, other.read() as reader:
            assert reader.exec_driver_sql("SELECT name FROM studies").scalar() == "small"
        with store.database.read() as joined:  # what this thread has written itself
            assert joined.exec_driver_sql("SELECT name FROM studies").scalar() == "renamed"
