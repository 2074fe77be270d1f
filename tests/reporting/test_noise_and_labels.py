"""Noise levels, attenuation and label correlations against plain formulas; captions that follow the data."""

# ruff: noqa: S608 (the queries are made of constants of this file)

from __future__ import annotations

import itertools
import math
import sqlite3
import statistics

import numpy as np
import pytest
import scipy.stats

import superpos
from superpos.db.types import decode_array
from superpos.reporting.charts.distances import distances, draw_comparison, draw_procedure
from superpos.reporting.charts.label_correlation import N_RESAMPLES, interval, label_correlations
from superpos.reporting.charts.noise_ceiling import ceiling_table, draw_noise_ceiling, known_pairs
from superpos.reporting.sections import CHAPTERS
from superpos.reporting.study_data import StudyData
from superpos.reporting.svg.marks import Rule
from superpos.seeding import generator

NAMES = tuple("abcdefg")


@pytest.fixture(scope="module")
def url(make_study, study_plan):
    return make_study(
        study_plan(datasets={"set": NAMES}, controls=("permuted",), sweep=(), n_resamples=40, phi=True)
    )


@pytest.fixture(scope="module")
def data(url):
    with superpos.connect(url) as results:
        yield StudyData(results, "synthetic")


@pytest.fixture(scope="module")
def sql(url):
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    yield lambda query: connection.execute(query).fetchall()
    connection.close()


def noise_by_layer(sql, similarity, weights="pretrained"):
    found = {}
    for layer, error in sql(
        "SELECT layer, standard_error FROM psm_pairs WHERE model_weights = "
        f"'{weights}' AND similarity = '{similarity}'"
    ):
        found.setdefault(layer, []).append(error**2)
    return {layer: math.sqrt(statistics.mean(values)) for layer, values in found.items()}


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
def test_noise_levels_and_reliabilities_of_the_figure(data, sql, similarity):
    known = {one.similarity: one for one in known_pairs(data, data.subjects[0])}
    assert list(known) == ["cosine", "rbf"]
    one = known[similarity]
    expected = noise_by_layer(sql, similarity)
    assert one.layers == (0, 1, 2)
    assert one.noise == pytest.approx([expected[layer] for layer in one.layers], rel=1e-12)
    stored = dict(
        sql(
            "SELECT layer, reliability FROM psm_results WHERE target = 'features' AND model_weights = "
            f"'pretrained' AND similarity = '{similarity}'"
        )
    )
    assert list(one.reliability) == [stored[layer] for layer in one.layers]
    assert one.n_resamples == 40
    table = ceiling_table(tuple(known.values()))
    assert len(table) == 6


def test_entries_are_sorted_with_their_own_intervals(data, sql):
    one = known_pairs(data, data.subjects[0])[0]
    best = sql(
        "SELECT layer FROM probe_results WHERE model_weights = 'pretrained' AND label_replicate = -1"
        " GROUP BY layer ORDER BY AVG(roc_auc) DESC LIMIT 1"
    )[0][0]
    assert one.layer == best
    rows = sql(
        "SELECT feature_a, feature_b, value, value_low, value_high FROM psm_pairs WHERE similarity = 'cosine'"
        f" AND model_weights = 'pretrained' AND layer = {best} ORDER BY value"
    )
    assert one.names == tuple(f"{a} – {b}" for a, b, *_ in rows)
    assert list(zip(one.values, one.low, one.high, strict=True)) == [row[2:] for row in rows]


def test_long_lists_of_pairs_name_their_extremes(data):
    one = known_pairs(data, data.subjects[0])[0]
    many = one._replace(
        names=tuple(f"p{i:03d}" for i in range(400)),
        values=np.linspace(-1, 1, 400), low=np.linspace(-1, 1, 400) - 0.1, high=np.linspace(-1, 1, 400) + 0.1,
    )  # fmt: skip
    figure = draw_noise_ceiling((many,))
    texts = figure.svg()
    for name in ("p000", "p007", "p392", "p399"):
        assert name in texts
    assert "p200" not in texts
    assert figure.panels[-1].y.ruler.labels == ()


