"""The scripts below `reports/`: their queries, their tables against SQL, their exit status."""

# ruff: noqa: S608 (the queries are made of constants of this file)

from __future__ import annotations

import csv
import sqlite3
import statistics

import pytest

from reports import cross_dataset, cross_layer, perturbation
from reports.common import query, run
from superpos.reporting.charts.by_layer import best_kernels, by_layer
from superpos.reporting.within_sets import HEADLINE, MAIN_SETTING, POWELL, within_sets

WHERE = (
    "model_weights = 'pretrained' AND gauge = 'unit' AND optimiser = 'powell' AND sigma = 0.1"
    " AND similarity = 'rbf' AND dataset = 'python_syntax'"
)


@pytest.fixture(scope="module")
def sql(full_study):
    connection = sqlite3.connect(full_study.removeprefix("sqlite:///"))
    yield lambda text: connection.execute(text).fetchall()
    connection.close()


def table(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def call(script, url, out, study="synthetic"):
    return run(script.__doc__, script.main, ["--db", url, "--study", study, "--out", str(out)])


def headline(url):
    rows = query(url, cross_layer.__file__, "synthetic")
    return within_sets(rows, (POWELL, MAIN_SETTING, HEADLINE)).rows


def test_cross_layer_writes_the_best_matches_of_every_layer(full_study, sql, tmp_path, capsys):
    assert call(cross_layer, full_study, tmp_path) == 0
    rows = table(tmp_path / "cross_layer.csv")
    stored = sql(
        "SELECT COUNT(*) FROM best_matches WHERE model_weights = 'pretrained' AND gauge = 'unit'"
        " AND optimiser = 'powell' AND sigma = 0.1"
    )
    assert len(rows) == stored[0][0]
    assert (tmp_path / "cross_layer.svg").read_bytes().endswith(b"</svg>\n")
    assert f"{len(rows)} rows" in capsys.readouterr().out


def test_lines_over_layers_are_medians_of_features_and_of_controls(full_study, sql):
    numbers = by_layer(headline(full_study), "distance_final")
    lines = {(line.subject, line.similarity, line.kernel, line.group): line for line in numbers.lines}
    line = lines["python_syntax", "rbf", "exp", "controls"]
    assert line.layers == (0, 1, 2)
    for layer, median in zip(line.layers, line.median, strict=True):
        values = sql(
            f"SELECT distance_final FROM best_matches WHERE {WHERE} AND kernel = 'exp' AND target <> "
            "'features'"
            f" AND layer = {layer}"
        )
        assert median == statistics.median(value for (value,) in values)
    assert len(lines) == 2 * 2 * 3 * 2


def test_cross_dataset_writes_the_kernel_of_the_smallest_distance(full_study, sql, tmp_path):
    assert call(cross_dataset, full_study, tmp_path) == 0
    rows = {
        (row["dataset"], row["similarity"], row["layer"]): row
        for row in table(tmp_path / "cross_dataset.csv")
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


def test_perturbation_takes_the_layer_with_the_most_sigmas(full_study, sql, tmp_path):
    assert call(perturbation, full_study, tmp_path) == 0
    rows = table(tmp_path / "perturbation_python_syntax_rbf.csv")
    assert {row["layer"] for row in rows} == {"2"}
    shown = {
        float(row["sigma"]): float(row["median"])
        for row in rows
        if (row["kernel"], row["target"], row["quantity"]) == ("exp", "features", "distance_final")
    }
    stored = sql(
        "SELECT sigma, distance_final FROM best_matches WHERE model_weights = 'pretrained' AND gauge = 'unit'"
        " AND optimiser = 'powell' AND similarity = 'rbf' AND dataset = 'python_syntax' AND layer = 2"
        " AND kernel = 'exp' AND target = 'features'"
    )
    assert shown == dict(stored)
    assert len(list(tmp_path.glob("*.svg"))) == 4


@pytest.mark.parametrize("script", [cross_layer, cross_dataset, perturbation])
def test_mistakes_are_one_line(script, full_study, tmp_path, capsys):
    assert call(script, full_study, tmp_path, "syntetic") == 2
    assert "did you mean 'synthetic'" in capsys.readouterr().err
    assert call(script, f"sqlite:///{tmp_path}/none.db", tmp_path) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_study_without_matches_is_named(make_study, study_plan, tmp_path, capsys):
    url = make_study(study_plan(fits=False, match=False), pairs=False)
    assert call(cross_layer, url, tmp_path) == 2
    assert "no best match" in capsys.readouterr().err


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


def test_every_set_is_shown_under_a_setting_of_its_own(unlike_sets, tmp_path, capsys):
    assert call(cross_dataset, unlike_sets, tmp_path) == 0
    rows = table(tmp_path / "cross_dataset.csv")
    assert sorted({row["subject"] for row in rows}) == SUBJECTS
    layers = {name: {row["layer"] for row in rows if row["subject"] == name} for name in SUBJECTS}
    assert layers == dict(zip(SUBJECTS, [{"-1"}, {"-1"}, {"0", "1"}, {"0", "1"}], strict=True))
    said = capsys.readouterr().out.splitlines()
    # A place and layer has 2 similarities x 3 kernels, three sigmas by Powell and one exactly; the last
    # layer 2 similarities x 3 sigmas more without a gauge.
    assert said[0] == (
        "digits embed: 6 of 30 rows shown; left out: 6 by another optimiser (optimiser manifold); "
        "6 under another setting (gauge none); 12 at another perturbation (sigma 0, 0.01)"
    )
    assert "words: 12 of 54 rows shown; left out: 12 by another optimiser" in said[3]
    assert "6 under another setting (gauge none)" in said[3]
    assert len(said) == 5


def test_lines_over_layers_are_those_of_each_set(unlike_sets, tmp_path):
    assert call(cross_layer, unlike_sets, tmp_path) == 0
    rows = table(tmp_path / "cross_layer.csv")
    assert sorted({row["subject"] for row in rows}) == SUBJECTS
    assert {row["gauge"] for row in rows if row["subject"] == "people"} == {"mean_norm"}
    assert {row["optimiser"] for row in rows} == {"powell"}


def test_each_set_has_its_own_perturbations(unlike_sets, tmp_path, capsys):
    assert call(perturbation, unlike_sets, tmp_path) == 0
    names = {path.stem for path in tmp_path.glob("*.csv")}
    wanted = ("digits-embed", "digits-unembed", "people", "words")
    assert names == {f"perturbation_{name}_{kind}" for name in wanted for kind in ("cosine", "rbf")}
    assert "at layers with fewer perturbations (layer 1)" in capsys.readouterr().out


def test_nothing_is_said_where_nothing_is_left_out(unlike_sets):
    rows = query(unlike_sets, cross_layer.__file__, "synthetic")
    everything = within_sets(rows, ())
    assert len(everything.rows) == len(rows)
    assert everything.left_out == ()
    assert set(everything.rows["subject"]) == set(SUBJECTS)
    assert within_sets(rows.iloc[:0], (POWELL, MAIN_SETTING)).left_out == ()
