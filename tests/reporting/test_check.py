"""What the page says of how to check a study: digests and keys that are the database's, a way to cite it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import superpos
from superpos.reporting.check import bibtex, check
from superpos.reporting.study_data import StudyData
from superpos.version import __version__


@pytest.fixture(scope="module")
def found(small_study):
    with superpos.connect(small_study) as results:
        data = StudyData(results, "synthetic")
        yield check(data, "9.9"), data


def test_keys_are_rows_of_the_study(found):
    one, data = found
    keys = dict(one.traces)
    assert set(keys) == {"a target matrix", "a set of probes", "a joint fit", "a re-optimised fit"}
    for what, frame, column in (
        ("a target matrix", data.psms, "psm_key"),
        ("a re-optimised fit", data.matches, "fit_key"),
    ):
        (key,) = re.findall(r"^superpos trace (\S+) --recompute$", keys[what])
        assert key in set(frame[column])


def test_every_set_and_model_is_named(found):
    one, data = found
    said = " ".join(made.what for made in one.made_of)
    for name in {*data.features["dataset"], *data.models["model"]}:
        assert name in said
    for made in one.made_of:
        assert made.what.startswith(("set ", "model "))


def test_the_entry_is_bibtex_whatever_the_name():
    entry = bibtex("a_b {c} 50% \\x", "2026", "1.2")
    assert entry.startswith("@software{superpos,\n")
    assert entry.count("{") == entry.count("}")
    assert "a\\_b c 50\\% x" in entry
    assert "year = {2026}" in entry
    assert "year" not in bibtex("a", "", "1.2")


def test_the_citation_file_is_of_this_version():
    text = (Path(superpos.__file__).parents[1] / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in text
    assert text.startswith("cff-version: 1.2.0\n")
