"""Long tables: first draws and words on the others, figures of every draw; views read set by set."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

import superpos
from superpos.db.view_rows import read_rows
from superpos.reporting import long_tables, study_data, write_report
from superpos.reporting.long_tables import DRAW_COLUMNS, first_draws
from superpos.reporting.study_data import StudyData
from superpos.reporting.study_views import SHOWN_OF_DRAWS

KEYS = {
    "probe_results": "probe_key",
    "psm_results": "target_key",
    "joint_results": "joint_key",
    "best_matches": "fit_key",
    "layer_similarity": "psm_key",
}
"""Views that number draws, and a column that tells their rows apart."""


@pytest.fixture(scope="module")
def study(make_study, study_plan):
    return make_study(
        study_plan(
            datasets={"one": ("a", "b", "c", "d"), "two": ("e", "f", "g", "h")},
            layers=(0, 1), controls=("permuted", "shuffled_labels"), replicates=3, phi=True,
            measures=("own_energy@exp", "rank"), explained=True,
        )
    )  # fmt: skip


@pytest.fixture
def results(study):
    with superpos.connect(study) as opened:
        yield opened


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_long_table_has_the_first_draws_and_the_page_says_so(results, tmp_path, monkeypatch):
    whole = write_report(results, (), tmp_path / "whole")
    assert not any("draws of each control" in line for line in whole.left_out)
    monkeypatch.setattr(long_tables, "AT_MOST_ROWS", 8)
    monkeypatch.setattr(long_tables, "FIRST_DRAWS", 2)
    short = write_report(results, (), tmp_path / "short")
    said = [line for line in short.left_out if "draws of each control" in line]
    page = (tmp_path / "short" / "index.html").read_text(encoding="utf-8")
    tables, before = contents(tmp_path / "short" / "tables"), contents(tmp_path / "whole" / "tables")
    for view, key in KEYS.items():
        frame = results.frame(view, study="synthetic")
        number = next(column for column in DRAW_COLUMNS if column in frame.columns)
        expected = frame[frame[number] < 2]
        assert 0 < len(expected) < len(frame)
        found = rows(tmp_path / "short" / "tables" / f"{view}.csv")
        assert sorted(row[key] for row in found) == sorted(expected[key])
        line = f"{view}.csv has the first 2 draws of each control, {len(expected):,} of {len(frame):,} rows"
        assert any(line in one and "superpos export --study synthetic" in one for one in said)
        assert line in page
        del tables[f"{view}.csv"], before[f"{view}.csv"]
    assert len(said) == len(KEYS)
    # Figures, and the tables of figures, are of every draw.
    assert tables == before
    assert contents(tmp_path / "short" / "figures") == contents(tmp_path / "whole" / "figures")


def test_what_numbers_no_draws_or_is_short_stays_whole(monkeypatch):
    frame = pd.DataFrame({"replicate": range(30), "value": 1.0})
    assert first_draws("psm_results", frame, "s") == long_tables.Table("psm_results", frame)
    monkeypatch.setattr(long_tables, "AT_MOST_ROWS", 20)
    pairs = frame.drop(columns="replicate")
    assert first_draws("psm_pairs", pairs, "s").left_out == ""
    assert first_draws("psm_results", frame[["replicate"]] * 0, "s").left_out == ""
    cut = first_draws("psm_results", frame, "two words")
    assert cut.frame["replicate"].tolist() == list(range(10))
    assert "10 of 30 rows" in cut.left_out
    assert "--study 'two words'" in cut.left_out


@pytest.mark.parametrize("view", SHOWN_OF_DRAWS)
def test_rows_of_draws_are_those_of_the_view(results, view):
    found = StudyData(results, "synthetic").of_draws(view, {"dataset": "one"})
    expected = results.frame(view, list(found.columns), study="synthetic", dataset="one")
    assert len(found) == len(expected) > 0
    assert set(SHOWN_OF_DRAWS[view]) < set(found.columns)

    def values(frame):
        plain = frame.astype(object).where(frame.notna(), None)
        return sorted(map(repr, plain.itertuples(index=False, name=None)))

    kinds = dict(zip(found.columns, found.dtypes, strict=True))
    whole = [name for name, kind in kinds.items() if kind.kind in "if"]
    assert values(found.astype(dict.fromkeys(whole, "float64"))) == values(
        expected.astype(dict.fromkeys(whole, "float64"))
    )


@pytest.mark.parametrize("view", ["geometry_results", "explained_results"])
def test_sets_that_are_dropped_are_read_again(results, view, monkeypatch):
    data = StudyData(results, "synthetic")
    held = [data.rows_of(view, subject) for subject in data.subjects]
    monkeypatch.setattr(study_data, "HELD_ROWS", 0)
    other = StudyData(results, "synthetic")
    for subject, parts in [*zip(data.subjects, held, strict=True)] * 2:
        for part, again in zip(parts, other.rows_of(view, subject), strict=True):
            pd.testing.assert_frame_equal(part, again)
            assert set(again["dataset"]) <= {subject.dataset}
    assert len({subject.dataset for subject in data.subjects}) == 2


def test_rows_below_a_number_are_those_of_the_filter(results):
    data = StudyData(results, "synthetic")
    columns = ("dataset", "layer", "label_replicate", "roc_auc")
    found = read_rows(
        results.database, data._study_id, "probe_results", columns, below={"label_replicate": 1}
    )
    frame = results.frame("probe_results", list(columns), study="synthetic")
    expected = frame[frame["label_replicate"] < 1]
    assert 0 < len(found) == len(expected) < len(frame)
    assert np.allclose(np.sort(found["roc_auc"]), np.sort(expected["roc_auc"]))
