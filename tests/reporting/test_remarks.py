"""What a report says of features counted twice, of near copies and of what shuffled labels exchanged."""

from __future__ import annotations

import sqlite3

import pytest

import superpos
from superpos.reporting import write_report
from superpos.reporting.charts.feature_counts import counts_table, feature_counts
from superpos.reporting.remarks import near_copies, shuffled_labels
from superpos.reporting.sections import CHAPTERS
from superpos.reporting.study_data import StudyData

NAMES = tuple("abcdef")
CHANGES = """
UPDATE features SET status = 'duplicate', duplicate_of = 'a' WHERE feature = 'f';
UPDATE features SET status = 'opposite', duplicate_of = 'b' WHERE feature = 'e';
UPDATE direction_sets SET label_permutation = 'groups' WHERE label_replicate >= 0;
UPDATE psm_entries SET value = -0.9995 WHERE row_a = 0 AND row_b = 1;
UPDATE psm_entries SET value = -0.9999 WHERE row_a = 0 AND row_b = 1
  AND psm_id = (SELECT MIN(psm_id) FROM psm_entries);
UPDATE psm_entries SET value = 0.9999 WHERE row_a = 1 AND row_b = 2
  AND psm_id = (SELECT MIN(psm_id) FROM psm_entries);
"""


@pytest.fixture(scope="module")
def url(make_study, study_plan):
    plan = study_plan(
        datasets={"set": NAMES},
        layers=(0, 1),
        weights=("pretrained",),
        controls=("permuted", "shuffled_labels"),
        sweep=(),
    )
    found = make_study(plan)
    connection = sqlite3.connect(found.removeprefix("sqlite:///"))
    connection.executescript(CHANGES)
    connection.close()
    return found


@pytest.fixture(scope="module")
def data(url):
    with superpos.connect(url) as results:
        yield StudyData(results, "synthetic")


def captions(data, anchor):
    chapter = CHAPTERS.get(anchor)
    return {drawn.name: drawn.caption for drawn in chapter.draw(data, data.subjects)}


def test_copies_are_named_with_what_stands_for_them(data):
    features = {one.feature: one for one in feature_counts(data)[0].features}
    assert features["f"].left_out == "duplicate of a"
    assert features["e"].left_out == "opposite of b"
    assert features["a"].left_out == ""
    table = counts_table(feature_counts(data)).set_index("feature")
    assert dict(table["duplicate_of"]) == {"a": "", "b": "", "c": "", "d": "", "e": "b", "f": "a"}


def test_near_copies_are_said_beside_the_cosine_targets_of_every_layer(data):
    said = near_copies(data, data.subjects[0])
    assert said == "Almost one direction (|cosine| above 0.999 at every layer): a and b (-0.9995)."
    assert all(said in caption for caption in captions(data, "targets").values())


def test_what_shuffled_labels_exchanged_stands_beside_them(data):
    said = shuffled_labels(data, data.subjects)
    assert said == (
        "Shuffled labels: whole documents or entities exchange their labels, which are constant within them "
        "(set)."
    )
    assert said in captions(data, "probes")["probe-quality"]
    compared = [text for name, text in captions(data, "distances").items() if name.startswith("comparison")]
    assert compared
    assert all(said in caption for caption in compared)


def test_a_study_without_them_says_nothing(full_study):
    with superpos.connect(full_study) as results:
        data = StudyData(results, "synthetic")
        assert shuffled_labels(data, data.subjects) == ""
        assert not any(near_copies(data, subject) for subject in data.subjects)
        assert all("Shuffled labels:" not in text for text in captions(data, "probes").values())


def test_the_page_and_the_summary_say_it(url, tmp_path):
    with superpos.connect(url) as results:
        written = write_report(results, [], tmp_path)
    page = written.index.read_text(encoding="utf-8")
    for text in ("left out: duplicate of a", "left out: opposite of b", "a and b (-0.9995)"):
        assert text in page
    assert "whole documents or entities exchange their labels" in page
