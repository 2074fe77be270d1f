"""The sentences: their numbers against plain Python, and honesty where data are missing."""

# ruff: noqa: S608 (the queries are made of constants of this file)

from __future__ import annotations

import math
import re
import sqlite3
import statistics

import numpy as np
import pytest
import scipy.stats

import superpos
from superpos.db.types import decode_array
from superpos.reporting.about import about
from superpos.reporting.answers import NOT_RUN, keeps_low, perturbs_controls, robust_energy
from superpos.reporting.answers_open import answers, moved_differences, trained_or_random
from superpos.reporting.answers_structure import interpretable, preserved, simplex_scores
from superpos.reporting.study_data import StudyData


@pytest.fixture(scope="module")
def data(full_study):
    with superpos.connect(full_study) as results:
        yield StudyData(results, "synthetic")


@pytest.fixture(scope="module")
def sql(full_study):
    connection = sqlite3.connect(full_study.removeprefix("sqlite:///"))
    yield lambda query: connection.execute(query).fetchall()
    connection.close()


HEADLINE = (
    "model_weights = 'pretrained' AND gauge = 'unit' AND optimiser = 'powell' AND sigma = 0.1"
    " AND similarity = 'cosine'"
)


def best(sql, columns):
    return sql(
        f"SELECT dataset, layer, kernel, target, n_features, {columns} FROM best_matches WHERE {HEADLINE}"
    )


def test_goal_1_gives_the_median_end_and_the_paired_difference(data, sql):
    answer = keeps_low(data)
    rows = {
        (dataset, layer, kernel, target): final / math.sqrt(n * (n - 1))
        for dataset, layer, kernel, target, n, final in best(sql, "distance_final")
    }
    features = {name[:3]: value for name, value in rows.items() if name[3] == "features"}
    differences = [features[name[:3]] - value for name, value in rows.items() if name[3] != "features"]
    assert len(features) == 18
    assert f"Powell ends {statistics.median(features.values()):.3g} [" in answer.sentence
    assert f"paired difference {statistics.median(differences):+.3g} [" in answer.sentence
    assert f"{len(differences)} pairs" in answer.sentence
    assert answer.basis == "36 best matches of features, 180 of controls"


def test_goal_1_warns_of_stalled_ends_simplex_and_the_missing_ceiling(data, sql):
    rows = sql(
        "SELECT status, verdict, distance_simplex / sqrt(n_features * (n_features - 1.0)) FROM "
        "best_matches WHERE "
        "model_weights = 'pretrained' AND gauge = 'unit' AND optimiser = 'powell' AND sigma = 0.1 AND "
        "target = 'features'"
    )
    stalled = sum(status == "stalled" for status, _, _ in rows) / len(rows)
    simplex = sum(distance < 0.01 for _, _, distance in rows) / len(rows)
    caveats = " ".join(keeps_low(data).caveats)
    assert f"Powell stalled in {100 * stalled:.0f} % of cells" in caveats
    assert f"below 0.01) in {100 * simplex:.0f} % of cells of Powell" in caveats
    assert "no noise ceiling" in caveats


def test_goal_2_compares_the_growth_of_controls_and_features(data, sql):
    answer = perturbs_controls(data)
    growth = {
        (dataset, layer, kernel, target): (final - joint) / math.sqrt(n * (n - 1))
        for dataset, layer, kernel, target, n, final, joint in best(sql, "distance_final, distance_joint")
    }
    differences = [
        value - growth[(*name[:3], "features")] for name, value in growth.items() if name[3] != "features"
    ]
    assert f"(paired difference {statistics.median(differences):+.3g} [" in answer.sentence
    finding = next(f for f in answer.findings if f.what.startswith("cosine: growth, spectrum"))
    spectrum = [v - growth[(*n[:3], "features")] for n, v in growth.items() if n[3] == "spectrum"]
    assert finding.number.startswith(f"{statistics.median(spectrum):+.3g}")
    assert finding.n == 18
    assert "1 replicate of a control at every layer, so no p-value could be below 0.5" in answer.caveats[0]


