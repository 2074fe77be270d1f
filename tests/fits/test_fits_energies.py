"""Energies, similarities, gauges and the joint objective against loops and central differences."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.errors import ArgumentError
from superpos.fits import energy_value, fit_joint
from superpos.fits.gauges import Gauge
from superpos.fits.joint import JointObjective
from superpos.fits.kernels import pair_energy, pair_slope, self_value
from superpos.fits.penalty import PenaltyObjective
from superpos.fits.problem import JointProblem
from superpos.psms import similarity_matrix
from superpos.specs.axes import Kernel

KERNELS = [
    Kernel("exp"),
    Kernel("exp", self_energy="exclude"),
    Kernel("log"),
    Kernel("log", softening=0.2),
    Kernel("log", self_energy="include", softening=0.3),
    Kernel("riesz", 1.0),
    Kernel("riesz", 1.0, "include", 0.2),
    Kernel("riesz", 2.0, softening=0.1),
    Kernel("riesz", 2.5),
    Kernel("riesz", -1.0),
    Kernel("riesz", -1.0, "include"),
    Kernel("riesz", -2.0, "include", 0.4),
    Kernel("riesz", -2.7, "include"),
    Kernel("exp", 4.0),
    Kernel("exp", 0.5, "exclude"),
    Kernel("gauss", 2.0),
    Kernel("gauss", 0.5, "exclude", 0.3),
]
IDS = [f"{k.label}-{k.self_energy}-{k.softening:g}" for k in KERNELS]


def _problem(kernel: Kernel, target: np.ndarray, **changes: Any) -> JointProblem:
    values: dict[str, Any] = {
        "n_dims": 3, "lambda_d": 3.0, "similarity": "cosine", "rbf_scale": 2.0, "gauge": "none",
        "learned": True, "radius": 1.3,
    }  # fmt: skip
    return JointProblem(target=target, kernel=kernel, **(values | changes))


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 7), f=st.integers(2, 6), scale=st.floats(0.05, 20.0))
@settings(max_examples=15, deadline=None)
def test_energy_is_the_double_sum(
    loops: Any, kernel: Kernel, seed: int, n: int, f: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    vectors, weights = scale * rng.standard_normal((n, f)), rng.dirichlet(np.ones(n))
    expected = loops.energy(vectors, weights, kernel)
    size = max([1.0] + [abs(loops.pair(a, b, kernel)) for a, b in itertools.combinations(vectors, 2)])
    assert energy_value(vectors, weights, kernel) == pytest.approx(expected, abs=1e-13 * size)
    norms = np.linalg.norm(vectors, axis=1) * rng.uniform(0.5, 2.0, n)
    penalty = PenaltyObjective(weights, norms, kernel, n_dims=f, lambda_x=0.7)
    distance = math.fsum(abs(math.dist(x, 0 * x) - norm) for x, norm in zip(vectors, norms, strict=True))
    assert penalty.loss(vectors.ravel()) == pytest.approx(expected + 0.7 * distance, abs=1e-12 * size * scale)
    free = PenaltyObjective(weights, norms, kernel, n_dims=f, lambda_x=0.0)
    assert free.loss(vectors.ravel()) == pytest.approx(expected, abs=1e-12 * size)


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_slope_is_the_derivative_of_the_pair_energy(kernel: Kernel) -> None:
    argument = np.linspace(0.3, 0.95, 9)
    step = 1e-6
    numeric = (pair_energy(kernel, argument + step) - pair_energy(kernel, argument - step)) / (2 * step)
    np.testing.assert_allclose(
        pair_slope(kernel, argument, pair_energy(kernel, argument)), numeric, rtol=2e-9
    )


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_self_value_is_the_kernel_at_one_point(loops: Any, kernel: Kernel) -> None:
    x = np.array([0.6, 0.8])
    expected = loops.pair(x, x, kernel) if kernel.includes_diagonal else 0.0
    assert self_value(kernel) == pytest.approx(expected, rel=1e-15, abs=1e-300)


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
def test_similarities_are_pairwise(loops: Any, similarity: str) -> None:
    vectors = np.random.default_rng(3).standard_normal((6, 4))
    expected = [[loops.similarity(a, b, similarity, 1.7) for b in vectors] for a in vectors]
    np.testing.assert_allclose(similarity_matrix(vectors, similarity, 1.7), expected, atol=1e-14)


@pytest.mark.parametrize("gauge", ["none", "unit", "mean_norm"])
@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_joint_objective_and_gradient(loops: Any, kernel: Kernel, similarity: str, gauge: str) -> None:
    rng = np.random.default_rng(7)
    target = np.corrcoef(rng.standard_normal((5, 9)))
    target[2, 2] = 0.8
    target = 0.5 * (target + target.T)
    for learned in (True, False):
        problem = _problem(kernel, target, similarity=similarity, gauge=gauge, learned=learned)
        objective = JointObjective(problem)
        flat = rng.standard_normal(objective.size)
        fun, gradient = objective.loss_gradient(flat)
        vectors = objective.gauge.vectors(objective.unpack(flat)[0])
        weights = loops.softmax(flat[15:]) if learned else np.full(5, 0.2)
        expected = loops.energy(vectors, weights, kernel)
        expected += 3.0 * loops.mismatch(vectors, target, similarity, 2.0)
        assert fun == pytest.approx(expected, rel=1e-12)
        assert objective.loss(flat) == fun
        np.testing.assert_array_equal(objective.gradient(flat), gradient)
        step = 1e-6 * np.eye(objective.size)
        numeric = [(objective.loss(flat + h) - objective.loss(flat - h)) / 2e-6 for h in step]
        np.testing.assert_allclose(gradient, numeric, atol=2e-8 * max(1.0, np.abs(gradient).max()))


@pytest.mark.parametrize("centred", [True, False])
def test_gauges_hold_what_they_promise(centred: bool) -> None:
    variables = np.random.default_rng(0).standard_normal((6, 3)) + 2.0
    free = Gauge("none", 1.7, 2.5, centred=centred)
    np.testing.assert_array_equal(free.vectors(variables), 2.5 * variables)
    np.testing.assert_allclose(free.variables(free.vectors(variables)), variables, rtol=1e-15)
    unit = Gauge("unit", 1.7, 2.5, centred=False).vectors(variables)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1.7, rtol=1e-15)
    mean = Gauge("mean_norm", 1.7, 2.5, centred=centred).vectors(variables)
    assert np.linalg.norm(mean, axis=1).mean() == pytest.approx(1.7, rel=1e-14)
    assert (np.abs(mean.mean(axis=0)).max() < 1e-14) == centred


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_gauged_objective_ignores_what_the_gauge_removes(kernel: Kernel) -> None:
    rng = np.random.default_rng(2)
    target, flat = np.corrcoef(rng.standard_normal((5, 9))), rng.standard_normal(20)
    target = 0.5 * (target + target.T)
    longer = flat.copy()
    longer[:15] = (flat[:15].reshape(5, 3) * rng.uniform(0.2, 5.0, (5, 1))).ravel()
    unit = JointObjective(_problem(kernel, target, gauge="unit"))
    assert unit.loss(longer) == pytest.approx(unit.loss(flat), rel=1e-12)
    moved = flat.copy()
    moved[15:] += 2.5
    assert unit.loss(moved) == pytest.approx(unit.loss(flat), rel=1e-12)
    mean = JointObjective(_problem(kernel, target, gauge="mean_norm", similarity="rbf"))
    scaled = flat.copy()
    shift = np.zeros(3) if kernel.energy == "exp" else np.array([3.0, -1.0, 2.0])
    scaled[:15] = (4.0 * (flat[:15].reshape(5, 3) + shift)).ravel()
    assert mean.loss(scaled) == pytest.approx(mean.loss(flat), rel=1e-10)


def test_mean_norm_is_refused_where_it_empties_a_row() -> None:
    target = np.eye(3)
    with pytest.raises(ArgumentError, match=r"^gauge: 'mean_norm' with cosine and log"):
        fit_joint(target, energy="log", n_dims=2, gauge="mean_norm")
    with pytest.raises(ArgumentError, match="riesz:1"):
        fit_joint(target, energy="riesz", s=1.0, n_dims=2, gauge="mean_norm")
    assert fit_joint(target, energy="exp", n_dims=2, gauge="mean_norm").norms.mean() == pytest.approx(1.0)
