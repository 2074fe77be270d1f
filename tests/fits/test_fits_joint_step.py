"""`fit_joint`: recovery of planted similarities, gauges, starts, statuses, unbounded problems."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from superpos.fits import fit_joint, importance_entropy, start_radius
from superpos.fits.joint import JointObjective
from superpos.fits.problem import JointProblem
from superpos.records.fits import JointFit, Status
from superpos.seeding import generator
from superpos.specs.axes import Kernel

REPELLING = [
    ("log", 0.0, None, 0.0),
    ("riesz", 1.0, None, 0.0),
    ("riesz", 1.0, "include", 0.1),
    ("riesz", -1.0, None, 0.0),
]

BOUNDED = (Status.CONVERGED, Status.POLISHED, Status.CORNER)


def _rbf_target(rows: int, width: int, ratio: float) -> np.ndarray:
    """Return an RBF target with C = 200 whose median squared distance is `ratio` * C."""
    points = np.random.default_rng(4).standard_normal((rows, width))
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    squares *= ratio / np.median(squares[np.triu_indices(rows, 1)])
    return np.exp(-squares)


@pytest.mark.parametrize("importance", ["learned", "uniform"])
@pytest.mark.parametrize(("energy", "s"), [("exp", 0.0), ("log", 0.0), ("riesz", 1.0)])
def test_reaches_the_minimum_that_bfgs_finds_on_loops(
    loops: Any, energy: Any, s: float, importance: str
) -> None:
    kernel = Kernel(energy, s, None if energy == "exp" else "include", 0.0 if energy == "exp" else 0.3)
    target = np.array([[1.0, 0.4, -0.2], [0.4, 1.0, 0.1], [-0.2, 0.1, 1.0]])

    def plain(flat: np.ndarray) -> float:
        angles, logits = flat[:3], flat[3:] if importance == "learned" else np.zeros(3)
        vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        mismatch = loops.mismatch(vectors, target, "cosine", 1.0)
        return loops.energy(vectors, loops.softmax(logits), kernel) + 2.0 * mismatch

    fits = [
        fit_joint(
            target, energy=energy, s=s, n_dims=2, lambda_d=2.0, seed=seed, self_energy=kernel.self_energy,
            softening=kernel.softening, gauge="unit", importance=importance, gtol=1e-9,
        )
        for seed in range(4)
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    scales = [2.0] * 3 + [0.3] * (3 if importance == "learned" else 0)
    best = min(minimize(plain, rng.standard_normal(len(scales)) * scales, tol=1e-9).fun for _ in range(6))
    assert min(fit.fun for fit in fits) == pytest.approx(best, abs=1e-8)


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
def test_recovers_a_reachable_psm_to_one_over_lambda(similarity: str) -> None:
    rows = np.random.default_rng(3).standard_normal((6, 3))
    if similarity == "cosine":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        target = rows @ rows.T
    else:
        target = np.exp(-((rows[:, None] - rows[None]) ** 2).sum(axis=-1) / 6.0)
    target = 0.5 * (target + target.T)
    np.fill_diagonal(target, 1.0)
    distances = []
    start = None
    for lambda_d in (1e2, 1e3, 1e4):
        fit = fit_joint(
            target, similarity, "log", n_dims=3, lambda_d=lambda_d, rbf_scale=6.0, start=start,
            gauge="unit" if similarity == "cosine" else "none", importance="uniform",
            max_iter=20_000, gtol=1e-7 * lambda_d,
        )  # fmt: skip
        start = (fit.vectors, fit.logits)
        distances.append(math.sqrt(fit.mismatch))
        assert fit.mismatch == pytest.approx(((fit.similarities - target) ** 2).sum(), rel=1e-9)
    ratios = [near / far for far, near in itertools.pairwise(distances)]
    np.testing.assert_allclose(ratios, 0.1, rtol=0.15)


def test_record_is_consistent(loops: Any, planted_target: Callable[[int], np.ndarray]) -> None:
    target = planted_target(1)
    fit = fit_joint(target, energy="log", n_dims=4, gauge="unit", max_iter=60, joint_polish=False)
    assert fit.status is Status.MAX_ITER
    assert fit.nit == 60
    assert fit.njev == fit.nfev >= 60
    weights = loops.softmax(fit.logits)
    np.testing.assert_allclose(fit.importance, weights, rtol=1e-13)
    np.testing.assert_allclose(fit.norms, np.linalg.norm(fit.vectors, axis=1), rtol=1e-14)
    assert fit.energy == pytest.approx(loops.energy(fit.vectors, weights, Kernel("log")), rel=1e-11)
    assert fit.mismatch == pytest.approx(loops.mismatch(fit.vectors, target, "cosine", 1.0), rel=1e-11)
    assert fit.fun == pytest.approx(fit.energy + 100.0 * fit.mismatch, rel=1e-14)
    problem = JointProblem(target, Kernel("log"), 4, 100.0, "cosine", 1.0, "unit", learned=True, radius=1.0)
    objective = JointObjective(problem)
    flat = np.concatenate([fit.vectors.ravel(), fit.logits])
    numeric = [(objective.loss(flat + h) - objective.loss(flat - h)) / 2e-6 for h in 1e-6 * np.eye(flat.size)]
    assert fit.gradient_norm == pytest.approx(np.abs(numeric).max(), rel=1e-4)


def test_same_seed_same_bits_and_the_frozen_draw(planted_target: Callable[[int], np.ndarray]) -> None:
    target = planted_target(2)
    options: dict[str, Any] = {"energy": "exp", "n_dims": 5, "max_iter": 40}
    first, second = fit_joint(target, seed=3, **options), fit_joint(target, seed=3, **options)
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert first.fun == second.fun
    drawn = generator("joint_start", n=11, n_dims=5, restart=3)
    np.testing.assert_array_equal(fit_joint(target, seed=drawn, **options).vectors, first.vectors)
    rows = generator("joint_start", n=11, n_dims=5, restart=3).standard_normal((11, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    given = fit_joint(target, start=(rows, np.zeros(11)), **options)
    np.testing.assert_allclose(given.vectors, first.vectors, atol=1e-6)
    assert not np.array_equal(fit_joint(target, seed=4, **options).vectors, first.vectors)


def test_start_radius_follows_the_targets() -> None:
    squares = np.array([0.0, 8.0, 18.0, 32.0])
    target = np.exp(-np.abs(squares[:, None] - squares) / 200.0)
    pairs = [abs(a - b) for i, a in enumerate(squares) for b in squares[:i]]
    assert start_radius(target, "rbf", 200.0) == pytest.approx(math.sqrt(np.median(pairs) / 2), rel=1e-12)
    assert start_radius(target, "cosine", 200.0) == 1.0
    assert start_radius(np.ones((4, 4)), "rbf", 200.0) == pytest.approx(10.0)
    far = start_radius(np.eye(4) - 0.1, "rbf", 200.0)
    assert far == pytest.approx(math.sqrt(-200.0 * math.log(1e-12) / 2), rel=1e-12)


def test_vectors_are_centred_only_where_a_shift_changes_nothing() -> None:
    target = _rbf_target(7, 5, 1.0)
    options: dict[str, Any] = {"similarity": "rbf", "n_dims": 4, "max_iter": 100}
    for gauge in ("none", "mean_norm"):
        fit = fit_joint(target, energy="log", gauge=gauge, **options)
        assert np.abs(fit.vectors.mean(axis=0)).max() < 1e-13 * fit.start_radius
        if gauge == "mean_norm":
            assert fit.norms.mean() == pytest.approx(fit.start_radius, rel=1e-12)
    unit = fit_joint(target, energy="log", gauge="unit", **options)
    np.testing.assert_allclose(unit.norms, unit.start_radius, rtol=1e-13)
    assert np.abs(unit.vectors.mean(axis=0)).max() > 1e-3 * unit.start_radius
    exp = fit_joint(target, energy="exp", **options)
    assert np.abs(exp.vectors.mean(axis=0)).max() > 1e-3 * exp.start_radius


def test_importance_collapses_or_spreads_as_the_diagonal_decides(
    planted_target: Callable[[int], np.ndarray],
) -> None:
    target = planted_target(1)

    def entropy(energy: Any, **options: Any) -> float:
        fit = fit_joint(target, energy=energy, n_dims=10, gauge="unit", max_iter=500, **options)
        return importance_entropy(fit.importance)

    assert entropy("riesz", s=1.0) < 0.1
    assert entropy("riesz", s=1.0, self_energy="include", softening=0.1) > 0.99
    assert entropy("exp") > 0.9
    uniform = fit_joint(target, energy="exp", importance="uniform", max_iter=5)
    np.testing.assert_array_equal(uniform.logits, 0.0)
    np.testing.assert_allclose(uniform.importance, 1 / 11, rtol=1e-15)


@pytest.mark.parametrize("n_dims", [4, 10])
@pytest.mark.parametrize(("energy", "s", "self_energy", "softening"), REPELLING)
def test_cosine_with_a_repelling_energy_is_unbounded_until_gauged(
    planted_target: Callable[[int], np.ndarray],
    energy: Any, s: float, self_energy: Any, softening: float, n_dims: int,
) -> None:  # fmt: skip
    kernel: dict[str, Any] = {"energy": energy, "s": s, "self_energy": self_energy, "softening": softening}
    target = planted_target(1)
    free = fit_joint(target, n_dims=n_dims, max_iter=400, **kernel)
    assert free.status is Status.UNBOUNDED
    assert "gauge" in free.message
    assert np.isfinite(free.vectors).all()
    # The claim behind the status: the objective falls along the ray X -> t X from wherever it stopped.
    problem = JointProblem(target, Kernel(**kernel), n_dims, 100.0, "cosine", 1.0, "none", True, 1.0)
    objective = JointObjective(problem)
    along = [objective.loss(objective.pack(t * free.vectors, free.logits)) for t in (1.0, 2.0, 4.0)]
    assert along[0] > along[1] > along[2]
    held = fit_joint(target, n_dims=n_dims, max_iter=400, gauge="unit", **kernel)
    assert held.status in BOUNDED


@pytest.mark.parametrize(("energy", "s", "self_energy", "softening"), REPELLING)
def test_rbf_is_unbounded_once_its_mismatch_is_saturated(
    energy: Any, s: float, self_energy: Any, softening: float
) -> None:
    kernel: dict[str, Any] = {"energy": energy, "s": s, "self_energy": self_energy, "softening": softening}
    far = fit_joint(_rbf_target(11, 60, 30.0), "rbf", n_dims=10, max_iter=2000, **kernel)
    assert far.status is Status.UNBOUNDED
    assert far.nit < 200
    near = fit_joint(_rbf_target(11, 60, 1.0), "rbf", n_dims=10, max_iter=2000, **kernel)
    assert near.status in BOUNDED
    assert near.norms.max() < 3 * near.start_radius


def test_flat_norms_are_not_unbounded(planted_target: Callable[[int], np.ndarray]) -> None:
    target = planted_target(1)
    rows = generator("joint_start", n=11, n_dims=10, restart=0).standard_normal((11, 10))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for scale in (0.1, 1.0, 10.0):
        fit = fit_joint(target, energy="exp", start=(scale * rows, np.zeros(11)), max_iter=1500)
        assert fit.status in BOUNDED
        assert scale <= fit.norms.mean() <= 50 * scale


def test_a_far_outlier_among_coincident_features_is_bounded() -> None:
    """Most targets near 1 make the start radius tiny beside the distance of the one that stands off."""
    target = np.full((6, 6), 1.0 - 1e-9)
    target[5, :5] = target[:5, 5] = 0.05
    np.fill_diagonal(target, 1.0)
    fit = fit_joint(target, "rbf", "exp", n_dims=3, rbf_scale=200.0, max_iter=2000)
    assert fit.norms.max() > 1e3 * fit.start_radius
    assert fit.status is not Status.UNBOUNDED


def test_a_stalled_and_a_non_finite_descent_are_results(planted_target: Callable[[int], np.ndarray]) -> None:
    target = planted_target(1)[:4, :4]
    asked = {"n_dims": 3, "gauge": "unit", "gtol": 1e-300, "max_iter": 5000, "joint_polish": False}
    stalled = fit_joint(target, energy="exp", **asked)
    assert stalled.status is Status.STALLED
    assert stalled.gradient_norm < 1e-3
    huge = 1e150 * np.eye(4, 3) + 1e149
    lost: JointFit = fit_joint(target, "rbf", "riesz", -3.0, 3, start=(huge, np.zeros(4)))
    assert lost.status is Status.NON_FINITE
    assert np.isfinite(lost.vectors).all()


def test_gauged_convergence_is_that_of_the_representative() -> None:
    target = np.eye(5)
    fit = fit_joint(target, energy="exp", n_dims=5, gauge="unit", lambda_d=1e4, gtol=1e-6, max_iter=5000)
    assert fit.status is Status.CONVERGED
    assert fit.gradient_norm <= 1e-6