def test_goal_3_counts_the_layers_whose_best_kernel_agrees(data, sql):
    answer = robust_energy(data)
    agreed, cells = 0, 0
    for similarity in ("cosine", "rbf"):
        for layer in (0, 1, 2):
            winners = {
                sql(
                    "SELECT kernel FROM best_matches WHERE model_weights = 'pretrained' AND gauge = 'unit' "
                    "AND optimiser ="
                    f" 'powell' AND sigma = 0.1 AND target = 'features' AND similarity = '{similarity}'"
                    f" AND layer = {layer} AND dataset = '{dataset}' ORDER BY distance_final LIMIT 1"
                )[0][0]
                for dataset in ("text_features", "python_syntax")
            }
            cells += 1
            agreed += len(winners) == 1
    assert f"in {agreed} of {cells} cells" in answer.sentence
    assert "by chance about 33 %" in answer.sentence


def test_goal_4_gives_entropies_correlations_and_simplex_scores(data, sql):
    answer = interpretable(data)
    assert "in 6 of 6 combinations" in answer.sentence
    entropies = [
        value
        for (value,) in sql(
            "SELECT importance_entropy FROM joint_results WHERE model_weights = 'pretrained' AND gauge = "
            "'unit'"
            " AND target = 'features' AND similarity = 'rbf' AND kernel = 'log'"
        )
    ]
    finding = next(f for f in answer.findings if f.what.startswith("rbf, log: entropy"))
    assert finding.number == f"{statistics.median(entropies):.3f}"
    assert finding.n == len(entropies)
    scores = simplex_scores(data)["features"]
    expected = []
    for (stored,) in sql(
        "SELECT p.matrix FROM psms p JOIN psm_results r ON r.psm_key = p.key WHERE r.target = 'features'"
        " AND r.model_weights = 'pretrained' AND r.similarity = 'cosine'"
    ):
        matrix = decode_array(stored)
        n = len(matrix)
        simplex = (np.eye(n) * n - 1.0) / (n - 1)
        expected.append(1 - np.linalg.norm(matrix - simplex) / np.linalg.norm(np.eye(n) - simplex))
    assert sorted(scores) == pytest.approx(sorted(expected), rel=1e-12)


def test_goal_5_gives_medians_for_trained_random_and_permuted(data, sql):
    sentence = preserved(data).sentence
    for weights, target, word in (
        ("pretrained", "features", "correlate with median"),
        ("random", "features", "random weights"),
        ("pretrained", "permuted", "permuted control"),
    ):
        values = [
            value
            for (value,) in sql(
                f"SELECT spearman FROM layer_similarity WHERE model_weights = '{weights}' AND target = "
                f"'{target}'"
                " AND similarity = 'cosine'"
            )
        ]
        assert len(values) == 6
        assert f"{word} {statistics.median(values):.2f}" in sentence


def test_goal_6_gives_the_best_layer_of_both(data, sql):
    answer = trained_or_random(data)
    for weights, words in (("pretrained", "mean ROC AUC reaches"), ("random", "with random weights")):
        layer, mean = max(
            sql(
                "SELECT layer, AVG(roc_auc) FROM probe_results WHERE dataset = 'text_features' AND "
                "label_replicate = -1"
                f" AND model_weights = '{weights}' GROUP BY layer"
            ),
            key=lambda row: row[1],
        )
        assert f"{words} {mean:.3f} (layer {layer})" in answer.sentence
    assert "1 seed of random weights: the spread between seeds is not known" in answer.caveats[0]
    keys = [
        dict(
            sql(
                "SELECT layer, psm_key FROM psm_results WHERE dataset = 'text_features' AND similarity = "
                "'rbf'"
                f" AND target = 'features' AND model_weights = '{weights}'"
            )
        )
        for weights in ("pretrained", "random")
    ]
    upper = np.triu_indices(11, 1)
    values = [
        scipy.stats.spearmanr(*(data.psm(one[layer])[upper] for one in keys)).statistic for layer in (0, 1, 2)
    ]
    finding = next(f for f in answer.findings if f.what.startswith("rbf, text_features: Spearman of trained"))
    assert finding.number == f"{statistics.median(values):.2f}"


