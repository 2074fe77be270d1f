"""Planted geometry and what is found of it: matrices, certified ends, and the page that says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_studies import open_database, run_text

from superpos.datasets.builders.planted import PlantedOptions
from tools.validation_families import AT_HAND, DEEP, EFFECTS, NULLS, is_null, joint, nulls, power
from tools.validation_page import FILE, PROSE, collect, page
from tools.validation_rates import kept, kept_power, rejections, size_at
from tools.validation_studies import Design, study

MINIMA = """
name = "minima"
[datasets]
simplex = { builder = "planted", shape = "simplex", n_features = 5, width = 24, n_samples = 1500 }
orthoplex = { builder = "planted", shape = "orthoplex", n_features = 6, width = 24, n_samples = 1500 }
pairs = { builder = "planted", shape = "pairs", n_features = 6, width = 24, n_samples = 1500 }
[defaults]
method = "mean_difference"
kernels = "exp"
gauges = "unit"
importance_modes = "uniform"
reoptimisations = { optimiser = "manifold", sigmas = 0 }
[[blocks]]
name = "four"
datasets = "simplex"
n_dims = 4
[[blocks]]
name = "three"
datasets = ["orthoplex", "pairs"]
n_dims = 3
"""


def test_a_planted_minimum_is_recognised_and_another_matrix_is_not(tmp_path: Path) -> None:
    results = run_text(open_database(tmp_path), tmp_path, MINIMA)
    ends = results.frame("fit_results").set_index("dataset")
    n = ends["n_features"]
    moved = ends["distance_moved"] / np.sqrt(n * (n - 1.0))
    assert ends["verdict"].isin(["strict", "degenerate"]).all()
    assert (ends["energy_gap"].abs() < 1e-8).all()
    assert moved["simplex"] < 0.1
    assert moved["orthoplex"] < 0.1
    assert moved["pairs"] > 0.3
    code = (
        results.frame("geometry_results")
        .query("measure == 'rms_code'")
        .set_index(["dataset", "n_dims"])["value"]
    )
    assert code["simplex", 4] < 0.1
    assert code["orthoplex", 3] < 0.1
    assert code["pairs", 3] > 0.3


def test_means_read_what_was_planted_and_weights_its_dual() -> None:
    """Against Sigma^-1 v, the population's discriminant, by a formula of its own."""
    options = PlantedOptions(shape="pairs", n_features=4, width=16, strength=6.0)
    pairs = np.triu_indices(4, 1)
    u = options.known(0).directions
    p = options.frequency
    sigma = np.eye(4) + p * (1.0 - p) * options.strength**2 * u.T @ u
    w = np.linalg.solve(sigma, u.T).T
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    dual, planted = (w @ w.T)[pairs], options.known(0).cosines[pairs]
    assert dual[0] < -0.3
    found = {
        method: study(Design(planted=options, n_samples=4000, method=method, controls=()), 0).matrix[pairs]
        for method in ("mean_difference", "lda", "logistic")
    }
    assert found["mean_difference"] == pytest.approx(planted, abs=0.1)
    assert found["lda"] == pytest.approx(dual, abs=0.1)
    assert found["logistic"][[0, 5]] == pytest.approx(dual[[0, 5]], abs=0.2)


def test_the_page_is_what_its_numbers_say() -> None:
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    written = FILE.with_suffix(".md").read_text(encoding="utf-8")
    assert page(stored, PROSE.read_text(encoding="utf-8")) == written


OF_ENDS = ("keeps_low", "moved", "taken_away")
"""Questions whose ends are minima of many basins: the last bits of another machine's arithmetic may lead a
draw of the 19 into another one."""


def firsts(found: dict[str, Any]) -> dict[str, float | None]:
    return {key: one["first"] for key, one in found.items()}


@pytest.mark.parametrize("family", ["unread", "random", "in_pairs"])
def test_stored_studies_are_found_again(family: str) -> None:
    stored = json.loads(FILE.read_text(encoding="utf-8"))["nulls"][family]
    assert firsts(kept(nulls(family, range(1)))) == firsts(stored)
    assert NULLS[family].n_draws == 19


