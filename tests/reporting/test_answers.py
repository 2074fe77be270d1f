"""Answers on the page: verdict first, one control at a time, every number from the view."""

from __future__ import annotations

import re

import pytest

import superpos
from superpos.records.answers import STRENGTHS
from superpos.reporting.answers import MARKS, answers, asked_in_words
from superpos.reporting.report import write_report
from superpos.reporting.study_data import StudyData


@pytest.fixture(scope="module")
def url(make_study, study_plan):
    """Twenty draws of two controls: a family of two sets can be tested against them."""
    return make_study(
        study_plan(
            datasets={"one": ("a", "b", "c", "d", "e"), "two": ("f", "g", "h", "i")}, layers=(0, 1),
            controls=("permuted", "shuffled_labels"), replicates=40, sweep=(), n_dims=(4,), sigmas=(0.0,),
            kernels=(("exp", 0.0, "exp", "include", 0.0), ("log", 0.0, "log", "exclude", 0.0)),
            extra_setting=False, similarities=("cosine",), store_arrays=False,
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(url):
    with superpos.connect(url) as results:
        yield StudyData(results, "synthetic")


def test_the_verdict_comes_first_and_names_the_control_that_leaves_least(data):
    found = {one.question: one for one in answers(data)}
    keeps = found["keeps_low"]
    assert keeps.controls == ("shuffled_labels", "random weights", "permuted")
    assert keeps.sentence.startswith(f"{keeps.verdict.capitalize()}. Against shuffled labels (cosine, ")
    assert keeps.verdict in STRENGTHS
    assert "Against random weights: not testable here with 1 draw; 2 tests need 39." in keeps.sentence


def test_a_verdict_is_said_once(data):
    for one in answers(data):
        word = one.verdict.capitalize()
        assert one.sentence.startswith(word)
        assert not one.sentence.startswith(f"{word}. {word}")


def test_every_cell_is_a_row_of_the_view(data):
    rows = data.answers
    for one in answers(data):
        own = rows[rows["question"] == one.question]
        sets = own[own["dataset"] != ""] if (own["dataset"] != "").any() else own
        cells = [cell for line in one.lines for cell in line.cells if cell.strength]
        assert sorted(cell.sentence for cell in cells) == sorted(sets["sentence"])
        for cell in cells:
            assert cell.text.startswith(MARKS[cell.strength])


def test_no_sentence_pools_controls_or_calls_anything_alike(data):
    for one in answers(data):
        assert not re.search(
            r"\bcontrols\b|\balike\b(?! in)|about as", one.sentence.replace("kernels alike", "")
        )
    per_set = data.answers[data.answers["dataset"] != ""]
    assert (per_set["control"] != "").all()


def test_the_page_and_the_summary_say_them(url, tmp_path):
    with superpos.connect(url) as results:
        paths = write_report(results, ["synthetic"], tmp_path)
        page, summary = paths.index.read_text("utf-8"), paths.summary.read_text("utf-8")
        for one in answers(StudyData(results, "synthetic")):
            assert one.goal in page
            assert one.goal.split("(")[0] in summary
            assert f'id="s1-answer-{one.question}"' in page
    assert "“Not shown” does not mean absent" in page


def test_a_study_without_answers_says_why(make_study, study_plan, tmp_path):
    plan = study_plan(
        datasets={"s": ("a", "b", "c")}, layers=(0,), fits=False, controls=(), weights=("pretrained",)
    )
    url = make_study(plan)
    with superpos.connect(url) as results:
        paths = write_report(results, ["synthetic"], tmp_path)
        assert answers(StudyData(results, "synthetic")) == ()
    assert "No answers: the stage" in paths.index.read_text("utf-8")


def test_a_question_of_a_package_that_is_gone_is_named():
    assert asked_in_words("zz_question") == "zz question"
    assert asked_in_words("best_energy").endswith("?")
