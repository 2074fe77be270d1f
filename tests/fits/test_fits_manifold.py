"""The exact-norm optimiser on planted problems: published minima, simplices, descent, norms, hard weights."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from superpos.fits import (
    certify,
    energy_value,
    minimise_on_spheres,
    polish,
    project,
    relative_gradient,
    reoptimise,
    softmax,
)
from superpos.fits.spheres import SphereEnergy, unit_rows
from superpos.records.fits import Status
from superpos.specs.axes import Kernel

THOMSON = {
    4: 3.674234614, 5: 6.474691495, 6: 9.985281374, 7: 14.452977414, 8: 19.675287861, 9: 25.759986531,
    10: 32.716949460, 11: 40.596450508, 12: 49.165253058,
}  # fmt: skip
"""Smallest known sum over pairs of 1/r on the unit sphere of R^3 (Wales & Ulker, Phys. Rev. B 74 (2006))."""
LOGARITHMIC = {
    4: -2.9424878, 5: -4.4205072, 6: -6.2383246, 7: -8.1824779, 8: -10.4280178, 9: -12.8877527,
    10: -15.5631234, 11: -18.4204797, 12: -21.6061452,
}  # fmt: skip
"""The same of log(1/r) (Ridgway & Cheviakov, Comput. Phys. Commun. 233 (2018), table 3; seven decimals)."""

KERNELS = [
    Kernel("exp"),
    Kernel("log"),
    Kernel("riesz", 1.0),
    Kernel("riesz", 1.0, "include", 0.1),
    Kernel("riesz", 3.0),
    Kernel("riesz", -1.0),
    Kernel("exp", 4.0),
    Kernel("gauss", 0.5),
]
IDS = [f"{k.label}-{k.softening:g}" for k in KERNELS]


def _sphere(seed: int, n: int, f: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, f))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("n", range(4, 13))
@pytest.mark.parametrize(
    ("kernel", "published"), [(Kernel("riesz", 1.0), THOMSON), (Kernel("log"), LOGARITHMIC)]
)
def test_published_minima_on_the_sphere(kernel: Kernel, published: dict[int, float], n: int) -> None:
    ends = [
        minimise_on_spheres(_sphere(seed, n, 3), np.full(n, 1 / n), np.ones(n), kernel) for seed in range(5)
    ]
    assert all(end.status is Status.CONVERGED for end in ends)
    pairs = min(end.energy for end in ends) * n * n / 2
    assert pairs == pytest.approx(published[n], abs=1e-7)


@pytest.mark.parametrize(
    ("file", "published"),
    [("thomson_coulomb_min_energy.csv", THOMSON), ("log_energy_min.csv", LOGARITHMIC)],
)
def test_published_values_are_those_of_the_reference_tables(file: str, published: dict[int, float]) -> None:
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    path = Path(os.environ.get("SUPERPOS_SHARED_DATA", str(beside))) / "reference" / file
    if not path.is_file():
        pytest.skip("the reference tables are not beside the repository")
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").split()[1:]]
    assert published.items() <= {int(n): float(value) for n, value in rows}.items()


@pytest.mark.parametrize(("n", "f"), [(2, 2), (3, 2), (4, 3), (4, 6), (11, 10)])
@pytest.mark.parametrize("kernel", [Kernel("exp"), Kernel("log"), Kernel("riesz", 1.0)], ids=str)
def test_the_simplex_is_the_minimum_when_it_fits(kernel: Kernel, n: int, f: int) -> None:
    end = minimise_on_spheres(_sphere(1, n, f), np.full(n, 1 / n), np.full(n, 2.5), kernel)
    assert end.status is Status.CONVERGED
    simplex = np.full((n, n), -1.0 / (n - 1))
    np.fill_diagonal(simplex, 1.0)
    np.testing.assert_allclose(end.vectors @ end.vectors.T / 2.5**2, simplex, atol=1e-6)


def test_the_cross_polytope_is_the_minimum_of_two_f_points() -> None:
    ends = [
        minimise_on_spheres(_sphere(s, 8, 4), np.full(8, 0.125), np.ones(8), Kernel("log")) for s in range(3)
    ]
    best = min(ends, key=lambda end: end.energy)
    cosines = np.sort(np.abs(best.vectors @ best.vectors.T), axis=1)
    np.testing.assert_allclose(cosines[:, -2:], 1.0, atol=1e-8)
    np.testing.assert_allclose(cosines[:, :-2], 0.0, atol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_same_minimum_as_bfgs_on_normalised_rows(loops: Any, kernel: Kernel) -> None:
    rng = np.random.default_rng(5)
    weights, norms = rng.dirichlet(np.full(4, 3.0)), rng.uniform(0.5, 2.0, 4)

    def plain(flat: np.ndarray) -> float:
        rows = flat.reshape(4, 2)
        return float(
            loops.energy(norms[:, None] * rows / np.linalg.norm(rows, axis=1)[:, None], weights, kernel)
        )

    best = min(minimize(plain, rng.standard_normal(8), tol=1e-10).fun for _ in range(6))
    ends = [minimise_on_spheres(_sphere(seed, 4, 2), weights, norms, kernel).energy for seed in range(6)]
    assert min(ends) == pytest.approx(best, abs=1e-8)


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 10),
    f=st.integers(2, 8),
    spread=st.sampled_from([0.0, 1.0, 3.0]),
)
@settings(max_examples=12, deadline=None)
def test_descends_to_a_critical_point_with_exact_norms(
    kernel: Kernel, seed: int, n: int, f: int, spread: float
) -> None:
    if kernel.energy == "gauss":  # of the size of the squared distances; narrower ones: the test below
        kernel = replace(kernel, s=2.0)
    rng = np.random.default_rng(seed)
    weights = softmax(spread * rng.standard_normal(n))
    norms = np.exp(0.5 * rng.standard_normal(n))
    start = rng.standard_normal((n, f))
    end = minimise_on_spheres(start, weights, norms, kernel)
    assert end.status is Status.CONVERGED
    assert end.relative_gradient <= 1e-8
    assert end.relative_gradient == relative_gradient(end.vectors, weights, kernel)
    np.testing.assert_allclose(np.linalg.norm(end.vectors, axis=1), norms, rtol=1e-12)
    assert end.norm_error <= 1e-12 * norms.sum()
    np.testing.assert_allclose(end.start, project(start, norms), rtol=1e-14)
    assert end.energy_start == pytest.approx(energy_value(end.start, weights, kernel), rel=1e-14)
    assert end.energy <= end.energy_start + 1e-14 * abs(end.energy_start)
    assert end.fun == end.energy


def test_forces_far_below_the_rounding_of_the_energy_end_with_a_status() -> None:
    # A row several widths away has a force of e^-30 of the energy, which no step can be seen to lower.
    rng = np.random.default_rng(3)
    rng.standard_normal(5)  # as the test above draws it
    norms, start = np.exp(0.5 * rng.standard_normal(5)), rng.standard_normal((5, 2))
    kernel = Kernel("gauss", 0.5)
    far = minimise_on_spheres(start, np.full(5, 0.2), norms, kernel)
    assert far.status is Status.STALLED
    assert far.relative_gradient == relative_gradient(far.vectors, np.full(5, 0.2), kernel) > 1e-8
    near = minimise_on_spheres(start, np.full(5, 0.2), np.ones(5), kernel)
    assert near.status is Status.CONVERGED


def test_rows_of_tiny_importance_are_placed_too() -> None:
    weights = softmax(np.array([0.0, 0.0, 0.0, -12.0, -18.0, -25.0]))
    end = minimise_on_spheres(_sphere(3, 6, 4), weights, np.ones(6), Kernel("riesz", 1.0))
    assert end.relative_gradient <= 1e-8


def test_collapsed_importance_ends_with_a_status() -> None:
    for light in (-30.0, -200.0, -800.0):
        weights = softmax(np.array([0.0, light, light, light]))
        end = minimise_on_spheres(_sphere(0, 4, 3), weights, np.ones(4), Kernel("exp"))
        assert end.status in (Status.CONVERGED, Status.MAX_ITER, Status.STALLED)
        assert np.isfinite(end.vectors).all()
        cosines = end.vectors @ end.vectors[0]
        np.testing.assert_allclose(cosines[1:], -1.0, atol=1e-3)


def test_a_critical_saddle_stays_and_a_nudge_leaves_it() -> None:
    angles = 2 * np.pi * np.arange(4) / 4
    square = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    weights, kernel = np.full(4, 0.25), Kernel("riesz", 1.0)
    stays = minimise_on_spheres(square, weights, np.ones(4), kernel)
    assert (stays.status, stays.nit) == (Status.CONVERGED, 0)
    np.testing.assert_allclose(stays.vectors, square, atol=1e-15)
    nudged = square + 1e-4 * np.random.default_rng(0).standard_normal((4, 3))
    leaves = minimise_on_spheres(nudged, weights, np.ones(4), kernel)
    assert leaves.energy * 8 == pytest.approx(THOMSON[4], abs=1e-8)


def test_a_zero_row_does_not_move() -> None:
    norms = np.array([1.0, 1.0, 1.0, 0.0])
    end = minimise_on_spheres(_sphere(2, 4, 3), np.full(4, 0.25), norms, Kernel("log"))
    assert end.status is Status.CONVERGED
    np.testing.assert_array_equal(end.vectors[3], 0.0)
    cosines = end.vectors[:3] @ end.vectors[:3].T
    np.testing.assert_allclose(cosines[np.triu_indices(3, 1)], -0.5, atol=1e-7)


def test_statuses_of_a_short_run_and_of_coincident_rows() -> None:
    short = minimise_on_spheres(_sphere(0, 9, 3), np.full(9, 1 / 9), np.ones(9), Kernel("log"), max_iter=2)
    assert (short.status, short.nit) == (Status.MAX_ITER, 2)
    same = minimise_on_spheres(np.ones((3, 2)), np.full(3, 1 / 3), np.ones(3), Kernel("log"))
    assert same.status is Status.NON_FINITE
    assert np.isfinite(same.vectors).all()


def test_polish_keeps_to_the_basin() -> None:
    """Two minima of seven weighted points on a circle differ by an exchange: polish returns to the nearer."""
    weights, kernel = softmax(np.linspace(0.0, 1.0, 7)), Kernel("log")
    for seed in range(6):
        here = minimise_on_spheres(_sphere(seed, 7, 2), weights, np.ones(7), kernel)
        near = here.vectors + 0.02 * np.random.default_rng(seed).standard_normal((7, 2))
        again = polish(near, weights, np.ones(7), kernel)
        assert again.status is Status.CONVERGED
        assert again.energy == pytest.approx(here.energy, abs=1e-12)


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_relative_gradient_from_the_definition(loops: Any, kernel: Kernel) -> None:
    rng = np.random.default_rng(8)
    vectors, weights = rng.standard_normal((5, 3)), rng.dirichlet(np.ones(5))
    rows = []
    for i in range(5):
        gradient = np.zeros(3)
        for axis in range(3):
            for sign in (1.0, -1.0):
                moved = vectors.copy()
                moved[i, axis] += sign * 1e-6
                gradient[axis] += sign * loops.energy(moved, weights, kernel) / 2e-6
        norm = math.dist(vectors[i], np.zeros(3))
        gradient -= (gradient @ vectors[i]) * vectors[i] / norm**2
        force = 0.0
        for j in range(5):
            if j == i:
                continue
            rho = math.hypot(math.dist(vectors[i], vectors[j]), kernel.softening)
            value = loops.pair(vectors[i], vectors[j], kernel)
            slope = {
                "exp": (kernel.s or 1.0) * value / norm,
                "log": 1 / rho,
                "gauss": 2 * rho * value / (kernel.s or math.inf),
            }
            force += weights[j] * slope.get(kernel.energy, abs(kernel.s) * rho ** (-kernel.s - 1))
        rows.append(np.linalg.norm(gradient) / (2 * weights[i] * force))
    point = SphereEnergy(weights, np.linalg.norm(vectors, axis=1), kernel).at(
        unit_rows(vectors, np.linalg.norm(vectors, axis=1))
    )
    np.testing.assert_allclose(point.relative_gradients(), rows, rtol=1e-6)
    assert relative_gradient(vectors, weights, kernel) == pytest.approx(max(rows), rel=1e-6)


def test_relative_gradient_ignores_offset_scale_and_own_weight() -> None:
    rng = np.random.default_rng(8)
    vectors, weights = rng.standard_normal((5, 3)), rng.dirichlet(np.ones(5))

    def at(kernel: Kernel, scale: float = 1.0) -> float:
        return relative_gradient(scale * vectors, weights, kernel)

    assert at(Kernel("log", softening=0.1)) == at(Kernel("log", self_energy="include", softening=0.1))
    assert at(Kernel("exp")) == at(Kernel("exp", self_energy="exclude"))
    for scale in (1e-3, 1e4):
        for s in (1.0, 3.0, -1.0):
            assert at(Kernel("riesz", s), scale) == pytest.approx(at(Kernel("riesz", s)), rel=1e-9)
        assert at(Kernel("log"), scale) == pytest.approx(at(Kernel("log")), rel=1e-9)
        assert at(Kernel("exp"), scale) == pytest.approx(at(Kernel("exp")), rel=1e-9)
    norms = np.linalg.norm(vectors, axis=1)
    lighter = weights * np.array([1e-9, 1, 1, 1, 1])
    before, after = (
        SphereEnergy(w, norms, Kernel("log")).at(unit_rows(vectors, norms)).relative_gradients()[0]
        for w in (weights, lighter)
    )
    assert after == pytest.approx(before, rel=1e-12)
    alone = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    point = SphereEnergy(alone, norms, Kernel("log")).at(unit_rows(vectors, norms))
    assert point.relative_gradients()[0] == 0.0


@pytest.mark.parametrize("backend", ["compiled", "scipy"])
@pytest.mark.parametrize(("energy", "s"), [("exp", 0.0), ("log", 0.0), ("riesz", 1.0)])
def test_rows_that_the_energy_does_not_see_stay(energy: Any, s: float, backend: str) -> None:
    """They would all want one place; the others reach the minimum that they have alone."""
    rows = np.random.default_rng(1).standard_normal((7, 3))
    logits = np.array([0.0, 0.1, -60.0, 0.2, -60.0, 0.05, -60.0])
    kept = logits > -1.0
    options: dict[str, Any] = {"sigma": 0.0, "optimiser": "manifold", "backend": backend}
    whole = reoptimise(rows, logits, energy, s, **options)
    alone = reoptimise(rows[kept], logits[kept], energy, s, **options)
    assert whole.status is alone.status is Status.CONVERGED
    assert whole.relative_gradient <= 1e-8
    np.testing.assert_allclose(whole.vectors[~kept], rows[~kept], rtol=1e-14)
    np.testing.assert_allclose(whole.vectors[kept], alone.vectors, atol=1e-7)
    assert whole.energy == pytest.approx(alone.energy, rel=1e-12)
    importance = np.exp(logits) / np.exp(logits).sum()
    certificate = certify(whole.vectors, importance, energy, s, backend=backend)
    assert certificate.verdict is certify(alone.vectors, importance[kept], energy, s, backend=backend).verdict
    assert certificate.is_local_minimum