def test_stored_studies_of_fits_and_of_activations_are_found_again() -> None:
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    found, wanted = firsts(kept(nulls(DEEP[0], range(1), deep=True))), firsts(stored["deep"][DEEP[0]])
    assert found.keys() == wanted.keys()
    for key, p in wanted.items():
        if key.split(" | ")[0] in OF_ENDS and p is not None:
            assert found[key] == pytest.approx(p, abs=2 / 20 + 1e-9), key
        else:
            assert found[key] == p, key
    assert firsts(kept(joint("in_pairs", range(1)))) == firsts(stored["joint"]["in_pairs"])


def test_what_is_kept_of_studies() -> None:
    """Five of a hundred at the level: the interval of Clopper and Pearson, from its table."""
    p_values = [0.05] * 5 + [0.1] * 40 + [1.0] * 55 + [float("nan")] * 3
    lines = [{"p": {"own_energy | gaussian": p}} for p in p_values]
    one = kept(lines)["own_energy | gaussian"]
    assert (one["first"], one["untested"], sum(one["bins"])) == (0.05, 3, 100)
    assert (one["bins"][0], one["bins"][1], one["bins"][19]) == (5, 40, 55)
    count, n, low, high = rejections(one)
    assert (count, n) == (5, 100)
    assert (low, high) == pytest.approx((0.0164, 0.1128), abs=2e-4)
    nothing = kept(lines[-3:])["own_energy | gaussian"]
    assert nothing["first"] is None
    assert rejections(nothing) == (0, 0, 0.0, 1.0)


def test_the_size_of_an_effect_that_is_shown_often_enough() -> None:
    assert size_at([(1.0, 0.2), (2.0, 0.6), (4.0, 1.0)]) == pytest.approx(2.0 * 2.0**0.5)
    assert size_at([(1.0, 0.2), (2.0, 0.6)]) is None
    assert size_at([(1.0, 0.8), (2.0, 0.9)]) is None
    lines = [
        {"size": size, "n_samples": 300, "p": {"own_energy | shuffled_labels": p}}
        for size, p in ((1.0, 0.05), (1.0, -0.05), (2.0, -0.05), (2.0, -0.05), (2.0, -0.1))
    ]
    cells = kept_power("simplex", lines)  # less energy is what is planted
    assert [(one["size"], one["shown"], one["studies"]) for one in cells] == [(1.0, 1, 2), (2.0, 2, 3)]


def test_effects_are_planted_and_shown_where_they_are_large() -> None:
    """The largest size and the most samples of each: every question has its side."""
    for name, effect in EFFECTS.items():
        *_, (size, n_samples, design) = effect.designs()
        assert (size, n_samples) == (effect.sizes[-1], effect.n_samples[-1])
        assert getattr(design.planted, effect.varied) == size
        assert set(effect.sides.values()) <= {-1, 1}, name
    line = next(power("simplex", range(1)))
    assert set(line["p"]) == {f"{q} | shuffled_labels" for q in EFFECTS["simplex"].sides}
    assert f"{AT_HAND} | relabelled features" in next(power("pairs", range(1)))["p"]


def test_more_studies_take_the_place_of_fewer(tmp_path: Path) -> None:
    def write(name: str, p_values: list[float]) -> None:
        lines = [json.dumps({"number": i, "p": {"simplex | gaussian": p}}) for i, p in enumerate(p_values)]
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    stored: dict[str, Any] = {}
    write("nulls-unread.jsonl", [0.5, 0.05])
    collect(tmp_path, stored)
    write("nulls-unread.jsonl", [0.9])
    collect(tmp_path, stored)
    assert stored["nulls"]["unread"]["simplex | gaussian"]["first"] == 0.5
    assert sum(stored["nulls"]["unread"]["simplex | gaussian"]["bins"]) == 2


def test_families_are_null_to_what_they_do_not_plant() -> None:
    assert is_null("unread", "read_by_probes")
    assert not is_null("random", "read_by_probes")
    assert is_null("wide", "follows_labels, held out")
    assert not is_null("wide", "own_energy")
    assert is_null("in_pairs", "own_energy")
