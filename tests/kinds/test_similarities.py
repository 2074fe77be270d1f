"""Similarities as kinds: functions agree, bad ones are refused in a line, those from elsewhere are fitted."""

# ruff: noqa: ARG005 - point functions have one signature

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from outside_similarities import CUBE, LAPLACE

from superpos.errors import ArgumentError, InputError
from superpos.fits import fit_joint, start_radius
from superpos.fits.joint import JointObjective
from superpos.fits.joint_curvature import JointCurvature
from superpos.fits.problem import JointProblem
from superpos.kinds.energies import ENERGIES
from superpos.kinds.similarities import SIMILARITIES
from superpos.psms import build_psm, nearest_simplex_psm, similarity_matrix
from superpos.records.fits import Status, Verdict
from superpos.specs.axes import Kernel

BACKENDS = ("scipy", "compiled")
NAMES = ("cosine", "rbf", "laplace", "cube")


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SIMILARITIES, "_found", dict(SIMILARITIES._found))
    SIMILARITIES.register(LAPLACE)
    SIMILARITIES.register(CUBE)


def _rows(n: int = 6, f: int = 4, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, f))


@pytest.mark.parametrize("name", NAMES)
def test_functions_of_a_kind_agree(name: str) -> None:
    kind = SIMILARITIES.get(name)
    kind.check()
    assert kind.own == 1.0
    if kind.inverse is not None:
        x = np.array([0.1, 0.7])
        np.testing.assert_allclose(kind.argument_of(np.asarray(kind.value(x))), x, rtol=1e-12)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"slope": lambda x, value: value}, r"slope: is .* at 0\.02, but differences of value give"),
        ({"bend": lambda x, value: value}, r"bend: is .* but differences of slope give"),
        ({"value": lambda: 1.0}, "value: cannot be called: TypeError"),
        ({"inverse": None}, "inverse: is missing; a similarity of distances"),
        ({"inverse": lambda value: value}, r"inverse: is .* but the argument gives 0\.02"),
        ({"low": 0.5}, "value: gives .* outside of 0.5 to 1"),
        ({"argument": "angle"}, "argument: 'angle' is unknown; allowed: cosine, squared_distance"),
        ({"curve": lambda x, rate, value, residual: value}, "curve: is .* but slope and bend gives"),
        ({"formula": ""}, "formula: is empty"),
    ],
)
def test_functions_that_disagree_are_one_line(changed: dict[str, Any], said: str) -> None:
    wrong = dataclasses.replace(LAPLACE, name="wrong", **changed)
    with pytest.raises(InputError, match=rf"^similarity 'wrong': {said}") as caught:
        SIMILARITIES.register(wrong)
    assert "\n" not in str(caught.value)


def test_what_numba_cannot_compile_names_the_kind() -> None:
    SIMILARITIES.register(
        dataclasses.replace(CUBE, name="slow", value=np.vectorize(lambda c: 0.5 * (c + c**3)))
    )
    with pytest.raises(InputError, match="similarity 'slow' cannot be compiled: ") as caught:
        fit_joint(np.eye(3), "slow", "exp", n_dims=2)
    assert "\n" not in str(caught.value)


def test_matrices_similarity_matrix_are_made_of_it() -> None:
    rows = _rows()
    cosines = similarity_matrix(rows, "cosine")
    np.testing.assert_allclose(similarity_matrix(rows, "cube"), 0.5 * (cosines + cosines**3), rtol=1e-14)
    distances = np.linalg.norm(rows[:, None] - rows, axis=2)
    np.testing.assert_allclose(similarity_matrix(rows, "laplace", 4.0), np.exp(-distances / 2.0), rtol=1e-12)
    for name in NAMES:
        matrix = similarity_matrix(rows, name, 4.0)
        np.testing.assert_array_equal(matrix, matrix.T)
        np.testing.assert_array_equal(matrix.diagonal(), 1.0)
    record = build_psm(kind="features", similarity="laplace", directions=rows, rbf_scale_rule="median")
    squares = distances[np.triu_indices(6, 1)] ** 2
    assert record.rbf_scale_resolved == pytest.approx(np.median(squares))
    assert record.ratio_quartiles is not None
    assert record.ratio_quartiles[1] == pytest.approx(1.0)
    drawn = build_psm(kind="permuted", similarity="cube", directions=rows)
    assert drawn.matrix.shape == (6, 6)
    np.testing.assert_allclose(nearest_simplex_psm(np.eye(5), "cube")[0, 1], 0.5 * (-0.25 - 0.25**3))
    with pytest.raises(ArgumentError, match=r"^target: has entries outside \[0, 1\], which no laplace"):
        build_psm(kind="features", similarity="laplace", target=np.eye(3) - 0.1 * (1 - np.eye(3)))


