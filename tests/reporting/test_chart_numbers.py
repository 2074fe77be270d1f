"""The numbers of every figure against SQL on the tables and plain formulas."""

# ruff: noqa: S608 (the queries are made of constants of this file)

from __future__ import annotations

import json
import sqlite3
import statistics
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import scipy.stats

import superpos
from superpos.db.types import decode_array
from superpos.records.data import TokenExample
from superpos.reporting.chapters.optimal import chosen_layer
from superpos.reporting.chapters.optimisers import caption
from superpos.reporting.charts.distances import distances, sweep
from superpos.reporting.charts.feature_counts import (
    FeatureCount,
    FeatureCounts,
    example,
    feature_counts,
    visible,
)
from superpos.reporting.charts.importance import draw_importance, importance
from superpos.reporting.charts.layer_map import layer_maps
from superpos.reporting.charts.optimal_psms import optimal_psms, shown_sigmas
from superpos.reporting.charts.optimisers import draw_optimisers, optimisers
from superpos.reporting.charts.outcomes import outcomes
from superpos.reporting.charts.probe_quality import probe_quality, quality_table
from superpos.reporting.charts.sensitivity import _widest, sensitivity
from superpos.reporting.charts.target_psms import target_psms
from superpos.reporting.selection import describe_setting
from superpos.reporting.study_data import StudyData
from superpos.reporting.subjects import Subject, place

MAIN = "model_weights = 'pretrained' AND gauge = 'unit' AND dataset = 'text_features'"


@pytest.fixture(scope="module")
def data(full_study):
    with superpos.connect(full_study) as results:
        yield StudyData(results, "synthetic")


@pytest.fixture(scope="module")
def sql(full_study):
    connection = sqlite3.connect(full_study.removeprefix("sqlite:///"))
    yield lambda query: connection.execute(query).fetchall()
    connection.close()


@pytest.fixture
def subject():
    return Subject("nano", "", "pretrained", "text_features", "mlp.act")


def test_subjects_are_the_pretrained_models_on_every_set(data):
    assert [(s.dataset, s.weights) for s in data.subjects] == [
        ("python_syntax", "pretrained"),
        ("text_features", "pretrained"),
    ]


@pytest.mark.parametrize(
    ("tokens", "n_tokens", "said"),
    [
        ((" a", " b"), 2, "Each word is one token. · stands for a space in a token."),
        (("a", "b"), 2, "Each word is one token. No token holds a space."),
        (
            (" a", " bc"),
            3,
            "The 2 words are 3 tokens; the row of a word is the mean of theirs. · stands for a space",
        ),
    ],
)
def test_how_the_words_of_a_list_are_spelled(tokens, n_tokens, said):
    counts = [
        FeatureCount(name, 0, 0, "ok", visible(TokenExample("", token, "", "")))
        for name, token in zip("ab", tokens, strict=True)
    ]
    words = FeatureCounts("words", "", 0, n_tokens, 0, tuple(counts))
    assert words.spelled.startswith(said)
    assert words._replace(n_samples=4).spelled == ""
    assert words._replace(features=(counts[0]._replace(example=None),)).spelled == ""


def test_feature_counts(data, sql):
    sets = feature_counts(data)
    assert [one.dataset for one in sets] == ["python_syntax", "text_features"]
    stored = sql(
        "SELECT f.feature, f.n_positive FROM features f JOIN study_datasets s ON s.dataset_id = f.dataset_id"
        " WHERE s.name = 'text_features' ORDER BY f.feature_index"
    )
    assert [(f.feature, f.n_positive) for f in sets[1].features] == stored
    assert sets[1].features[0].share == 40 / 1000
    assert sets[1].n_samples == 1000


def test_examples_mark_spaces_and_line_breaks():
    found = example(
        json.dumps({"before": "a\n    b", "token": " x\n", "after": "\n\nc   d", "document": "f.py"})
    )
    assert found is not None
    assert (found.before, found.token, found.after) == ("a↵ b", "·x↵", "↵↵c d")
    assert example(None) is None


