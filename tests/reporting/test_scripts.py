"""Questions that are asked alone: each draws what it names, says what it leaves out, agrees with SQL."""

# ruff: noqa: S608 (the queries are made of constants of this file)

from __future__ import annotations

import csv
import importlib
import sqlite3
import statistics
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import superpos
from reports.common import run
from superpos.errors import InputError
from superpos.reporting import write_report
from superpos.reporting.charts.by_layer import best_kernels, by_layer
from superpos.reporting.charts.revisions import draw_revisions, revision_order, revisions
from superpos.reporting.questions import QUESTIONS, chosen_chapters
from superpos.reporting.sections import CHAPTERS
from superpos.reporting.within_sets import HEADLINE, MAIN_SETTING, POWELL, within_sets

WHERE = (
    "model_weights = 'pretrained' AND gauge = 'unit' AND optimiser = 'powell' AND sigma = 0.1"
    " AND similarity = 'rbf' AND dataset = 'python_syntax'"
)
ASKED = (
    "probe_quality", "target_geometry", "own_energy", "controls", "best_matches", "perturbation",
    "cross_layer", "cross_dataset", "weights", "certificates", "trained_vs_random", "checkpoints",
    "embeddings", "label_statistics", "sensitivity", "summary",
)  # fmt: skip
DRAWN = {
    "probe_quality": ["probe-quality"],
    "target_geometry": ["targets"],
    "own_energy": [],
    "controls": ["comparison", "differences"],
    "best_matches": ["optimal"],
    "perturbation": ["distances"],
    "cross_layer": ["cross-layer", "layers"],
    "cross_dataset": ["cross-dataset"],
    "weights": ["importance"],
    "certificates": ["gradients", "optimisers", "outcomes"],
    "trained_vs_random": ["layers", "probe-quality"],
    "checkpoints": [],
    "embeddings": [],
    "label_statistics": ["feature-counts"],
    "sensitivity": ["sensitivity"],
    "summary": [],
}
"""What the small study, in which nothing is measured and nothing is a row of a matrix, has figures of."""


@pytest.fixture(scope="module")
def sql(full_study):
    connection = sqlite3.connect(full_study.removeprefix("sqlite:///"))
    yield lambda text: connection.execute(text).fetchall()
    connection.close()