def test_start_radius_reads_the_distances_that_a_target_tells() -> None:
    target = np.full((4, 4), np.exp(-3.0))
    np.fill_diagonal(target, 1.0)
    assert start_radius(target, "laplace", 2.0) == pytest.approx(np.sqrt(0.5 * 2.0 * 9.0))
    assert start_radius(target, "cube", 2.0) == 1.0


@pytest.mark.parametrize("name", ["laplace", "cube"])
@pytest.mark.parametrize("kernel", [Kernel("exp"), Kernel("riesz", 1.0)])
@pytest.mark.parametrize("gauge", ["none", "unit"])
def test_gradient_and_hessian_are_differences(name: str, kernel: Kernel, gauge: str) -> None:
    rows, n, f = _rows(5, 3), 5, 3
    problem = JointProblem(np.eye(n) + 0.2, kernel, f, 3.0, name, 2.0, gauge, True, 1.2)
    objective, logits = JointObjective(problem), np.linspace(-1.0, 1.0, n)
    flat = objective.pack(rows, logits)
    step, h = np.random.default_rng(1).standard_normal(flat.size), 1e-6
    with np.errstate(all="ignore"):
        ends = [objective.loss(flat + k * h * step) for k in (1.0, -1.0)]
        slope = float(objective.gradient(flat) @ step)
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(slope, rel=1e-6, abs=1e-7)
        curvature = JointCurvature(problem)
        if gauge == "unit":
            rows = rows * (problem.radius / np.linalg.norm(rows, axis=1))[:, None]
        weights = np.exp(logits) / np.exp(logits).sum()
        point = curvature.at(rows, np.sqrt(weights))
        for size in (1e-4, 5e-5):
            z = size * step[: point.gradient.size] / np.linalg.norm(step)
            z[: n * f] = curvature.manifold.project(rows, z[: n * f, None])[:, 0]
            z[n * f :] -= np.sqrt(weights) * (np.sqrt(weights) @ z[n * f :])
            there = [curvature.moved(point, k * z).fun for k in (1.0, -1.0)]
            second = there[0] + there[1] - 2.0 * point.fun
            assert second == pytest.approx(float(z @ point.hessian @ z), rel=1e-3, abs=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["laplace", "cube"])
def test_outside_similarities_are_fitted(backend: str, name: str) -> None:
    """A target that vectors of this dimension have is met, by both back ends alike."""
    rows = _rows(5, 3)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    options: dict[str, Any] = {"n_dims": 3, "gauge": "unit", "lambda_d": 1e4, "importance": "uniform"}
    target = similarity_matrix(rows, name, 2.0)
    fit = fit_joint(target, name, "exp", rbf_scale=2.0, backend=backend, **options)
    assert fit.status in (Status.CONVERGED, Status.POLISHED)
    assert fit.verdict is Verdict.STRICT
    other = BACKENDS[1 - BACKENDS.index(backend)]
    again = fit_joint(target, name, "exp", rbf_scale=2.0, backend=other, **options)
    assert fit.fun == pytest.approx(again.fun, rel=1e-9)
    np.testing.assert_allclose(fit.similarities, similarity_matrix(fit.vectors, name, 2.0), atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_traits_hold_for_similarities_from_elsewhere(backend: str) -> None:
    target = np.eye(4) * 0.8 + 0.2
    free = fit_joint(target, "cube", "riesz", 1.0, n_dims=3, backend=backend)
    assert free.status is Status.UNBOUNDED
    with pytest.raises(ArgumentError, match=r"^gauge: 'mean_norm' with cube and riesz:1"):
        fit_joint(target, "cube", "riesz", 1.0, n_dims=3, gauge="mean_norm", backend=backend)
    shifted = fit_joint(target, "laplace", "riesz", 1.0, n_dims=3, rbf_scale=2.0, backend=backend)
    np.testing.assert_allclose(shifted.vectors.mean(axis=0), 0.0, atol=1e-9)
    assert ENERGIES.origin("riesz") is None
