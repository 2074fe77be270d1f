"""What is missing, exactly; what is finished is missing no more; refusals are passed on with their reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from superpos.db.activations import activation_works, finish_activations, missing_activations
from superpos.db.datasets import dataset_digest, finish_dataset, missing_datasets
from superpos.db.fits import WorkReader, best_without_arrays, insert_results, missing_cells
from superpos.db.metadata import metadata
from superpos.db.probes import direction_works, finish_directions, missing_directions, pass_on_refusals
from superpos.db.progress import is_left, study_progress
from superpos.db.psms import finish_targets, missing_targets, refuse_targets, target_works
from superpos.db.results import Results
from superpos.errors import ContentChangedError
from superpos.hashing import array_digest
from superpos.records.work import DirectionResult
from superpos.specs.study import MEDIAN_RULE


def progress(store: Any) -> dict[str, tuple[int, int, int, int, int]]:
    return {
        row.stage: (row.planned, row.done, row.failed, row.quarantined, row.not_applicable)
        for row in study_progress(store.database, store.plan.study.name)
    }


def test_each_stage_waits_for_the_one_before(open_store: Any) -> None:
    store = open_store()
    database, study = store.database, store.study_id
    keys = {dataset.key for dataset in store.plan.datasets}
    assert set(missing_datasets(database, study)) == keys
    assert missing_activations(database, study) == ()
    assert missing_directions(database, study) == ()
    assert missing_targets(database, study, 10) == ()
    assert len(missing_cells(database, study)) == 0

    assert set(store.datasets()) == keys
    assert missing_datasets(database, study) == ()
    assert missing_directions(database, study) == ()
    works = store.activations()
    assert [(work.hookpoint, work.layer, work.dtype) for work in works] == [
        ("mlp.act", 0, "float32"),
        ("mlp.act", 1, "float32"),
    ]
    assert {work.key for work in works} == {planned.key for planned in store.plan.activations}
    assert missing_activations(database, study) == ()

    trained = store.directions()
    assert {work.key for work in trained} == {planned.key for planned in store.plan.directions}
    assert [work.shards[0].n_rows for work in trained] == [100, 100]
    assert missing_directions(database, study) == ()

    built = store.targets()
    assert {work.key for work in built} == {planned.key for planned in store.plan.targets}
    assert missing_targets(database, study, 10) == ()
    assert len(missing_cells(database, study)) == 6  # 3 matrices (gaussian is shared) x 2 sigmas
    store.fits()
    assert len(missing_cells(database, study)) == 0
    assert progress(store)["fits"] == (8, 8, 0, 0, 0)


def test_what_a_stage_wrote_is_what_the_next_one_reads(open_store: Any) -> None:
    store = open_store().inputs()
    work = target_works(store.database, [1])[0]
    trained = direction_works(store.database, [1])[0]
    assert trained.settings == store.plan.directions[0].settings
    found = store.direction(trained).probes
    np.testing.assert_array_equal(work.directions.raw, found.coef_raw)
    np.testing.assert_array_equal(work.directions.scaled, found.coef_scaled)
    assert (work.directions.whitened, work.directions.matrix, work.reference) == (None, None, None)
    again = activation_works(store.database, [planned.key for planned in store.plan.activations])
    assert [one.layer for one in again] == [0, 1]
    with store.database.read() as connection:
        c = metadata.tables["direction_sets"].c
        row = connection.execute(sa.select(c).where(c.direction_id == 1)).mappings().one()
    assert row["content_digest"] == array_digest(found.coef_raw, found.intercept)
    assert row["activation_digest"] == trained.activation_digest
    assert (row["n_features"], row["d_hook"]) == (3, 5)


def test_limits_of_targets_are_kept(open_store: Any) -> None:
    store = open_store()
    store.datasets()
    store.activations()
    store.directions()
    assert [len(store.targets(limit=3)) for _ in range(3)] == [3, 1, 0]


def test_a_matrix_that_targets_share_is_one_joint_work(open_store: Any) -> None:
    store = open_store(layers=(0, 1, 2), replicates=2).inputs()
    assert store.count("targets") == 3 * (1 + 2)
    assert store.count("psms") == 3 + 2
    works = store.works()
    assert len(works) == 3 + 2
    assert len({work.psm_id for work in works}) == 5
    store.fits()
    frame = Results(store.database).frame("fit_results", target="gaussian", sigma=0.0)
    assert sorted(zip(frame["layer"], frame["replicate"], strict=True)) == [
        (i, r) for i in range(3) for r in range(2)
    ]
    assert frame.groupby("replicate")["fit_key"].nunique().tolist() == [1, 1]
    assert progress(store)["fits"] == (18, 18, 0, 0, 0)


def test_pairs_are_stored_for_features_alone(open_store: Any) -> None:
    store = open_store().inputs()
    entries = metadata.tables["psm_entries"]
    with store.database.read() as connection:
        rows = connection.execute(sa.select(entries).order_by(*entries.primary_key.columns)).mappings().all()
        psms = metadata.tables["psms"].c
        matrices = {row.psm_id: row.matrix for row in connection.execute(sa.select(psms.psm_id, psms.matrix))}
    assert [(row["row_a"], row["row_b"]) for row in rows] == [(0, 1), (0, 2), (1, 2)] * 2
    assert len(matrices) == 3
    for row in rows:
        assert row["value"] == matrices[row["psm_id"]][row["row_a"], row["row_b"]]


def test_one_more_sigma_is_all_that_is_missing(open_store: Any) -> None:
    old = open_store(sigmas=(0.0, 0.1)).everything()
    new = open_store(sigmas=(0.0, 0.1, 0.2))
    works = new.works()
    assert len(works) == 3
    for work in works:
        assert [axes.sigma for _, _, axes in work.fits] == [0.2]
        assert work.done is not None
        zero = replace(work.fits[0][2], sigma=0.0)
        np.testing.assert_array_equal(work.unperturbed[zero], np.eye(3))
    joints = old.count("joint_fits")
    new.fits()
    assert old.count("joint_fits") == joints
    assert new.works() == []


def test_a_stored_joint_fit_is_handed_back_as_it_was(open_store: Any, results_of: Any) -> None:
    store = open_store().inputs()
    works = store.works()
    results = [results_of(work) for work in works]
    insert_results(store.database, [replace(result, fits=()) for result in results], store.run_id)
    for work, result in zip(store.works(), results, strict=True):
        assert result.joint is not None
        assert work.done is not None
        np.testing.assert_array_equal(work.done.vectors, result.joint.vectors)
        np.testing.assert_array_equal(work.done.logits, result.joint.logits)
        assert work.done.start_radius == result.joint.start_radius
        assert [axes.sigma for _, _, axes in work.fits] == [0.0, 0.1]
        assert dict(work.unperturbed) == {}


def test_results_are_inserted_once(open_store: Any, results_of: Any, without_joint: Any) -> None:
    store = open_store().inputs()
    results = [results_of(work) for work in store.works()]
    assert insert_results(store.database, results, store.run_id) == 6
    before = {name: store.count(name) for name in ("joint_fits", "fits", "importance", "fit_arrays")}
    assert before == {"joint_fits": 3, "fits": 6, "importance": 9, "fit_arrays": 6}
    insert_results(store.database, results, store.run_id)
    insert_results(store.database, [without_joint(result) for result in results], store.run_id)
    insert_results(store.database, results[::-1], store.run_id)
    assert {name: store.count(name) for name in before} == before


def test_results_hold_the_bits_that_were_handed_in(open_store: Any, results_of: Any) -> None:
    store = open_store().inputs()
    works = store.works()
    results = {(r.psm_id, r.joint_axes_id): r for r in map(results_of, works)}
    insert_results(store.database, list(results.values()), store.run_id)
    reader = Results(store.database)
    for work in works:
        result = results[work.psm_id, work.joint_axes_id]
        assert result.joint is not None
        key = result.key.hex()
        vectors, logits, similarities = reader.joint_arrays(key)
        assert vectors.tobytes() == result.joint.vectors.tobytes()
        assert logits.tobytes() == result.joint.logits.tobytes()
        assert similarities.tobytes() == result.joint.similarities.tobytes()
        frame = reader.frame("fit_results", joint_key=key).drop_duplicates("fit_key").set_index("fit_key")
        for (_, axes_key, _), fit in zip(work.fits, result.fits, strict=True):
            row = frame.loc[f"{key}.{axes_key.hex()}"]
            for name, value in fit.columns.items():
                assert (row[name] is None or row[name] != row[name]) if value is None else row[name] == value


def test_a_number_that_is_none_is_stored_as_null_beside_its_status(open_store: Any, results_of: Any) -> None:
    store = open_store().inputs()
    result = results_of(store.works()[0])
    broken = replace(
        result.fits[0], columns={**result.fits[0].columns, "fun": float("nan"), "status": "non_finite"}
    )
    insert_results(store.database, [replace(result, distance=float("inf"), fits=(broken,))], store.run_id)
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT fun, status FROM fits").all()
        assert [tuple(row) for row in rows] == [(None, "non_finite")]
        assert connection.exec_driver_sql("SELECT distance FROM joint_fits").scalar() is None


def test_vectors_of_best_matches_are_asked_for_where_they_were_not_kept(
    open_store: Any, results_of: Any
) -> None:
    store = open_store(store_vectors="best").inputs()
    works = store.works(keep_vectors=False)
    insert_results(store.database, [results_of(work) for work in works], store.run_id)
    assert store.count("fit_arrays") == 0
    store.analyse()
    cells = best_without_arrays(store.database, store.study_id)
    assert len(cells) == 6
    again = list(WorkReader(store.database, keep_vectors=True).works(cells))
    assert all(work.done is not None for work in again)
    insert_results(store.database, [results_of(work) for work in again], store.run_id)
    assert store.count("fit_arrays") == 6
    assert best_without_arrays(store.database, store.study_id) == []


def test_vectors_of_later_draws_are_not_asked_for(
    open_store: Any, results_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(store_vectors="best").inputs()
    insert_results(
        store.database, [results_of(work) for work in store.works(keep_vectors=False)], store.run_id
    )
    store.analyse()
    every = best_without_arrays(store.database, store.study_id)
    monkeypatch.setattr("superpos.db.fits.FIRST_DRAWS", 0)
    assert best_without_arrays(store.database, store.study_id) == []
    with store.database.write() as connection:  # a control's first draw becomes its eleventh
        connection.exec_driver_sql("UPDATE targets SET replicate = 10 WHERE kind <> 'features'")
    monkeypatch.undo()
    found = best_without_arrays(store.database, store.study_id)
    assert 0 < len(found) < len(every)
    assert set(found) < set(every)


def test_shuffled_labels_wait_for_the_probes_whose_median_they_take(
    open_store: Any, block: Any, make_plan: Any
) -> None:
    one = block(layers=(0,), controls=("shuffled_labels",), similarities=("rbf",), rbf_scales=(MEDIAN_RULE,))
    store = open_store(make_plan(blocks=(one,)))
    store.datasets()
    store.activations()
    works = {work.label_replicate: work for work in missing_directions(store.database, store.study_id)}
    assert set(works) == {-1, 0}
    finish_directions(store.database, [store.direction(works[0])], store.run_id)
    assert missing_targets(store.database, store.study_id, 10) == ()  # C is not known yet
    finish_directions(store.database, [store.direction(works[-1])], store.run_id)
    found = {work.kind: work for work in missing_targets(store.database, store.study_id, 10)}
    assert set(found) == {"features", "shuffled_labels"}
    assert found["features"].reference is None
    reference, true = found["shuffled_labels"].reference, found["features"].directions
    np.testing.assert_array_equal(reference.raw, true.raw)
    np.testing.assert_array_equal(reference.scaled, true.scaled)
    assert not np.array_equal(found["shuffled_labels"].directions.raw, true.raw)


def test_a_refused_layer_takes_what_rests_on_it_along(open_store: Any) -> None:
    store = open_store()
    store.datasets()
    works = missing_activations(store.database, store.study_id)
    infos = [store.activation(works[0], status="non_finite"), store.activation(works[1])]
    finish_activations(store.database, list(zip(works, infos, strict=True)), "digest", store.run_id)
    pass_on_refusals(store.database)
    assert progress(store) == {
        "datasets": (1, 1, 0, 0, 0),
        "activations": (2, 1, 0, 0, 1),
        "probes": (2, 0, 0, 0, 1),
        "psms": (4, 0, 0, 0, 2),
        "fits": (8, 0, 0, 0, 4),
        "analysis": (1, 0, 0, 0, 0),
    }
    store.directions()
    store.targets()
    store.fits()
    assert progress(store)["fits"] == (8, 4, 0, 0, 4)
    with store.database.read() as connection:
        reasons = connection.exec_driver_sql("SELECT reason FROM targets WHERE status = 'not_applicable'")
        assert set(reasons.scalars()) == {"non_finite: activations hold NaN or infinities in float32"}


def test_too_few_directions_are_a_refusal_with_a_reason(open_store: Any) -> None:
    store = open_store(layers=(0,))
    store.datasets()
    store.activations()
    work = missing_directions(store.database, store.study_id)[0]
    refusal = DirectionResult(work.direction_id, None, "1 feature has a probe", work.activation_digest)
    finish_directions(store.database, [refusal], store.run_id)
    pass_on_refusals(store.database)
    assert missing_directions(store.database, store.study_id) == ()
    assert missing_targets(store.database, store.study_id, 10) == ()
    assert progress(store)["fits"] == (4, 0, 0, 0, 4)
    assert not is_left(study_progress(store.database, store.plan.study.name))


def test_a_control_that_does_not_exist_is_refused_alone(open_store: Any) -> None:
    store = open_store(layers=(0,))
    store.datasets()
    store.activations()
    store.directions()
    works = missing_targets(store.database, store.study_id, 10)
    refused = next(work for work in works if work.kind == "gaussian")
    refuse_targets(store.database, {refused.target_id: "no such control"}, store.run_id)
    assert [work.kind for work in store.targets()] == ["features"]
    store.fits()
    assert progress(store)["fits"] == (4, 2, 0, 0, 2)


def test_whether_a_run_would_find_anything_to_do(open_store: Any) -> None:
    store = open_store()
    assert is_left(study_progress(store.database, store.plan.study.name))
    store.everything()
    assert is_left(study_progress(store.database, store.plan.study.name))  # the analysis
    store.analyse()
    assert not is_left(study_progress(store.database, store.plan.study.name))


def test_content_that_changed_is_refused_with_the_way_out(open_store: Any) -> None:
    store = open_store().inputs()
    key = store.plan.datasets[0].key
    stored = dataset_digest(store.database, key)
    finish_dataset(store.database, key, store.summary(key), store.run_id)  # the same again is fine
    store.salt = "another Python"
    works = activation_works(store.database, [planned.key for planned in store.plan.activations])
    pairs = [(work, store.activation(work)) for work in works]
    said = r"content_changed: .*--rebuild [0-9a-f]{32}"
    with pytest.raises(ContentChangedError, match=said) as caught:
        finish_dataset(store.database, key, store.summary(key), store.run_id)
    assert caught.value.exit_status == 2
    assert "\n" not in str(caught.value)
    with pytest.raises(ContentChangedError, match=said):
        finish_activations(store.database, pairs, "digest", store.run_id)
    assert dataset_digest(store.database, key) == stored


def test_finishing_again_changes_nothing(open_store: Any) -> None:
    store = open_store()
    store.datasets()
    works = store.activations()
    pairs = [(work, store.activation(work)) for work in works]
    finish_activations(store.database, pairs, "digest", store.run_id)
    trained = store.directions()
    other = [replace(store.direction(work), activation_digest="other") for work in trained]
    finish_directions(store.database, other, store.run_id)
    built = store.targets()
    finish_targets(store.database, [store.target(work) for work in built], store.run_id)
    assert (store.count("shards"), store.count("probes"), store.count("psms")) == (2, 8, 3)
    with store.database.read() as connection:
        digests = connection.exec_driver_sql("SELECT activation_digest FROM direction_sets").scalars().all()
    assert "other" not in digests