def table(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def call(name, url, out, study="synthetic"):
    return run(name, ["--db", url, "--study", study, "--out", str(out)])


def headline(url):
    with superpos.connect(url) as results:
        rows = results.frame("best_matches", study="synthetic")
    rows = rows[rows["model_weights"] != "random"]
    return within_sets(rows, (POWELL, MAIN_SETTING, HEADLINE)).rows


def test_every_question_has_a_script_and_every_script_a_question():
    assert tuple(question.name for question in QUESTIONS) == ASKED
    folder = Path(importlib.import_module("reports").__file__).parent
    assert {path.stem for path in folder.glob("*.py")} == {*ASKED, "common", "__init__"}
    for question in QUESTIONS:
        assert question.asks in importlib.import_module(f"reports.{question.name}").__doc__
        assert {part.chapter for part in question.parts} <= set(CHAPTERS.names())


def test_every_chapter_answers_some_question():
    asked = {part.chapter for question in QUESTIONS for part in question.parts}
    assert asked == {chapter.name for chapter in CHAPTERS if CHAPTERS.origin(chapter.name) is None}


@pytest.mark.parametrize("name", ASKED)
def test_a_question_draws_its_figures_and_no_others(name, small_study, tmp_path):
    with superpos.connect(small_study) as results:
        paths = write_report(results, [], tmp_path, only=[name])
    stems = [path.stem for path in paths.figures]
    assert sorted({stem.partition("-python_syntax")[0] for stem in stems}) == DRAWN[name]
    assert paths.summary.is_file()
    if not stems and name != "summary":
        assert paths.left_out  # why there is nothing
    words = paths.index.read_text(encoding="utf-8")
    assert "Verdicts" in words
    for line in paths.left_out:
        assert line.startswith("synthetic: ")


def test_names_may_be_joined_and_an_unknown_one_is_refused_with_the_nearest():
    both = chosen_chapters(["own_energy", "certificates"])
    assert [chapter.name for chapter in both] == ["lead", "optimisers", "outcomes"]
    assert chosen_chapters(["targets"]) == (CHAPTERS.get("targets"),)
    assert chosen_chapters(["embeddings", "targets"])[0] == CHAPTERS.get("targets")
    assert chosen_chapters(["summary"]) == ()
    assert chosen_chapters([]) == tuple(CHAPTERS)
    with pytest.raises(InputError, match=r"only: 'own_enrgy' is unknown.*'own_energy'"):
        chosen_chapters(["own_enrgy"])


def test_cross_layer_writes_the_best_matches_of_every_layer(full_study, sql, tmp_path, capsys):
    assert call("cross_layer", full_study, tmp_path) == 0
    rows = table(tmp_path / "tables" / "cross-layer.csv")
    stored = sql(
        "SELECT COUNT(*) FROM best_matches WHERE model_weights = 'pretrained' AND gauge = 'unit'"
        " AND optimiser = 'powell' AND sigma = 0.1"
    )
    assert len(rows) == stored[0][0]
    said = capsys.readouterr().out
    assert "3 figures: " in said
    assert "left out: synthetic: Across layers and sets: python_syntax: " in said


def test_lines_over_layers_are_medians_of_features_and_of_one_control(full_study, sql):
    """All controls were once one line: of three athletes exchanged labels end at 0.05 and permuted at 0.4."""
    numbers = by_layer(headline(full_study), "distance_final")
    assert numbers.control == "shuffled_labels"
    lines = {(line.subject, line.similarity, line.kernel, line.group): line for line in numbers.lines}
    line = lines["python_syntax", "rbf", "exp", "shuffled_labels"]
    assert line.layers == (0, 1, 2)
    for layer, median in zip(line.layers, line.median, strict=True):
        values = sql(
            f"SELECT distance_final FROM best_matches WHERE {WHERE} AND kernel = 'exp' "
            f"AND target = 'shuffled_labels' AND layer = {layer}"
        )
        assert median == statistics.median(value for (value,) in values)
    assert len(lines) == 2 * 2 * 3 * 2


def test_cross_dataset_writes_the_kernel_of_the_smallest_distance(full_study, sql, tmp_path):
    assert call("cross_dataset", full_study, tmp_path) == 0
    rows = {
        (row["dataset"], row["similarity"], row["layer"]): row
        for row in table(tmp_path / "tables" / "cross-dataset.csv")
    }
    assert len(rows) == 2 * 2 * 3
    for layer in (0, 1, 2):
        kernel, distance = sql(
            f"SELECT kernel, distance_final FROM best_matches WHERE {WHERE} AND target = 'features'"
            f" AND layer = {layer} ORDER BY distance_final LIMIT 1"
        )[0]
        row = rows["python_syntax", "rbf", str(layer)]
        assert (row["kernel"], float(row["distance"])) == (kernel, distance)


def test_best_kernels_are_those_of_features_alone(full_study):
    rows = headline(full_study)
    assert best_kernels(rows) == best_kernels(rows[rows["target"] == "features"])


def test_mistakes_are_one_line(full_study, tmp_path, capsys):
    assert call("cross_layer", full_study, tmp_path, "syntetic") == 2
    assert "did you mean 'synthetic'" in capsys.readouterr().err
    assert call("cross_layer", f"sqlite:///{tmp_path}/none.db", tmp_path) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_study_without_matches_says_so(make_study, study_plan, tmp_path, capsys):
    url = make_study(study_plan(fits=False, match=False), pairs=False)
    assert call("cross_dataset", url, tmp_path) == 0
    assert "left out: synthetic: Across layers and sets: no best match" in capsys.readouterr().out


def test_checkpoints_are_in_the_order_of_their_numbers_and_medians_over_layers():
    courses = {"step1000": (1.0, 3.0, 8.0), "step512": (5.0, 6.0, 7.0), "step0": (1.0,)}
    points = [(name, layer, value) for name, values in courses.items() for layer, value in enumerate(values)]
    energies = pd.DataFrame(points, columns=["revision", "layer", "value_scaled"]).assign(
        model="p", model_weights="pretrained", dataset="words", hookpoint="mlp.act", target="features",
        measure="own_energy", similarity="cosine", kernel="exp", softening=0.0,
    )  # fmt: skip
    for column in ("pooling", "method", "probe_C", "split_seed", "space", "rbf_scale"):
        energies[column] = ""
    alone = energies[energies["revision"] == "step0"].assign(dataset="one revision")
    columns = ["label_replicate", "model_weights", "roc_auc"]
    data = SimpleNamespace(
        own_energies=pd.concat([energies, alone], ignore_index=True), probes=pd.DataFrame(columns=columns)
    )
    found = revisions(data)
    assert found.revisions == ("step0", "step512", "step1000")
    assert found.sets == ("p · words · mlp.act",)
    assert dict(zip(found.values["revision"], found.values["value"], strict=True)) == {
        "step0": 1.0, "step512": 6.0, "step1000": 3.0,
    }  # fmt: skip
    assert "step512" in draw_revisions(found).svg()
    assert sorted(["v10", "v9", "main", "v9b"], key=revision_order) == ["main", "v9", "v9b", "v10"]
    assert revisions(SimpleNamespace(own_energies=alone, probes=data.probes)) is None


# --- sets of different settings ---


@pytest.fixture(scope="module")
def unlike_sets(make_study, study_plan, place):
    """Tokens of two layers, spans of two, and rows of two matrices that have no layers."""
    return make_study(
        study_plan(
            datasets={
                "words": ("a", "b", "c", "d"),
                "people": ("runner", "swimmer", "rower"),
                "digits": ("one", "two", "three", "four", "five"),
            },
            places={
                "people": place(pooling="max", gauge="mean_norm"),
                "digits": place(("embed", "unembed"), (-1,), pooling="", method="embedding"),
            },
            layers=(0, 1), weights=("pretrained", "random"), controls=("permuted",), n_dims=(3,), sweep=(),
        ),
        pairs=False,
    )  # fmt: skip


SUBJECTS = ["digits embed", "digits unembed", "people", "words"]


def test_every_set_is_shown_under_a_setting_of_its_own(unlike_sets, tmp_path):
    with superpos.connect(unlike_sets) as results:
        paths = write_report(results, [], tmp_path, only=["cross_dataset", "cross_layer"])
    rows = table(tmp_path / "tables" / "cross-dataset.csv")
    assert sorted({row["subject"] for row in rows}) == SUBJECTS
    layers = {name: {row["layer"] for row in rows if row["subject"] == name} for name in SUBJECTS}
    assert layers == dict(zip(SUBJECTS, [{"-1"}, {"-1"}, {"0", "1"}, {"0", "1"}], strict=True))
    said = [line.removeprefix("synthetic: Across layers and sets: ") for line in paths.left_out]
    # For features and the control a place and layer has 2 similarities x 3 kernels, three sigmas by Powell
    # and one exactly; the last layer 2 similarities x 3 sigmas more without a gauge.
    assert (
        "digits embed: 12 of 60 rows shown; left out: 12 by another optimiser (optimiser manifold); "
        "12 under another setting (gauge none); 24 at another perturbation (σ 0, 0.01)"
    ) in said
    words = next(line for line in said if line.startswith("words: 24 of 108 rows shown"))
    assert "24 by another optimiser" in words
    assert "12 under another setting (gauge none)" in words
    assert len(said) == len(set(said))
    rows = table(tmp_path / "tables" / "cross-layer.csv")
    assert sorted({row["subject"] for row in rows}) == SUBJECTS
    assert {row["gauge"] for row in rows if row["subject"] == "people"} == {"mean_norm"}
    assert {row["optimiser"] for row in rows} == {"powell"}


def test_rows_of_a_matrix_are_asked_alone(unlike_sets, tmp_path):
    with superpos.connect(unlike_sets) as results:
        paths = write_report(results, [], tmp_path, only=["embeddings"])
    assert {path.stem.split("-")[1] for path in paths.figures} == {"digits"}
    assert "no figure of people" in " ".join(paths.left_out)


def test_nothing_is_said_where_nothing_is_left_out(unlike_sets):
    with superpos.connect(unlike_sets) as results:
        rows = results.frame("best_matches", study="synthetic")
    everything = within_sets(rows, ())
    assert len(everything.rows) == len(rows)
    assert everything.left_out == ()
    assert set(everything.rows["subject"]) == set(SUBJECTS)
    assert within_sets(rows.iloc[:0], (POWELL, MAIN_SETTING)).left_out == ()