def test_probe_quality_is_the_mean_over_features_of_each_kind(data, subject, sql):
    numbers = probe_quality(data, subject)
    assert numbers is not None
    series = {one.name: one for one in numbers.series}
    assert set(series) == {"trained weights", "random weights", "shuffled labels"}
    for name, weights, labels in (
        ("trained weights", "pretrained", "= -1"),
        ("random weights", "random", "= -1"),
        ("shuffled labels", "pretrained", ">= 0"),
    ):
        means = sql(
            "SELECT layer, AVG(roc_auc) FROM probe_results WHERE dataset = 'text_features'"
            f" AND model_weights = '{weights}' AND label_replicate {labels} GROUP BY layer ORDER BY layer"
        )
        assert list(series[name].layers) == [layer for layer, _ in means]
        assert list(series[name].mean) == pytest.approx([mean for _, mean in means], rel=1e-12)
        assert len(series[name].features) == 11
    table = quality_table(numbers)
    assert len(table) == 3 * 3 * 12


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
def test_target_matrices_are_those_of_the_database(data, subject, sql, similarity):
    numbers = target_psms(data, subject, similarity)
    assert numbers is not None
    assert numbers.rows == ("features", "permuted", "random weights")
    assert numbers.layers == (0, 1, 2)
    entries = sql(
        "SELECT pa.layer, pa.feature_a, pa.feature_b, pa.value FROM psm_pairs pa WHERE dataset = "
        "'text_features'"
        f" AND model_weights = 'random' AND similarity = '{similarity}'"
    )
    assert len(entries) == 3 * 55
    for layer, a, b, value in entries:
        i, j = numbers.features.index(a), numbers.features.index(b)
        assert numbers.matrices["random weights", layer][i, j] == value
    permuted = sql(
        "SELECT p.matrix, r.layer FROM psms p JOIN psm_results r ON r.psm_key = p.key WHERE r.target = "
        "'permuted'"
        f" AND r.dataset = 'text_features' AND r.similarity = '{similarity}'"
    )
    for stored, layer in permuted:
        assert np.array_equal(numbers.matrices["permuted", layer], decode_array(stored))
    assert (numbers.scales[1] == 21.0) == (similarity == "rbf")


def test_layer_maps_are_symmetric_and_those_of_the_database(data, subject, sql):
    maps = {one.title: one for one in layer_maps(data, subject)}
    assert list(maps)[:3] == ["cosine: features", "cosine: random weights", "cosine: permuted"]
    for a, b, value in sql(
        "SELECT layer_a, layer_b, spearman FROM layer_similarity WHERE dataset = 'text_features'"
        " AND model_weights = 'random' AND similarity = 'rbf' AND target = 'features'"
    ):
        matrix = maps["rbf: random weights"].spearman
        assert matrix[a, b] == matrix[b, a] == value
    assert np.array_equal(np.diag(maps["rbf: features"].spearman), np.ones(3))


def test_optimal_matrices_have_the_distance_in_their_title(data, subject, sql):
    numbers = optimal_psms(data, subject, "cosine", 1)
    assert numbers is not None
    assert numbers.rows == ("joint optimum", "re-optimised\nσ = 0.01", "re-optimised\nσ = 0.1")
    assert numbers.kernels == ("exp", "log", "riesz:1")
    assert len(numbers.panels) == 9
    for panel in numbers.panels:
        assert panel.matrix is not None
        assert np.linalg.norm(panel.matrix - numbers.target) == pytest.approx(panel.distance, rel=1e-12)
    stored = dict(
        sql(
            f"SELECT kernel, distance_final FROM best_matches WHERE {MAIN} AND layer = 1 AND sigma = 0.1"
            " AND target = 'features' AND similarity = 'cosine' AND optimiser = 'powell'"
        )
    )
    shown = {panel.kernel: panel.distance for panel in numbers.panels if panel.row.endswith("σ = 0.1")}
    assert shown == stored


def test_the_layer_shown_is_where_probes_read_best(data, subject, sql):
    best = sql(
        "SELECT layer FROM probe_results WHERE dataset = 'text_features' AND model_weights = 'pretrained'"
        " AND label_replicate = -1 GROUP BY layer ORDER BY AVG(roc_auc) DESC LIMIT 1"
    )
    assert chosen_layer(data, subject, "cosine") == best[0][0]