def test_the_band_is_the_noise_over_all_entries(data, sql):
    numbers = distances(data, data.subjects[0], "cosine")
    n = len(NAMES)
    squares = [noise**2 * n * (n - 1) for noise in noise_by_layer(sql, "cosine").values()]
    assert numbers.noise == pytest.approx(math.sqrt(statistics.mean(squares)), rel=1e-12)
    for draw, panels in ((draw_procedure, 3), (draw_comparison, 3)):
        figure = draw(numbers)
        bands = [m for p in figure.panels for m in p.marks if isinstance(m, Rule) and m.until is not None]
        # One of the two columns of targets, and one of the three quantities, has the target in it.
        assert len(bands) == panels
        assert {round(band.until - band.at, 12) for band in bands} == {round(numbers.noise, 12)}


def test_phi_and_entries_correlate_as_scipy_says(data, sql):
    numbers = label_correlations(data, data.subjects[0])
    phi = decode_array(sql("SELECT phi FROM datasets")[0][0])
    upper = np.triu_indices(len(NAMES), 1)
    seen = set()
    for weights, word in (("pretrained", "trained weights"), ("random", "random weights")):
        for layer, similarity, stored in sql(
            "SELECT r.layer, r.similarity, p.matrix FROM psms p JOIN psm_results r ON r.psm_key = p.key"
            f" WHERE r.target = 'features' AND r.model_weights = '{weights}'"
        ):
            expected = scipy.stats.spearmanr(phi[upper], decode_array(stored)[upper]).statistic
            row = next(
                r for r in numbers.rows if (r.similarity, r.weights, r.layer) == (similarity, word, layer)
            )
            assert row.rho == pytest.approx(expected, rel=1e-12)
            assert row.low <= row.rho <= row.high
            seen.add(row)
    assert seen == set(numbers.rows)


def test_the_interval_repeats_pairs_of_repeated_features():
    rng = np.random.default_rng(1)
    a, b = (rng.normal(size=(8, 8)) for _ in range(2))
    a, b = a + a.T, b + b.T + 0.8 * (a + a.T)
    upper = np.triu_indices(8, 1)
    ranks = [np.zeros((8, 8)) for _ in range(2)]
    for matrix, rank in zip((a, b), ranks, strict=True):
        rank[upper] = scipy.stats.rankdata(matrix[upper])
        rank[upper[1], upper[0]] = rank[upper]
    drawn = generator("analysis", name="label_correlation", replicate=0).integers(0, 8, size=(N_RESAMPLES, 8))
    values = []
    for row in drawn:
        pairs = [(i, j) for i, j in itertools.combinations(row.tolist(), 2) if i != j]
        x, y = ([rank[pair] for pair in pairs] for rank in ranks)
        if len(set(x)) > 1 and len(set(y)) > 1:
            values.append(np.corrcoef(x, y)[0, 1])
    assert interval(a, b) == pytest.approx(np.percentile(values, [2.5, 97.5]), rel=1e-9)
    assert np.isnan(interval(a[:5, :5], b[:5, :5])).all()


def test_phi_follows_the_order_of_the_directions(make_study, study_plan):
    url = make_study(
        study_plan(datasets={"set": NAMES}, layers=(0,), fits=False, phi=True, left_out="c", controls=())
    )
    with superpos.connect(url) as results:
        data = StudyData(results, "synthetic")
        key = data.psms["target_key"].iloc[0]
        found = data.phi_of("set", key)
        kept = [index for index, name in enumerate(NAMES) if name != "c"]
        phi = results.phi(data.features["dataset_key"].iloc[0])
    assert found.shape == (6, 6)
    assert np.array_equal(found, phi[kept][:, kept])


def test_captions_follow_what_was_computed(data, full_study):
    def captions(found, anchor):
        chapter = CHAPTERS.get(anchor)
        return [drawn.caption for drawn in chapter.draw(found, found.subjects[:1])]

    for caption in captions(data, "distances"):
        assert "No noise ceiling" not in caption
        assert "Green" in caption
    assert "40 bootstrapped samples" in captions(data, "ceiling")[0]
    assert len(captions(data, "labels")) == 1
    with superpos.connect(full_study) as results:
        other = StudyData(results, "synthetic")
        assert captions(other, "ceiling") == captions(other, "labels") == []
        assert "No noise ceiling was computed here" in captions(other, "distances")[0]
