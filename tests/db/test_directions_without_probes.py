"""Rows of a matrix of a model, imported vectors and matrices: through every stage without activations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from superpos.db.activations import missing_activations
from superpos.db.analysis import feature_targets
from superpos.db.datasets import dataset_digest
from superpos.db.failures import put_back, record_failures
from superpos.db.gc import collect_garbage
from superpos.db.metadata import metadata
from superpos.db.migrate import check
from superpos.db.planned import count_done
from superpos.db.probes import (
    finish_sources,
    missing_directions,
    missing_sources,
    pass_on_refusals,
    source_works,
)
from superpos.db.progress import is_left, study_progress
from superpos.db.psms import missing_targets, target_works
from superpos.db.rebuild import drop_dependants
from superpos.db.recompute import dataset_row, direction_row
from superpos.db.results import Results
from superpos.db.trace import trace
from superpos.errors import ArgumentError
from superpos.hashing import array_digest
from superpos.records.work import CellFailure, SourceResult

WITH_PROBES = "psm_results psm_pairs joint_results fit_weights fit_results best_matches layer_similarity"

AXES = "model model_weights model_seed dataset corpus hookpoint layer pooling d_hook method space"


@pytest.fixture
def open_mixed(open_store: Any, sources: Any) -> Any:
    """A study of probes on two layers and of all kinds of directions without probes."""

    def make(*kinds: str, **arguments: Any) -> Any:
        return open_store(sources=kinds or sources, **arguments)

    return make


def rows_of(store: Any, table: str) -> list[dict[str, Any]]:
    columns = metadata.tables[table]
    with store.database.read() as connection:
        return [dict(row) for row in connection.execute(sa.select(columns)).mappings()]


def progress(store: Any, stage: str) -> tuple[int, int, int, int, int]:
    row = {one.stage: one for one in study_progress(store.database, store.plan.study.name)}[stage]
    return row.planned, row.done, row.failed, row.quarantined, row.not_applicable


def test_they_are_missing_once_their_data_set_is_there_and_until_they_are_handed_in(open_mixed: Any) -> None:
    store = open_mixed()
    planned = {d.key: d for d in store.plan.directions if d.activation_key is None}
    assert missing_sources(store.database, store.study_id) == ()
    store.datasets()
    works = missing_sources(store.database, store.study_id)
    assert {work.key for work in works} == set(planned)
    for work in works:
        assert work.dataset_key == planned[work.key].dataset_key
        assert work.model_key == planned[work.key].model_key
        assert work.hookpoint == planned[work.key].hookpoint
    assert [work.hookpoint for work in works] == ["embed", "unembed", "resid", ""]
    assert [work.model_key is None for work in works] == [False, False, True, True]
    assert len(missing_activations(store.database, store.study_id)) == 2  # those of the probes alone
    store.activations()
    assert len(missing_directions(store.database, store.study_id)) == 2
    assert missing_targets(store.database, store.study_id, 100) == ()
    store.sources()
    assert missing_sources(store.database, store.study_id) == ()
    assert len(missing_targets(store.database, store.study_id, 100)) == 4 * 2
    assert source_works(store.database, [work.direction_id for work in works]) == works
    assert progress(store, "probes") == (6, 4, 0, 0, 0)
    assert count_done(store.database, store.plan)["probes"] == 4


def test_what_is_handed_in_is_kept_with_the_names_of_its_rows(open_mixed: Any) -> None:
    store = open_mixed("vectors", "matrix")
    store.datasets()
    vectors, matrix = (store.source(work) for work in store.sources())
    first, second = (row for row in rows_of(store, "direction_sets") if row["activation_id"] is None)
    np.testing.assert_array_equal(first["coef_raw"], vectors.vectors)
    assert (first["n_features"], first["d_hook"], first["matrix_similarity"]) == (4, 5, "")
    assert (first["matrix"], first["coef_scaled"], first["intercept"], first["scale"]) == (None,) * 4
    assert first["content_digest"] == array_digest(vectors.vectors)
    assert (first["settings"], first["probe_C"], first["split_seed"], first["pooling"]) == ({}, 0.0, -1, "")
    np.testing.assert_array_equal(second["matrix"], matrix.matrix)
    assert (second["n_features"], second["d_hook"], second["matrix_similarity"]) == (3, None, "cosine")
    assert second["coef_raw"] is None
    assert second["content_digest"] == array_digest(matrix.matrix)
    names = [(row["row_index"], row["feature"]) for row in rows_of(store, "direction_rows")]
    assert names == [(0, "d0"), (1, "d1"), (2, "d2"), (3, "d3"), (0, "x"), (1, "y"), (2, "z")]
    assert store.count("probes") == 0


def test_their_targets_carry_what_there_is_and_no_labels(open_mixed: Any) -> None:
    store = open_mixed("embed", "matrix").inputs()
    works = {work.space: work for work in target_works(store.database, range(1, 100)) if work.phi is None}
    raw, none = works["raw"].directions, works["none"].directions
    assert raw.raw is not None
    assert raw.raw.shape == (3, 5)
    assert (raw.scaled, raw.whitened, raw.matrix) == (None, None, None)
    assert none.matrix is not None
    np.testing.assert_allclose(np.diag(none.matrix), np.ones(3))
    assert (none.raw, none.scaled, none.whitened) == (None, None, None)


def test_every_view_shows_them_with_neutral_axes(open_mixed: Any) -> None:
    store = open_mixed().everything()
    store.analyse()
    results = Results(store.database)
    wanted = {
        "embed": ("tiny", "pretrained", -1, "digits", "", "embed", -1, "", 5, "embedding", "raw"),
        "unembed": ("tiny", "pretrained", -1, "digits", "", "unembed", -1, "", 5, "embedding", "raw"),
        "resid": ("", "", -1, "decoder", "", "resid", 1, "", 5, "imported", "raw"),
        "": ("", "", -1, "finished", "", "", -1, "", 0, "imported", "none"),
    }
    axes = AXES.split()
    for view in WITH_PROBES.split():
        frame = results.frame(view)
        if view == "layer_similarity":
            continue
        found = frame[frame["method"].isin(["embedding", "imported"])]
        assert set(found["hookpoint"]) == set(wanted), view
        for hookpoint, row in wanted.items():
            some = found[found["hookpoint"] == hookpoint]
            assert {tuple(values) for values in some[axes].itertuples(index=False)} == {row}, view
        assert set(found["revision"]) == {""}
        assert set(found["probe_C"]) == {0.0}
        assert set(found["split_seed"]) == {-1}
    assert set(results.frame("probe_results")["method"]) == {"logistic"}
    # 2 layers x (features, gaussian) and 4 sources x (features, shuffled_entries), each at two sigmas
    assert len(results.frame("fit_results")) == (4 + 8) * 2
    assert progress(store, "fits") == (24, 24, 0, 0, 0)
    assert not is_left(study_progress(store.database, store.plan.study.name))
    assert set(results.frame("dataset_features", dataset="decoder")["feature"]) == {"d0", "d1", "d2", "d3"}


def test_pairs_and_weights_take_the_names_of_the_rows(open_mixed: Any) -> None:
    results = Results(open_mixed().everything().database)
    pairs = results.frame("psm_pairs", dataset="finished")
    assert list(zip(pairs["feature_a"], pairs["feature_b"], strict=True)) == [
        ("x", "y"),
        ("x", "z"),
        ("y", "z"),
    ]
    weights = results.frame("fit_weights", dataset="decoder", target="features")
    assert sorted(weights["feature"]) == ["d0", "d1", "d2", "d3"]
    target = results.frame("psm_results", hookpoint="unembed", target="features").iloc[0]
    assert results.feature_names(target["target_key"]) == ("one", "two", "three")
    decoder = results.frame("psm_results", hookpoint="resid", layer=1, target="features")
    assert len(decoder)
    for name in ("blocks.1.hook_resid_post", "layers.1"):
        assert results.frame("psm_results", hookpoint=name, target="features").equals(decoder)
    assert results.frame("psm_results", hookpoint="layers.2").empty
    with pytest.raises(ArgumentError, match=r"3 is not the layer of hookpoint 'layers\.1'"):
        results.frame("psm_results", hookpoint="layers.1", layer=3)


def test_their_arrays_are_read_by_key(open_mixed: Any) -> None:
    store = open_mixed().everything()
    results = Results(store.database)
    keys = results.frame("psm_results", target="features").set_index("hookpoint")["direction_key"]
    rows = results.directions(keys["embed"])
    assert rows.feature_names == ("one", "two", "three")
    assert rows.coef_raw.shape == (3, 5)
    assert (rows.coef_scaled, rows.intercept, rows.scale, rows.coef_whitened) == (None,) * 4
    with pytest.raises(ArgumentError, match="has no such array"):  # a matrix has no vectors
        results.directions(keys[""])
    data = results.frame("dataset_features", dataset="finished")["dataset_key"].iloc[0]
    with pytest.raises(ArgumentError, match="has no such array"):  # nor labels
        results.phi(data)


def test_a_refusal_is_passed_on(open_mixed: Any) -> None:
    store = open_mixed("embed", "vectors", layers=(0,))
    store.datasets()
    works = missing_sources(store.database, store.study_id)
    refused = SourceResult(works[0].direction_id, (), None, None, "", "word 'one' has 2 tokens")
    finish_sources(store.database, [refused, store.source(works[1])], store.run_id)
    pass_on_refusals(store.database)
    assert missing_sources(store.database, store.study_id) == ()
    assert progress(store, "probes") == (3, 1, 0, 0, 1)
    assert progress(store, "psms") == (6, 0, 0, 0, 2)
    with store.database.read() as connection:
        reasons = connection.exec_driver_sql("SELECT reason FROM targets WHERE status = 'not_applicable'")
        assert set(reasons.scalars()) == {"word 'one' has 2 tokens"}


def test_what_is_no_set_of_directions_is_not_taken(open_mixed: Any) -> None:
    store = open_mixed("vectors")
    store.datasets()
    (work,) = missing_sources(store.database, store.study_id)
    good = store.source(work)
    for wrong in (
        replace(good, vectors=None),
        replace(good, matrix=np.eye(4)),
        replace(good, feature_names=good.feature_names[:3]),
    ):
        with pytest.raises(ArgumentError, match="either vectors or a matrix, a row for each of"):
            finish_sources(store.database, [wrong], store.run_id)
        assert missing_sources(store.database, store.study_id) == (work,)
        assert store.count("direction_rows") == 0


def test_the_same_result_twice_is_one(open_mixed: Any) -> None:
    store = open_mixed("vectors")
    store.datasets()
    (work,) = store.sources()
    again = replace(store.source(work), vectors=np.zeros((4, 5)))
    finish_sources(store.database, [again], store.run_id)
    (row,) = (row for row in rows_of(store, "direction_sets") if row["activation_id"] is None)
    np.testing.assert_array_equal(row["coef_raw"], store.source(work).vectors)
    assert store.count("direction_rows") == 4


def test_failures_are_those_of_the_stage_of_probes(open_mixed: Any) -> None:
    store = open_mixed("vectors")
    store.datasets()
    (work,) = missing_sources(store.database, store.study_id)
    failure = CellFailure("probes", work.key.hex(), "OSError", "no such file")
    for _ in range(3):
        record_failures(store.database, [failure], store.run_id)
    assert missing_sources(store.database, store.study_id) == ()
    assert progress(store, "probes") == (3, 0, 0, 1, 0)
    assert put_back(store.database, "small") == 1
    assert missing_sources(store.database, store.study_id) == (work,)


def test_they_are_traced_to_model_and_words_or_to_the_file(open_mixed: Any) -> None:
    store = open_mixed().everything()
    frame = Results(store.database).frame("fit_results", target="features", sigma=0.0).set_index("hookpoint")
    ends = {
        "embed": ["directions", "model", "data set"],
        "unembed": ["directions", "model", "data set"],
        "resid": ["directions", "data set"],
        "": ["directions", "data set"],
    }
    for hookpoint, end in ends.items():
        rows = trace(store.database, frame.loc[hookpoint, "fit_key"])
        kinds = [row.kind for row in rows if row.kind != "run"]
        assert kinds == ["fit", "fit axes", "joint fit", "joint axes", "similarity matrix", "target", *end]
    key = Results(store.database).frame("psm_results", hookpoint="").iloc[0]["direction_key"]
    (row, *_) = trace(store.database, key)
    assert row.kind == "directions"
    assert (row.columns["matrix"], row.columns["matrix_similarity"]) == ("float64 array (3, 3)", "cosine")


def test_they_are_read_for_recomputation(open_mixed: Any) -> None:
    store = open_mixed().everything()
    model = store.plan.models[0].spec
    for planned in store.plan.directions:
        found = direction_row(store.database, planned.key.hex())
        assert found is not None
        direction_id, columns, dataset_key = found
        assert (columns["key"], columns["direction_id"]) == (planned.key, direction_id)
        assert dataset_key == planned.dataset_key
    specs = {}
    for dataset in store.plan.datasets:
        data = dataset_row(store.database, dataset.key.hex())
        assert data is not None
        assert data[0]["key"] == dataset.key
        specs[dataset.name] = data[1]
    assert specs == {"words": model, "digits": model, "decoder": None, "finished": None}
    assert dataset_row(store.database, "0" * 32) is None


def test_rebuilding_their_data_set_takes_them_along(open_mixed: Any) -> None:
    store = open_mixed().everything()
    store.analyse()
    before = {name: store.count(name) for name in metadata.tables}
    digits = next(dataset.key for dataset in store.plan.datasets if dataset.name == "digits")
    said = drop_dependants(store.database, digits.hex())
    assert said == [
        "dropped 1 data sets",
        "dropped 2 sets of directions without probes",
        "dropped 4 targets",
        "dropped 4 joint fits",
    ]
    assert before["direction_rows"] - store.count("direction_rows") == 6
    assert before["features"] - store.count("features") == 3
    assert dataset_digest(store.database, digits) is None
    for row in rows_of(store, "direction_sets"):
        gone = row["hookpoint"] in ("embed", "unembed")
        assert row["status"] == ("planned" if gone else "done")
        assert (row["content_digest"] is None) == gone
    store.salt = "other words"
    store.everything()
    store.analyse()
    assert {name: store.count(name) for name in metadata.tables} == before
    matrix = next(d for d in store.plan.directions if d.hookpoint == "")
    assert (
        drop_dependants(store.database, matrix.key.hex())[0] == "dropped 1 sets of directions without probes"
    )
    assert next(r for r in rows_of(store, "direction_sets") if r["key"] == matrix.key)["matrix"] is None
    store.everything()
    store.analyse()
    assert {name: store.count(name) for name in metadata.tables} == before
    assert check(store.database) == []


def test_what_a_data_set_carries_besides_probes_goes_with_it(open_mixed: Any) -> None:
    # Rows of the embedding for the words of a set that has probes too: both rest on the one data set.
    store = open_mixed("embed").everything()
    words = next(dataset.key for dataset in store.plan.datasets if dataset.name == "words")
    with store.database.write() as connection:
        ids = dict(map(tuple, connection.exec_driver_sql("SELECT key, dataset_id FROM datasets")))
        table = metadata.tables["direction_sets"]
        connection.execute(
            table.update().where(table.c.activation_id.is_(None)).values(dataset_id=ids[words.hex()])
        )
    assert drop_dependants(store.database, words.hex())[:4] == [
        "dropped 1 data sets",
        "dropped 2 activation sets",
        "dropped 2 probe sets",
        "dropped 1 sets of directions without probes",
    ]


def test_garbage_is_told_from_what_is_wanted(open_mixed: Any) -> None:
    one = open_mixed("embed", "vectors", name="one").everything()
    two = open_mixed("embed", "matrix", name="two", layers=(1,)).everything()
    before = {name: two.count(name) for name in metadata.tables}
    assert collect_garbage(two.database) == {}
    assert {name: two.count(name) for name in metadata.tables} == before
    open_mixed("matrix", name="one", layers=(1,)).everything()
    dropped = collect_garbage(two.database)
    # Layer 0 goes though some sets have no activations, and the decoder; `two` still wants the embedding.
    assert (dropped["activation_sets"], dropped["datasets"], dropped["features"]) == (1, 1, 4)
    assert (dropped["direction_sets"], dropped["direction_rows"]) == (2, 3 + 4)
    assert "models" not in dropped
    assert check(one.database) == []
    assert set(Results(two.database).frame("psm_results", study="two")["dataset"]) == {
        "words", "digits", "finished",
    }  # fmt: skip
    assert collect_garbage(two.database) == {}


def test_what_only_directions_without_probes_name_is_kept(open_mixed: Any) -> None:
    store = open_mixed("embed", "matrix", layers=()).everything()
    assert store.count("activation_sets") == 0
    with store.database.write() as connection:
        for table in ("study_models", "study_datasets"):
            connection.execute(metadata.tables[table].delete())
    assert collect_garbage(store.database) == {}
    assert (store.count("models"), store.count("datasets")) == (1, 2)


def test_layers_of_imported_vectors_are_groups_of_their_own(open_mixed: Any) -> None:
    store = open_mixed().everything()
    found = feature_targets(store.database, store.study_id)
    layers: dict[Any, list[int]] = {}
    for group, layer, _, matrix in found:
        assert matrix.shape[0] in (3, 4)
        layers.setdefault(group, []).append(layer)
    assert sorted(layers.values()) == [[0, 1], [1]]  # the probes; the decoder; nothing at layer -1
