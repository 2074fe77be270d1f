"""Views: the columns of the contract, the newest revision only, no axis without a value, checks that bite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from superpos.db.engine import Database
from superpos.db.metadata import metadata
from superpos.db.results import VIEWS, Results
from superpos.errors import ArgumentError, DatabaseError, InputError

INPUTS = (
    "study model revision model_weights model_seed dataset corpus hookpoint layer pooling n_features d_hook"
)
DIRECTIONS = "method probe_C split_seed space"
TARGET = "target replicate similarity rbf_scale rbf_scale_resolved"
JOINT = (
    "energy s kernel self_energy softening gauge importance_mode joint_polish n_dims lambda_d restart backend"
)
FIT = "optimiser lambda_x sigma sigma_rule trial"
UP_TO_TARGET = f"{INPUTS} {DIRECTIONS} {TARGET}"
FIT_NUMBERS = (
    "distance_joint distance_start distance_final distance_moved distance_drift distance_return "
    "distance_simplex distance_identity distance_polish rms_joint rms_moved rms_drift rms_simplex rms_polish "
    "recovery angle rms_final energy_joint energy_start "
    "energy_final norm_error nit nfev relative_gradient min_eigenvalue n_negative verdict verdict_polished "
    "status_joint status seconds"
)
FIT_KEYS = "psm_key joint_key fit_key config_key"
# What scripts are written against; a name that goes missing here breaks them.
CONTRACT = {
    "activation_results": f"{INPUTS.replace(' n_features', '')} activation_key dtype n_rows agreement "
    "n_constant status reason",
    "model_results": "study model revision model_weights model_seed source hub_commit distribution "
    "quantization family n_layers d_model d_mlp vocab_size max_positions file_digest config_digest "
    "weights_digest tokenizer_digest model_key",
    "probe_results": f"{INPUTS} {DIRECTIONS} probe_key config_key feature n_train n_test n_positive accuracy "
    "balanced_accuracy f1 mcc roc_auc average_precision norm status label_permutation "
    "permutation_note",
    "psm_pairs": f"{UP_TO_TARGET} psm_key config_key feature_a feature_b value value_low value_high "
    "standard_error",
    "joint_results": f"{UP_TO_TARGET} {JOINT} psm_key joint_key config_key fun energy_joint mismatch "
    "distance nit nfev njev gradient_norm importance_entropy norm_min norm_max target_min_eigenvalue status "
    "seconds",
    "fit_weights": f"{UP_TO_TARGET} {JOINT} psm_key joint_key config_key feature logit weight",
    "fit_results": f"{UP_TO_TARGET} {JOINT} {FIT} {FIT_NUMBERS} {FIT_KEYS}",
    "best_matches": f"{UP_TO_TARGET} {JOINT} {FIT} {FIT_NUMBERS} {FIT_KEYS} n_cells n_usable",
    "basins": f"{UP_TO_TARGET} {JOINT} optimiser lambda_x sigma sigma_rule angle n_ends n_certified n_strict "
    "n_returned share_returned n_distinct n_energies n_deeper gap_to_best gap_to_bound psm_key joint_key "
    "target_key config_key",
    "answers": "study question model revision dataset hookpoint similarity optimiser control estimate low "
    "high unit n_cells n_independent p_value p_adjusted p_smallest n_tests strength sentence",
    "layer_similarity": f"{INPUTS.replace(' layer', '')} {DIRECTIONS} {TARGET} layer_a layer_b spearman "
    "p_value n_permutations",
    "study_progress": "study stage planned done failed quarantined not_applicable",
    "runs": "started_at ended_at host git_commit versions address seconds",
    "psm_results": f"{UP_TO_TARGET} psm_key value_q25 value_median value_q75 min_eigenvalue rank warning "
    "reliability n_resamples ceiling_method n_unknown label_permutation",
    "near_copies": "study model revision model_weights model_seed dataset corpus hookpoint pooling method "
    "probe_C split_seed space config_key feature_a feature_b n_layers value_min value_max",
    "geometry_results": f"{UP_TO_TARGET} measure value measure_version psm_key target_key direction_key "
    "config_key",
    "geometry_tests": f"{UP_TO_TARGET} measure control estimate p_value p_smallest n_replicates psm_key "
    "target_key direction_key config_key",
    "explained_results": f"{UP_TO_TARGET} predictor energy s kernel softening correlation r2 r2_chance "
    "r2_unique r2_common r2_model partial p_value p_smallest n_permutations p_unique p_unique_smallest "
    "n_permutations_unique beside list_order reason ceiling r2_of_ceiling unique_of_ceiling psm_key "
    "target_key config_key",
    "feature_dimensionality": f"{UP_TO_TARGET} feature dimensionality dimensionality_norms psm_key "
    "target_key config_key",
    "dataset_features": "study dataset corpus feature n_positive n_negative status duplicate_of example",
}
AXES = set(f"{UP_TO_TARGET} {JOINT} {FIT} probe_key {FIT_KEYS} layer_a layer_b".split())
ROWS = {
    "activation_results": 2,
    "model_results": 1,
    "probe_results": 8,  # 2 layers x 4 features, `absent` with its reason
    "psm_results": 4,  # 2 layers x (features, gaussian)
    "near_copies": 0,
    "geometry_results": 8,  # 4 matrices x 2 measures
    "geometry_tests": 1,
    "explained_results": 12,  # 4 matrices x (two of the labels, one kernel)
    "feature_dimensionality": 12,  # 4 matrices x 3 features
    "psm_pairs": 6,  # 2 layers x 3 pairs of features
    "joint_results": 4,
    "fit_weights": 12,  # 4 x 3 features
    "fit_results": 8,  # 4 x (sigma 0, sigma 0.1)
    "best_matches": 8,
    "basins": 4,  # sigma 0 is what the others are held against
    "answers": 1,
    "layer_similarity": 1,
    "dataset_features": 4,
    "study_progress": 6,
    "runs": 1,
}
WORDS = {
    "runs": ["outcome"],
    "studies": ["store_vectors"],
    "datasets": ["status"],
    "features": ["status"],
    "activation_sets": ["status"],
    "direction_sets": ["status"],
    "probes": ["status"],
    "targets": ["status"],
    "joint_fits": ["status"],
    "fits": ["status", "verdict", "verdict_polished"],
}


def test_every_view_has_the_columns_of_the_contract_and_is_full(open_store: Any) -> None:
    store = open_store().everything()
    store.analyse()
    results = Results(store.database)
    assert set(CONTRACT) == set(ROWS) == set(VIEWS)
    for view in VIEWS:
        frame = results.frame(view)
        assert set(CONTRACT[view].split()) <= set(frame.columns), view
        assert len(frame) == ROWS[view], view
        axes = [name for name in frame.columns if name in AXES]
        assert not frame[axes].isna().any().any(), view
        if "study" in frame.columns:
            assert set(frame["study"]) == ({"small"} if ROWS[view] else set())


def test_counts_are_whole_numbers_on_both_systems(open_store: Any) -> None:
    frame = Results(open_store().everything().database).frame("study_progress")
    assert all(dtype == np.int64 for dtype in frame.dtypes.iloc[2:])


def test_neutral_values_stand_where_an_axis_does_not_apply(open_store: Any) -> None:
    store = open_store().everything()
    frame = Results(store.database).frame("fit_results", study="small")
    assert set(frame["s"]) == {0.0}
    assert set(frame["model_seed"]) == {-1}
    assert set(frame["rbf_scale"]) == set(frame["rbf_scale_resolved"]) == {0.0}
    assert set(frame["revision"]) == {""}
    joint, _, axes = frame["fit_key"].iloc[0].partition(".")
    assert joint == frame["joint_key"].iloc[0]
    assert len(axes) == 32


def test_a_view_has_one_row_per_study_target_and_fit(open_store: Any, make_plan: Any, block: Any) -> None:
    # Overlapping blocks: the second repeats the first and adds a kernel, the third a sigma for all of it.
    blocks = (
        block("one"),
        block("two", energies=("exp", "log")),
        block("three", energies=("exp", "log"), sigmas=(0.0, 0.1, 0.2)),
    )
    store = open_store(make_plan(blocks=blocks)).everything()
    frame = Results(store.database).frame("fit_results")
    assert len(frame) == 4 * 2 * 3
    assert not frame.duplicated(["study", "target_key", "fit_key"]).any()
    joints = Results(store.database).frame("joint_results")
    assert len(joints) == 4 * 2
    assert not joints.duplicated(["study", "target_key", "joint_key"]).any()
    weights = Results(store.database).frame("fit_weights")
    assert len(weights) == 4 * 2 * 3
    assert not weights.duplicated(["layer", "target", "joint_key", "feature"]).any()


def test_the_newest_revision_alone_is_shown(open_store: Any) -> None:
    old = open_store(sigmas=(0.0, 0.1, 0.2)).everything()
    old.analyse()
    new = open_store(layers=(1,), sigmas=(0.0, 0.1))
    results = Results(new.database)
    assert new.study_id != old.study_id
    assert len(results.frame("fit_results")) == 2 * 2  # one layer, two targets, two sigmas, computed before
    assert set(results.frame("fit_results")["layer"]) == {1}
    assert set(results.frame("probe_results")["layer"]) == {1}
    assert results.frame("best_matches").empty  # those of the old revision are not shown
    assert results.frame("layer_similarity").empty
    progress = results.frame("study_progress").set_index("stage")
    assert progress.loc["fits", ["planned", "done"]].tolist() == [4, 4]
    assert progress.loc["psms", ["planned", "done"]].tolist() == [2, 2]


def test_frames_are_filtered_in_the_database(open_store: Any) -> None:
    results = Results(open_store().everything().database)
    assert len(results.frame("fit_results", study="small", layer=1, target="features", sigma=0.1)) == 1
    with pytest.raises(ArgumentError, match=r"^view: 'fit_result' is unknown; .*did you mean 'fit_results'"):
        results.frame("fit_result")
    with pytest.raises(ArgumentError, match=r"^sigmas: is no column of fit_results; .*did you mean 'sigma'"):
        results.frame("fit_results", sigmas=0.1)
    with pytest.raises(InputError, match=r"study 'smal' is not in .*did you mean 'small'"):
        results.frame("fit_results", study="smal")


def test_arrays_are_read_by_the_keys_that_views_show(open_store: Any) -> None:
    store = open_store().everything()
    results = Results(store.database)
    fit = results.frame("fit_results", layer=0, target="features", sigma=0.1).iloc[0]
    matrix = results.psm(fit["psm_key"])
    assert matrix.shape == (3, 3)
    pairs = results.frame("psm_pairs", psm_key=fit["psm_key"])
    names = results.feature_names(fit["target_key"])
    assert names == ("digit", "capital", "space")
    for row in pairs.itertuples():
        assert matrix[names.index(row.feature_a), names.index(row.feature_b)] == row.value
    vectors, logits, similarities = results.joint_arrays(fit["joint_key"])
    assert (vectors.shape, logits.shape, similarities.shape) == ((3, 2), (3,), (3, 3))
    weights = results.frame("fit_weights", joint_key=fit["joint_key"]).set_index("feature")
    np.testing.assert_allclose(weights.loc[list(names), "weight"], np.exp(logits) / np.exp(logits).sum())
    kept = results.fit_arrays(fit["fit_key"])
    assert kept is not None
    assert kept[0].shape == (3, 2)
    probe = results.frame("probe_results", layer=0, feature="capital").iloc[0]
    directions = results.directions(probe["direction_key"])
    assert directions.feature_names == names
    np.testing.assert_array_equal(directions.coef_raw, directions.coef_scaled / directions.scale)
    assert results.phi(results.frame("dataset_features")["dataset_key"].iloc[0]).shape == (4, 4)
    with pytest.raises(ArgumentError, match=r"^psm_key: '0' names nothing"):
        results.psm("0")


def test_measures_of_a_matrix_are_shown_with_its_axes(open_store: Any) -> None:
    store = open_store().everything()
    results = Results(store.database)
    frame, matrices = results.frame("geometry_results"), results.frame("psm_results")
    assert sorted(frame["target_key"]) == sorted(2 * list(matrices["target_key"]))
    assert set(frame["value"].isna() == (frame["measure"] == "undefined")) == {True}
    assert set(frame["measure_version"]) == {1}
    assert set(frame["target"]) == {"features", "gaussian"}
    measures = metadata.tables["psm_measures"]
    twice = {"psm_id": 1, "measure": "ones", "version": 2, "value": 1.0}
    with pytest.raises(sa.exc.IntegrityError), store.database.write() as connection:
        connection.execute(measures.insert(), [twice])


def test_results_are_opened_where_there_are_some(tmp_path: Any) -> None:
    with pytest.raises(DatabaseError, match="no such file"):
        Results.open(f"sqlite:///{tmp_path / 'none.db'}")


def test_words_outside_their_list_are_refused(open_store: Any) -> None:
    store = open_store().everything()
    checked = {
        name for name, table in metadata.tables.items()
        for c in table.constraints if isinstance(c, sa.CheckConstraint)
    }  # fmt: skip
    assert checked == set(WORDS)
    for name, columns in WORDS.items():
        table = metadata.tables[name]
        for column in columns:
            for word in ("nonsense", ""):
                with pytest.raises(sa.exc.IntegrityError), store.database.write() as connection:
                    connection.execute(table.update().values({column: word}))


def test_distances_too_small_to_be_divided_or_squared_are_nothing(open_store: Any) -> None:
    """Under a narrow similarity matrices are 1e-300 apart, and PostgreSQL refuses quotients of that."""
    store = open_store(sigmas=(0.0, 0.1)).everything()
    store.analyse()
    names = [f"distance_{name}" for name in ("moved", "drift", "return", "simplex", "polish")]
    with store.database.write() as connection:
        values = ", ".join(f"{name} = 5e-324" for name in names)
        connection.exec_driver_sql(f"UPDATE fits SET {values}")  # noqa: S608 (constants)
        connection.exec_driver_sql("UPDATE joint_fits SET distance = 5e-324")
    results = Results(store.database)
    for view in ("fit_results", "best_matches"):
        frame = results.frame(view)
        assert (frame["distance_moved"] == 5e-324).all()
        for name in ("joint", "moved", "drift", "simplex", "polish"):
            assert (frame[f"rms_{name}"] == 0.0).all(), name
    assert len(results.frame("basins"))


def test_references_are_enforced(open_store: Any) -> None:
    store = open_store().everything()
    for name in ("models", "datasets", "activation_sets", "direction_sets", "targets", "psms", "joint_fits",
                 "fit_axes", "joint_axes", "studies", "blocks", "runs"):  # fmt: skip
        with pytest.raises(sa.exc.IntegrityError), store.database.write() as connection:
            connection.execute(metadata.tables[name].delete())


@pytest.mark.parametrize("view", ["fit_results", "joint_results", "best_matches"])
def test_no_table_of_results_is_scanned_for_one_layer_of_a_study(sqlite: Database, view: str) -> None:
    with sqlite.read() as connection:
        query = f"EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE study = 'small' AND layer = 2"  # noqa: S608 (constants)
        steps = [row[3] for row in connection.exec_driver_sql(query)]
    assert not [step for step in steps if step.startswith(("SCAN f", "SCAN jf", "SCAN t", "SCAN p"))]
    if view == "fit_results":
        assert any(
            step.startswith("SEARCH f USING PRIMARY KEY (joint_id=? AND fit_axes_id=?)") for step in steps
        )


@pytest.mark.parametrize(("view", "names"), [("psm_pairs", ("ra", "rb")), ("fit_weights", ("dr",))])
def test_names_of_rows_are_looked_up_last(sqlite: Database, view: str, names: tuple[str, ...]) -> None:
    # The rows of every set of directions, read before it is known which, made this view 20 times slower.
    with sqlite.read() as connection:
        query = f"EXPLAIN QUERY PLAN SELECT * FROM {view} WHERE study = 'small'"  # noqa: S608 (constants)
        steps = [row[3] for row in connection.exec_driver_sql(query)]
    for name in names:
        assert f"SEARCH {name} USING PRIMARY KEY (direction_id=? AND row_index=?)" in steps