def test_sigmas_shown_without_those_of_the_thesis(data):
    frame = data.matches
    assert shown_sigmas(frame) == (0.01, 0.1)
    assert shown_sigmas(frame[frame["sigma"].isin([0.003, 0.3, 1.0])]) == (0.003, 1.0)
    assert shown_sigmas(frame[frame["sigma"] == 0.0]) == (0.0,)


@pytest.mark.parametrize(
    "quantity", ["distance_final", "distance_moved", "distance_joint", "distance_simplex"]
)
def test_distances_are_medians_and_quartiles_over_layers(data, subject, sql, quantity):
    numbers = distances(data, subject, "rbf")
    assert numbers is not None
    assert numbers.targets == (
        "features",
        "permuted",
        "gaussian",
        "shuffled_entries",
        "spectrum",
        "shuffled_labels",
    )
    lines = {(line.kernel, line.target, line.quantity): line for line in numbers.lines}
    for kernel in ("exp", "log", "riesz:1"):
        for target in ("features", "spectrum"):
            line = lines[kernel, target, quantity]
            assert line.sigmas == (0.0, 0.01, 0.1)
            for index, sigma in enumerate(line.sigmas):
                values = [
                    value
                    for (value,) in sql(
                        f"SELECT {quantity} FROM best_matches WHERE {MAIN} AND similarity = 'rbf'"
                        f" AND optimiser = 'powell' AND kernel = '{kernel}' AND target = '{target}' AND "
                        f"sigma = {sigma}"
                    )
                ]
                assert line.n_values[index] == len(values) == 3
                assert line.median[index] == statistics.median(values)
                low, _, high = statistics.quantiles(values, n=4, method="inclusive")
                assert (line.low[index], line.high[index]) == pytest.approx((low, high), rel=1e-12)


def test_the_table_of_a_figure_has_a_row_a_point(data, subject):
    numbers = distances(data, subject, "cosine")
    assert numbers is not None
    table = numbers.table()
    assert len(table) == sum(len(line.sigmas) for line in numbers.lines)
    assert set(table["sigma"]) == {0.0, 0.01, 0.1}


