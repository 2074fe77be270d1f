"""Planted geometry and what is found of it: matrices, certified ends, and the page that says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from planted_studies import open_database, run_text

from superpos.datasets.builders.planted import PlantedOptions
from tools.validation_page import FILE, NULLS, PROSE, nulls, page, rejections
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


@pytest.mark.parametrize("family", ["unread", "random"])
def test_stored_studies_are_found_again(family: str) -> None:
    stored = json.loads(FILE.read_text(encoding="utf-8"))["nulls"][family]
    first = next(iter(nulls(family, range(1))))["p"]
    assert first == {key: values[0] for key, values in stored.items()}
    assert NULLS[family].n_draws == 19


def test_rejections_have_the_exact_interval() -> None:
    count, n, low, high = rejections([0.05] * 5 + [0.1] * 95)
    assert (count, n) == (5, 100)
    assert (low, high) == pytest.approx((0.0164, 0.1128), abs=2e-4)
