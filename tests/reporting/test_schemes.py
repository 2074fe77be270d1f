"""Trained weights beside untrained ones of several schemes: each stands for itself, under its name."""

from __future__ import annotations

import numpy as np
import pytest

import superpos
from superpos.reporting import write_report
from superpos.reporting.answers import control_order, in_words
from superpos.reporting.chapters.probes import claim
from superpos.reporting.charts.geometry import geometry
from superpos.reporting.charts.own_energies import own_energies
from superpos.reporting.charts.probe_quality import LABELS, ProbeQuality, Series, probe_quality
from superpos.reporting.charts.target_psms import draw_target_psms, target_psms
from superpos.reporting.study_data import StudyData

SCHEMES = {
    "random": "random weights",
    "rerandomized": "rerandomized weights",
    "rerandomized_keep_embeddings": "rerandomized weights, embeddings kept",
}
FEATURES = ("a", "b", "c", "d", "e")


@pytest.fixture(scope="module")
def study(make_study, study_plan):
    return make_study(
        study_plan(
            datasets={"one": FEATURES}, layers=(0, 1), weights=("pretrained", *SCHEMES),
            controls=("permuted", "shuffled_labels"), similarities=("cosine",), n_dims=(4,),
            sigmas=(0.0, 0.1), sweep=(), extra_setting=False, manifold=False,
            measures=("own_energy@exp", "rank"),
        )
    )  # fmt: skip


@pytest.fixture
def data(study):
    with superpos.connect(study) as results:
        yield StudyData(results, "synthetic")


def test_figures_are_of_trained_weights_and_schemes_stand_beside_them(data):
    (subject,) = data.subjects
    assert subject.weights == "pretrained"
    rows = data.untrained_of(subject, data.scores)
    assert set(rows["model_weights"]) == set(SCHEMES)
    quality = probe_quality(data, subject)
    assert quality is not None
    assert quality.untrained == tuple(SCHEMES.values())
    assert [one.name for one in quality.series] == ["trained weights", *SCHEMES.values(), LABELS]
    scores = data.results.frame("probe_results", study="synthetic")
    for scheme, label in SCHEMES.items():
        own = scores[(scores["model_weights"] == scheme) & (scores["label_replicate"] == -1)]
        series = next(one for one in quality.series if one.name == label)
        assert series.mean == pytest.approx(own.groupby("layer")["roc_auc"].mean().tolist())
    matrices = target_psms(data, subject, "cosine")
    assert matrices is not None
    assert matrices.rows == ("features", "permuted", *SCHEMES.values())


def test_layers_with_other_weights_come_first_and_no_row_is_empty(data):
    (subject,) = data.subjects
    numbers = target_psms(data, subject, "cosine")
    assert numbers is not None
    kept = {place: one for place, one in numbers.matrices.items() if place[0] == "features" or place[1] == 1}
    fewer = numbers._replace(matrices=kept)
    drawn = draw_target_psms(fewer).svg()
    assert drawn.index(">layer 1<") < drawn.index("layer 0<")
    whole = draw_target_psms(numbers).svg()
    assert whole.index("layer 0<") < whole.index(">layer 1<")
    assert drawn.count("rerandomized") == whole.count("rerandomized") == 2


def test_measures_of_schemes_are_not_pooled(data):
    (subject,) = data.subjects
    numbers = geometry(data, subject, "cosine")
    energies = own_energies(data, (subject,))
    assert numbers is not None
    assert energies is not None
    assert numbers.groups[-3:] == energies.groups[-3:] == tuple(SCHEMES.values())
    rows = data.results.frame("geometry_results", study="synthetic", measure="own_energy", target="features")
    for scheme, label in SCHEMES.items():
        own = rows[rows["model_weights"] == scheme].sort_values("layer")
        shown = numbers.values[
            (numbers.values["measure"] == "own_energy") & (numbers.values["group"] == label)
        ].sort_values("layer")
        assert np.array_equal(shown["median"], own["value_scaled"])
        value = energies.values.loc[energies.values["group"] == label, "value"]
        assert value.tolist() == [own["value_scaled"].median()]


def test_the_page_names_every_scheme(study, tmp_path):
    with superpos.connect(study) as results:
        write_report(results, (), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    beside = " and ".join(f"{label} (1 seed)" for label in SCHEMES.values())
    assert f"with the same network at {beside} beside it" in page
    assert not {path.name for path in (tmp_path / "figures").iterdir() if "rerandomized" in path.name}


def test_a_study_of_untrained_weights_alone_has_a_block_a_scheme(make_study, study_plan):
    url = make_study(
        study_plan(
            datasets={"one": FEATURES}, layers=(0,), weights=("random", "rerandomized"), fits=False,
            controls=(), similarities=("cosine",),
        )
    )  # fmt: skip
    with superpos.connect(url) as results:
        data = StudyData(results, "synthetic")
        assert [one.weights for one in data.subjects] == ["random", "rerandomized"]
        assert all(data.untrained_of(one, data.psms).empty for one in data.subjects)


def test_the_claim_needs_every_scheme():
    def one(name, *scores):
        return Series(name, tuple(range(len(scores))), scores, {}, 1)

    trained, random = one("trained weights", 0.9, 0.9), one("random weights", 0.8, 0.7)
    assert "1 of 1 set better than at random weights" in claim(
        [ProbeQuality("x", (trained, random), ("random weights",))]
    )
    kept = one("rerandomized weights, embeddings kept", 0.8, 0.95)
    both = ProbeQuality("x", (trained, random, kept), (random.name, kept.name))
    assert "0 of 1 set better than at 2 schemes of untrained weights" in claim([both])
    assert claim([ProbeQuality("x", (trained,), ())]) == "Probe quality per layer"


def test_controls_of_answers_are_named_in_words_and_untrained_weights_stand_together():
    assert in_words("rerandomized_keep_embeddings weights") == SCHEMES["rerandomized_keep_embeddings"]
    assert in_words("shuffled_labels") == "shuffled labels"
    names = ["permuted", "rerandomized weights", "shuffled_labels", "random weights"]
    assert sorted(names, key=control_order) == [
        "shuffled_labels", "random weights", "rerandomized weights", "permuted",
    ]  # fmt: skip