def test_the_sweep_is_the_layer_with_more_sigmas(data, subject, sql):
    numbers = sweep(data, subject, "cosine")
    assert numbers is not None
    assert numbers.layers == (2,)
    line = next(
        n for n in numbers.lines if (n.kernel, n.target, n.quantity) == ("log", "features", "distance_moved")
    )
    assert line.sigmas == (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    stored = sql(
        f"SELECT distance_moved FROM best_matches WHERE {MAIN} AND layer = 2 AND similarity = 'cosine'"
        " AND optimiser = 'powell' AND kernel = 'log' AND target = 'features' ORDER BY sigma"
    )
    assert list(line.median) == [value for (value,) in stored]


def test_optimisers_pair_the_same_starts(data, subject, sql):
    numbers = optimisers(data, subject)
    assert numbers is not None
    pair = next(p for p in numbers.pairs if (p.similarity, p.kernel) == ("cosine", "log"))
    where = f"{MAIN} AND similarity = 'cosine' AND kernel = 'log' AND target = 'features'"
    powell = sql(
        "SELECT joint_key, sigma, distance_final, distance_polish, energy_start, energy_final, "
        "relative_gradient"
        f" FROM fit_results WHERE {where} AND optimiser = 'powell'"
    )
    manifold = {
        (joint, sigma): (distance, start - end)
        for joint, sigma, distance, start, end in sql(
            "SELECT joint_key, sigma, distance_final, energy_start, energy_final"
            f" FROM fit_results WHERE {where} AND optimiser = 'manifold'"
        )
    }
    assert sorted(zip(pair.distance_powell, pair.distance_polished, strict=True)) == sorted(
        (r[2], r[3]) for r in powell
    )
    both = [(r[2], *manifold[r[0], r[1]], r[4] - r[5]) for r in powell if (r[0], r[1]) in manifold]
    assert len(both) == 3 * 2
    assert sorted(zip(pair.distance_powell_paired, pair.distance_manifold, strict=True)) == sorted(
        b[:2] for b in both
    )
    assert sorted(pair.descent_share) == pytest.approx(
        sorted(own / full for _, _, full, own in both), rel=1e-12
    )
    assert sorted(pair.gradient_powell) == sorted(r[6] for r in powell)
    table = numbers.table()
    row = table[(table["similarity"] == "cosine") & (table["kernel"] == "log")].iloc[0]
    assert row["median_distance_polished"] == statistics.median(r[3] for r in powell)
    assert row["share_manifold_below_1e-6"] == 1.0
    of_manifold = f"{MAIN} AND target = 'features' AND optimiser = 'manifold'"
    gaps = [gap for (gap,) in sql(f"SELECT energy_gap FROM fit_results WHERE {of_manifold}")]
    least = [gap for gap in gaps if gap < 1e-6]
    assert 0 < len(least) < len(gaps)
    assert numbers.proved == (len(gaps), len(least), pytest.approx(0.05), pytest.approx(0.05))
    assert row["median_gap_powell"] == pytest.approx(0.05)
    said = caption(numbers)
    assert f"{len(least)} of {len(gaps)} certified minima are the least energy there is" in said
    assert "The others lie 0.05 (median; at most 0.05) units of energy above a bound" in said
    none = numbers._replace(proved=None)
    assert "No certified minimum has a bound yet" in caption(none)


def test_outcomes_count_every_setting(data, subject, sql):
    numbers = outcomes(data, subject)
    assert numbers is not None
    assert numbers.settings[0] == "cosine · exp include · gauge unit"
    assert "cosine · riesz:1 exclude · gauge none" in numbers.settings
    panels = {panel.title: panel for panel in numbers.panels}
    counted = Counter(
        sql(
            "SELECT gauge, self_energy, status FROM joint_results WHERE dataset = 'text_features'"
            " AND model_weights = 'pretrained' AND similarity = 'cosine' AND kernel = 'riesz:1'"
        )
    )
    main, other = "cosine · riesz:1 include ε0.1 · gauge unit", "cosine · riesz:1 exclude · gauge none"
    for label, gauge, own in ((main, "unit", "include"), (other, "none", "exclude")):
        shown = dict(
            zip(
                panels["joint step: status"].outcomes, panels["joint step: status"].counts[label], strict=True
            )
        )
        assert shown == {name: counted[gauge, own, name] for name in shown}
    assert other not in panels["manifold: status"].counts
    verdicts = Counter(
        sql(
            "SELECT verdict_polished FROM fit_results WHERE dataset = 'text_features' AND optimiser = "
            "'powell'"
            " AND model_weights = 'pretrained' AND similarity = 'rbf' AND kernel = 'exp'"
        )
    )
    polished = panels["Powell, polished: verdict"]
    label = "rbf · exp include · gauge unit"
    assert dict(zip(polished.outcomes, polished.counts[label], strict=True)) == {
        name: verdicts[(name,)] for name in polished.outcomes
    }
    assert numbers.table()["share"].between(0.0, 1.0).all()


def test_importance_against_entropy_and_rank_correlation(data, subject, sql):
    numbers = importance(data, subject)
    assert numbers is not None
    assert list(numbers.frequencies) == sorted(numbers.frequencies)
    group = next(g for g in numbers.groups if (g.similarity, g.kernel) == ("rbf", "exp"))
    rows = sql(
        f"SELECT joint_key, feature, weight FROM fit_weights WHERE {MAIN} AND similarity = 'rbf' AND "
        "kernel = 'exp'"
        " AND target = 'features'"
    )
    weights: dict[str, list[float]] = {}
    by_feature: dict[str, list[float]] = {}
    for joint, feature, weight in rows:
        weights.setdefault(joint, []).append(weight)
        by_feature.setdefault(feature, []).append(11 * weight)
    entropies = [scipy.stats.entropy(values) / np.log(11) for values in weights.values()]
    assert sorted(group.entropy_features) == pytest.approx(sorted(entropies), rel=1e-12)
    assert len(entropies) == 3 * 2
    medians = [statistics.median(by_feature[name]) for name in numbers.features]
    assert group.relative_weights.tolist() == pytest.approx(medians, rel=1e-12)
    expected = scipy.stats.spearmanr(medians, numbers.frequencies).statistic
    assert group.frequency_correlation == pytest.approx(expected, rel=1e-12)
    assert group.entropy_controls.size == 5 * 3 * 2


def test_importance_of_features_without_samples_is_in_the_order_of_the_set(full_study, subject):
    with superpos.connect(full_study) as results:
        data = StudyData(results, "synthetic")
        with_samples = importance(data, subject)
        data.__dict__["probes"] = data.probes.iloc[:0]
        numbers = importance(data, subject)
        in_order = data.features.loc[data.features["dataset"] == subject.dataset, "feature"].tolist()
    assert list(numbers.features) == in_order
    assert np.isnan(numbers.frequencies).all()
    for one, other in zip(numbers.groups, with_samples.groups, strict=True):
        assert one.frequency_correlation is None
        for name, value in zip(numbers.features, one.relative_weights, strict=True):
            assert value == other.relative_weights[with_samples.features.index(name)]
    figure = draw_importance(numbers)
    assert list(figure.panels[2].y.ruler.labels) == in_order


def test_importance_shows_every_weight_of_both_similarities(data, subject):
    numbers = importance(data, subject)
    wide = tuple(g._replace(high=g.high + (3.0 if g.similarity == "rbf" else 0.0)) for g in numbers.groups)
    axes = draw_importance(numbers._replace(groups=wide)).panels[2:]
    largest = max(float(np.max(g.high)) for g in wide)
    for panel in axes:
        assert panel.x.ruler.limits()[0] == 0.0
        assert panel.x.ruler.limits()[1] >= largest


def test_optimisers_has_no_empty_panels_where_the_manifold_did_not_run(data, subject):
    numbers = optimisers(data, subject)
    assert numbers.has_manifold
    none = np.empty(0)
    alone = numbers._replace(
        pairs=tuple(
            p._replace(distance_manifold=none, distance_powell_paired=none, descent_share=none)
            for p in numbers.pairs
        )
    )
    assert len(draw_optimisers(numbers).panels) == 2 * 4
    figure = draw_optimisers(alone)
    assert len(figure.panels) == 2 * 2
    assert "not run" not in figure.svg()


def test_a_setting_that_does_not_apply_is_not_named(data):
    rows = data.matches
    text = describe_setting(rows)
    assert "space raw" in text
    assert "probe C 1" in text
    other = describe_setting(rows.assign(space="none", probe_C=0.0, gauge="none"))
    assert "space" not in other
    assert "probe C" not in other
    assert "gauge none" in other


def test_places_of_directions(subject):
    assert place(subject, 3) == "layer 3"
    assert place(subject._replace(hookpoint="embed"), -1) == "rows of the embedding"
    assert place(subject._replace(hookpoint=""), -1) == "as imported"


def test_sensitivity_splits_by_dimension_and_target(data, subject, sql):
    numbers = sensitivity(data, subject)
    assert numbers is not None
    assert numbers.n_dims == (4, 10)
    assert numbers.sigmas == (0.0, 0.01, 0.1)
    one = next(
        s for s in numbers.spreads
        if (s.similarity, s.sigma, s.n_dims, s.kernel, s.group) == ("cosine", 0.1, 4, "exp", "controls")
    )  # fmt: skip
    values = [
        value
        for (value,) in sql(
            f"SELECT distance_moved FROM fit_results WHERE {MAIN} AND similarity = 'cosine' AND kernel = "
            "'exp'"
            " AND optimiser = 'powell' AND sigma = 0.1 AND n_dims = 4 AND target <> 'features'"
        )
    ]
    assert one.n_values == len(values) == 15
    assert one.median == statistics.median(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    assert (one.low, one.high) == pytest.approx((low, high), rel=1e-12)


def test_sensitivity_shows_sigmas_that_ran_at_every_dimension():
    rows = pd.DataFrame({"sigma": [0.0, 0.0, 0.1, 0.1, 1.0], "n_dims": [4, 10, 4, 10, 10]})
    assert _widest(rows) == [0.0, 0.1]
