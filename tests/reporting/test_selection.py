"""Which rows a figure shows: main setting, balance over layers, order of names."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from superpos.analysis.settings import balanced, headline_sigma, keep_main, main_fits
from superpos.kinds.controls import CONTROLS
from superpos.kinds.energies import ENERGIES
from superpos.kinds.looks import Look
from superpos.kinds.register import BY_HAND
from superpos.reporting.looks import kernel_styles, similarity_scale, split_kernel, target_style
from superpos.reporting.selection import common_grid, describe_setting, kernels, layers, similarities, targets
from superpos.reporting.study_views import quartiles
from superpos.reporting.style import FAINT, shorten, sigma_positions
from superpos.reporting.svg.scales import power_label


def rows(**columns):
    return pd.DataFrame(columns)


def test_the_setting_of_the_most_layers_wins_over_the_one_of_the_most_rows():
    frame = rows(
        similarity=["cosine"] * 9,
        gauge=["unit"] * 3 + ["none"] * 6,
        layer=[0, 1, 2, 1, 1, 1, 1, 1, 1],
        target=["features"] * 9,
    )
    assert set(keep_main(frame, ["gauge"], ["similarity"])["gauge"]) == {"unit"}


def test_rows_decide_between_settings_of_as_many_layers_and_then_the_smallest_value():
    frame = rows(
        similarity=["cosine"] * 5,
        gauge=["b", "b", "b", "a", "a"],
        layer=[0, 1, 1, 0, 1],
        target=["features"] * 5,
    )
    assert set(keep_main(frame, ["gauge"], ["similarity"])["gauge"]) == {"b"}
    assert set(keep_main(frame.iloc[[0, 1, 3, 4]], ["gauge"], ["similarity"])["gauge"]) == {"a"}


def test_controls_follow_the_setting_of_the_features():
    frame = rows(
        similarity=["cosine"] * 6,
        gauge=["unit", "unit", "none", "none", "none", "none"],
        layer=[0, 1, 0, 1, 2, 3],
        target=["features", "features", "permuted", "permuted", "permuted", "permuted"],
    )
    assert set(keep_main(frame, ["gauge"], ["similarity"])["gauge"]) == {"unit"}


def test_without_features_the_controls_choose():
    frame = rows(
        similarity=["rbf"] * 3, gauge=["unit", "none", "none"], layer=[0, 0, 1], target=["permuted"] * 3
    )
    assert set(keep_main(frame, ["gauge"], ["similarity"])["gauge"]) == {"none"}


def test_each_similarity_has_a_setting_of_its_own():
    frame = rows(
        similarity=["cosine", "cosine", "rbf", "rbf"],
        gauge=["unit", "unit", "none", "none"],
        layer=[0, 1, 0, 1],
        target=["features"] * 4,
    )
    assert len(keep_main(frame, ["gauge"], ["similarity"])) == 4


def test_a_sweep_at_one_layer_is_left_out_of_medians_over_layers():
    frame = rows(
        similarity=["cosine"] * 8,
        kernel=["exp"] * 8,
        optimiser=["powell"] * 8,
        target=["features"] * 8,
        replicate=[0] * 8,
        layer=[0, 1, 2, 0, 1, 2, 1, 1],
        sigma=[0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.3, 0.9],
    )
    assert sorted(balanced(frame)["sigma"].unique()) == [0.0, 0.1]


def test_one_missing_layer_of_three_keeps_the_sigma():
    frame = rows(
        similarity=["cosine"] * 5,
        kernel=["exp"] * 5,
        optimiser=["powell"] * 5,
        target=["features"] * 5,
        replicate=[0] * 5,
        layer=[0, 1, 2, 0, 1],
        sigma=[0.0, 0.0, 0.0, 0.1, 0.1],
    )
    assert len(balanced(frame)) == 5


@pytest.mark.parametrize(
    ("sigmas", "expected"),
    [([0.0, 0.01, 0.1], 0.1), ([0.0, 0.03, 1.0], 0.03), ([0.0], 0.0), ([0.2, 0.4], 0.2)],
)
def test_the_headline_sigma_is_the_nearest_to_the_thesis(sigmas, expected):
    assert headline_sigma(rows(sigma=sigmas)) == expected


def test_orders():
    frame = rows(
        kernel=["riesz:2", "log", "riesz:-1", "exp", "riesz:2"],
        s=[2.0, 0.0, -1.0, 0.0, 2.0],
        target=["spectrum", "zzz", "features", "permuted", "features"],
        layer=[3, 1, 2, 1, 0],
    )
    assert kernels(frame) == ("exp", "log", "riesz:-1", "riesz:2")
    assert targets(frame) == ("features", "permuted", "spectrum", "zzz")
    assert layers(frame) == (0, 1, 2, 3)
    assert similarities(rows(similarity=["zz", "rbf", "aa", "cosine"])) == ("cosine", "rbf", "aa", "zz")
    assert similarity_scale("cosine").text == "-1 (blue) to 1 (red)"
    assert similarity_scale("rbf").text == "0 (dark) to 1 (yellow)"
    assert similarity_scale("zz") == similarity_scale("cosine")


def test_kinds_that_nobody_here_knows_come_after_ours_by_name():
    frame = rows(
        kernel=["zeta:2", "riesz:1", "mypackage.sets:energy", "alpha", "exp"],
        s=[2.0, 1.0, 0.0, 0.0, 0.0],
        target=["zzz", "shuffled_labels", "aaa", "features", "mypackage.sets:control"],
    )
    assert kernels(frame) == ("exp", "riesz:1", "alpha", "mypackage.sets:energy", "zeta:2")
    assert targets(frame) == ("features", "shuffled_labels", "aaa", "mypackage.sets:control", "zzz")


def test_kinds_that_nobody_here_knows_are_drawn():
    styles = kernel_styles(["exp", "zeta:2", "alpha"])
    assert styles["exp"] == ("#0072B2", "o")
    assert len(set(styles.values())) == 3
    unknown = target_style("from_elsewhere")
    assert (unknown.label, unknown.colour) == ("from elsewhere", FAINT)


def test_a_kind_from_elsewhere_says_how_it_is_drawn(monkeypatch):
    for register in (ENERGIES, CONTROLS):
        monkeypatch.setattr(register, "_found", dict(register._found))
    pale = dataclasses.replace(ENERGIES.get("exp"), name="pale", rank=0, colours=((0.0, "#123456"),))
    monkeypatch.setitem(ENERGIES._found, "pale", (pale, BY_HAND))
    other = dataclasses.replace(
        CONTROLS.get("permuted"), name="other", rank=0, look=Look(colour="#654321", label="another")
    )
    monkeypatch.setitem(CONTROLS._found, "other", (other, BY_HAND))
    assert kernels(rows(kernel=["pale", "riesz:1", "zz"], s=[0.0, 1.0, 0.0])) == ("riesz:1", "pale", "zz")
    assert kernel_styles(["pale"])["pale"][0] == "#123456"
    assert targets(rows(target=["other", "spectrum"])) == ("spectrum", "other")
    assert target_style("other")[:2] == ("another", "#654321")


@pytest.mark.parametrize(
    ("kernel", "split"),
    [
        ("exp", ("exp", 0.0)),
        ("riesz:-1", ("riesz", -1.0)),
        ("a.b:c", ("a.b:c", 0.0)),
        ("a.b:c:2", ("a.b:c", 2.0)),
    ],
)
def test_kernels_are_read_as_energy_and_s(kernel, split):
    assert split_kernel(kernel) == split


def test_empty_frames_give_empty_choices():
    empty = rows(similarity=[], kernel=[], optimiser=[], s=[], target=[], layer=[], sigma=[], replicate=[])
    assert main_fits(empty).empty
    assert balanced(empty).empty
    assert kernels(empty) == ()


def test_the_setting_in_words_names_softening_by_kernel():
    frame = rows(
        kernel=["exp", "riesz:1"], s=[0.0, 1.0], self_energy=["include", "include"], softening=[0.0, 0.1],
        gauge=["unit", "unit"], lambda_x=[1.0, 0.0], optimiser=["powell", "manifold"],
    )  # fmt: skip
    text = describe_setting(frame)
    assert "gauge unit" in text
    assert "exp: include, riesz:1: include, ε 0.1 × start radius" in text
    assert "λ_x 1 (Powell)" in text


def test_quartiles_are_those_of_numpy():
    values = [5.0, 1.0, 2.5, 9.0, 4.0]
    table = quartiles(rows(name=["a"] * 5, x=values).groupby("name")["x"])
    assert table.loc[0, ["low", "median", "high"]].tolist() == np.percentile(values, (25, 50, 75)).tolist()
    assert table.loc[0, "n_values"] == 5


def test_sigma_zero_has_a_place_of_its_own_left_of_the_others():
    places = sigma_positions([0.0, 0.01, 0.1, 0.01])
    assert places[0.1] == pytest.approx(-1.0)
    assert places[0.01] == pytest.approx(-2.0)
    assert places[0.0] == pytest.approx(-2.5)
    assert sigma_positions([0.0]) == {0.0: -1.0}
    assert 0.0 not in sigma_positions([0.5])


def test_kernels_keep_their_colours_whatever_else_is_there():
    alone, among = kernel_styles(["log"]), kernel_styles(["exp", "log", "riesz:0.5", "riesz:1", "riesz:2"])
    assert alone["log"] == among["log"]
    assert len(set(among.values())) == 5
    assert len({colour for colour, _ in among.values()}) == 5


@pytest.mark.parametrize(
    ("value", "label"),
    [(1e-6, "10⁻⁶"), (0.01, "0.01"), (1.0, "1"), (1e3, "10³"), (0.0, "0"), (math.inf, "inf")],
)
def test_powers_of_ten_are_written_without_markup(value, label):
    assert power_label(value) == label


def test_names_are_shortened_to_one_line():
    assert shorten("a\nb  c") == "a b c"
    assert shorten("x" * 40) == "x" * 31 + "…"
    assert shorten("") == "(empty)"


def test_lines_are_drawn_from_cells_that_every_sigma_has() -> None:
    rows = [
        ("cosine", "exp", "powell", target, sigma, n_dims, lambda_d)
        for n_dims, lambda_d, sigmas, kinds in (
            (4, 100.0, (0.0, 0.1), ("features", "permuted", "gaussian")),
            (10, 100.0, (0.0, 0.01, 0.1), ("features", "permuted", "gaussian")),
            (10, 10.0, (0.0, 0.01, 0.1), ("features",)),
        )
        for sigma in sigmas
        for target in kinds
    ]
    columns = ["similarity", "kernel", "optimiser", "target", "sigma", "n_dims", "lambda_d"]
    kept = common_grid(pd.DataFrame(rows, columns=columns))
    assert {(row.n_dims, row.lambda_d) for row in kept.itertuples()} == {(10, 100.0)}
    assert len(kept) == 9
    assert common_grid(kept).equals(kept)