def test_trained_and_random_fits_are_paired_by_everything_else(data, sql):
    rows = sql(
        "SELECT a.distance_moved - b.distance_moved, a.n_features FROM fit_results a JOIN fit_results b ON"
        " a.dataset = b.dataset AND a.layer = b.layer AND a.similarity = b.similarity AND a.kernel = b.kernel"
        " AND a.gauge = b.gauge AND a.self_energy = b.self_energy AND a.n_dims = b.n_dims AND a.sigma = "
        "b.sigma"
        " AND a.optimiser = b.optimiser WHERE a.model_weights = 'pretrained' AND b.model_weights = 'random'"
        " AND a.target = 'features' AND b.target = 'features' AND a.sigma = 0.1 AND a.similarity = 'rbf'"
        " AND a.gauge = 'unit'"
    )
    expected = sorted(difference / math.sqrt(n * (n - 1)) for difference, n in rows)
    assert len(expected) == 2 * 3 * 3 * 2
    assert sorted(moved_differences(data)["rbf"]) == pytest.approx(expected, rel=1e-10)


def test_every_answer_has_a_number_a_basis_and_a_caveat(data):
    found = answers(data)
    assert [answer.goal[:2] for answer in found] == ["1.", "2.", "3.", "4.", "5.", "6.", "7."]
    assert found[6].sentence.startswith(NOT_RUN)  # no phi in this study
    for answer in found[:6]:
        assert re.search(r"\d", answer.sentence)
        assert re.search(r"\d", answer.basis)
        assert answer.caveats
        assert answer.findings
        assert "nan" not in answer.sentence.lower()


def test_the_paragraph_counts_what_the_views_hold(data, sql):
    text = about(data)
    assert f"{sql('SELECT COUNT(*) FROM fit_results')[0][0]:,} re-optimisations" in text
    assert f"{sql('SELECT COUNT(*) FROM joint_results')[0][0]:,} joint fits" in text
    assert "layers 0 to 2" in text
    assert "text_features (11 features)" in text


def test_without_fits_no_goal_about_fits_is_answered(make_study, study_plan):
    url = make_study(study_plan(fits=False, layers=(0,), weights=("pretrained",)), pairs=False)
    with superpos.connect(url) as results:
        data = StudyData(results, "synthetic")
        found = answers(data)
        assert "No fit was run." in about(data)
    assert all(answer.sentence.startswith(NOT_RUN) for answer in found)
    assert all(answer.basis == "0 cells" and not answer.findings for answer in found)


def test_a_set_that_is_not_in_an_answer_is_named(make_study, study_plan, place):
    plan = {"datasets": {"words": ("a", "b", "c"), "signs": ("x", "y", "z")}, "layers": (0,), "sweep": ()}
    for places, named in (({"signs": place(powell=False)}, True), ({}, False)):
        url = make_study(study_plan(weights=("pretrained",), places=places, **plan), pairs=False)
        with superpos.connect(url) as results:
            found = answers(StudyData(results, "synthetic"))
        said = "without a best match of Powell's at this σ, so not in this answer: signs"
        assert (said in found[0].caveats) == named


def test_matches_are_chosen_here_where_the_analysis_has_not_run(make_study, study_plan):
    small = study_plan(layers=(0, 1), weights=("pretrained",), extra_setting=False, sweep=())
    urls = [make_study(small), make_study(study_plan(**{**vars(small), "match": False}))]
    frames = []
    for url in urls:
        with superpos.connect(url) as results:
            assert results.frame("best_matches", study="synthetic").empty == (url == urls[1])
            frames.append(StudyData(results, "synthetic").matches)
    # The fixture stores matches chosen by distance alone: the rule where there is one trial and restart.
    assert set(frames[0]["fit_key"]) == set(frames[1]["fit_key"])
    assert len(frames[0]) == len(frames[1])
