"""The joint step finished: against SciPy and finite differences, its invariances, corners and saddles."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from superpos.fits import fit_joint, importance_entropy
from superpos.fits.joint import JointObjective
from superpos.fits.joint_curvature import JointCurvature
from superpos.fits.problem import JointProblem
from superpos.psms import cosine, rbf
from superpos.records.fits import JointFit, Status, Verdict
from superpos.specs.axes import Kernel

KERNELS = [
    Kernel("exp"),
    Kernel("exp", self_energy="exclude"),
    Kernel("log"),
    Kernel("log", self_energy="include", softening=0.2),
    Kernel("riesz", 1.0, "include", 0.1),
    Kernel("riesz", -1.5),
    Kernel("exp", 4.0),
    Kernel("gauss", 0.5),
]
GAUGED = [
    ("cosine", "unit"), ("cosine", "none"), ("rbf", "none"), ("rbf", "unit"), ("rbf", "mean_norm"),
]  # fmt: skip
FINISHED = (Status.CONVERGED, Status.POLISHED)


def _target(similarity: str, n: int = 7, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, 12))
    return cosine(rows) if similarity == "cosine" else rbf(rows, scale=20.0)


def _fit(kernel: Kernel, target: np.ndarray, **options: Any) -> JointFit:
    named = {
        "energy": kernel.energy, "s": kernel.s, "self_energy": kernel.self_energy,
        "softening": kernel.softening,
    }  # fmt: skip
    return fit_joint(target, **{"rbf_scale": 20.0, "n_dims": 4, **named, **options})


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize(("similarity", "gauge"), GAUGED)
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: f"{kernel.label}-{kernel.self_energy}")
def test_derivatives_against_finite_differences(
    kernel: Kernel, similarity: str, gauge: str, learned: bool
) -> None:
    rng = np.random.default_rng(5)
    problem = JointProblem(_target(similarity, 5), kernel, 3, 30.0, similarity, 20.0, gauge, learned, 1.7)
    curvature = JointCurvature(problem)
    vectors = rng.standard_normal((5, 3))
    if gauge == "unit":
        vectors *= 1.7 / np.linalg.norm(vectors, axis=1, keepdims=True)
    if gauge == "mean_norm":
        vectors -= vectors.mean(axis=0) * problem.translation_invariant
        vectors *= 1.7 / np.linalg.norm(vectors, axis=1).mean()
    logits = rng.standard_normal(5) * learned
    amplitudes = np.exp(0.5 * logits)
    amplitudes /= np.linalg.norm(amplitudes)
    point = curvature.at(vectors, amplitudes)
    objective = JointObjective(problem)
    assert point.fun == pytest.approx(
        objective.loss(objective.pack(vectors / problem.length, logits)), rel=1e-12
    )

    flat = curvature.flat_directions(vectors, amplitudes)
    np.testing.assert_allclose(flat.T @ point.gradient, 0.0, atol=1e-11 * point.force)
    basis, sizes, _ = np.linalg.svd(flat, full_matrices=False)
    basis = basis[:, sizes > 1e-9]
    for _ in range(3):
        step = rng.standard_normal(point.gradient.size)
        step -= basis @ (basis.T @ step)
        h = 1e-4
        ahead, back = (curvature.moved(point, sign * h * step).fun for sign in (1.0, -1.0))
        assert (ahead - back) / (2 * h) == pytest.approx(point.gradient @ step, rel=1e-5, abs=1e-5)
        bend = step @ point.hessian @ step
        assert (ahead - 2 * point.fun + back) / h**2 == pytest.approx(bend, rel=1e-4, abs=1e-3)
    np.testing.assert_allclose(point.hessian, point.hessian.T, atol=1e-10 * np.abs(point.hessian).max())
    # The stiff Hessian lies above along the flat directions, and nowhere else.
    rest = np.eye(point.gradient.size) - basis @ basis.T
    stiff = _whole(point.stiff)
    np.testing.assert_allclose(rest @ (stiff - point.hessian) @ rest, 0.0, atol=1e-9 * point.force)
    engine = JointCurvature(problem, compiled=True).at(vectors, amplitudes)
    np.testing.assert_allclose(engine.gradient, point.gradient, atol=1e-12 * point.force)
    np.testing.assert_allclose(engine.hessian, point.hessian, atol=1e-12 * np.abs(point.hessian).max())
    stiffer = _whole(engine.stiff)
    np.testing.assert_allclose(rest @ (stiffer - stiff) @ rest, 0.0, atol=1e-9 * point.force)
    assert np.linalg.eigvalsh(basis.T @ (stiffer - engine.hessian) @ basis).min() > 0.0
    # What a joint fit's status hangs on has the same bits by both.
    assert (engine.fun, engine.force, engine.is_finite) == (point.fun, point.force, True)
    of_amplitudes = slice(vectors.size, None)
    np.testing.assert_array_equal(engine.gradient[of_amplitudes], point.gradient[of_amplitudes])


def _whole(triangle: Any) -> Any:
    """Return a symmetric matrix whose lower triangle is known."""
    lower = np.tril(triangle)
    return lower + np.tril(triangle, -1).T


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("gauge", ["unit", "none"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: f"{kernel.label}-{kernel.self_energy}")
def test_a_point_that_is_not_finite_says_so(kernel: Kernel, gauge: str, compiled: bool) -> None:
    target = _target("cosine", 5)
    problem = JointProblem(target, kernel, 3, 30.0, "cosine", 1.0, gauge, True, 1.0)
    vectors = np.random.default_rng(6).standard_normal((5, 3))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    vectors[1] = np.nan
    with np.errstate(all="ignore"):
        point = JointCurvature(problem, compiled=compiled).at(vectors, np.full(5, 5**-0.5))
    assert not point.is_finite
    assert np.isnan(point.force)


@pytest.mark.parametrize(("similarity", "gauge"), [("cosine", "unit"), ("rbf", "none")])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: f"{kernel.label}-{kernel.self_energy}")
def test_ends_where_scipy_ends_from_there(kernel: Kernel, similarity: str, gauge: str) -> None:
    """BFGS on the NumPy objective, started beside the polished end, finds the same and nothing lower."""
    target = _target(similarity)
    raw = _fit(kernel, target, similarity=similarity, gauge=gauge, max_iter=300, joint_polish=False)
    fit = _fit(kernel, target, similarity=similarity, gauge=gauge, max_iter=300)
    assert fit.fun_cg == raw.fun
    assert fit.fun <= raw.fun
    assert fit.status in (*FINISHED, Status.CORNER)
    assert fit.gradient_norm <= 1e-8
    assert fit.verdict in (Verdict.STRICT, Verdict.DEGENERATE)
    problem = JointProblem(target, kernel, 4, 100.0, similarity, 20.0, gauge, True, fit.start_radius)
    objective = JointObjective(problem)
    flat = objective.pack(objective.gauge.variables(fit.vectors), fit.logits)
    flat += 1e-4 * np.random.default_rng(1).standard_normal(flat.size)
    end = minimize(
        objective.loss_gradient, flat, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 3000}
    )
    assert end.fun >= fit.fun - 1e-9 * abs(fit.fun) - 1e-12
    assert end.fun == pytest.approx(fit.fun, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("backend", ["compiled", "scipy"])
@pytest.mark.parametrize("joint_polish", [True, False])
def test_the_unit_of_length_does_not_matter(backend: str, joint_polish: bool) -> None:
    """(T, C) and (T, C') are one problem for exp: X is longer by sqrt(C' / C), everything else the same."""
    target = _target("rbf", 6, seed=3)
    fits = {
        scale: fit_joint(
            target, "rbf", "exp", n_dims=4, rbf_scale=scale, max_iter=400, seed=1, backend=backend,
            joint_polish=joint_polish,
        )
        for scale in (2.0, 200.0, 1e4, 1e6, 1e8)
    }  # fmt: skip
    first = fits[2.0]
    for scale, fit in fits.items():
        # The descent of the conjugate gradients is long and amplifies rounding; its finished end is a point.
        rel = 1e-9 if joint_polish else 1e-3
        assert fit.fun == pytest.approx(first.fun, rel=rel)
        assert importance_entropy(fit.importance) == pytest.approx(
            importance_entropy(first.importance), abs=10 * rel
        )
        assert fit.status is first.status
        assert importance_entropy(fit.importance) > 0.5
        if joint_polish:
            lengths = (
                np.linalg.norm(fit.vectors) / math.sqrt(scale),
                np.linalg.norm(first.vectors) / math.sqrt(2.0),
            )
            assert lengths[0] == pytest.approx(lengths[1], rel=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 200.0, 1e5, 1e8])
@pytest.mark.parametrize("seed", range(4))
def test_nothing_converges_at_the_largest_energy(scale: float, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((6, 30))
    middle = float(np.median(((rows[:, None] - rows) ** 2).sum(-1)[np.triu_indices(6, 1)]))
    for restart in range(3):
        fit = fit_joint(
            rbf(rows, scale=middle), "rbf", "exp", n_dims=4, rbf_scale=scale, seed=restart, max_iter=300
        )
        assert fit.energy < math.e - 0.1
        assert fit.status in FINISHED


@pytest.mark.parametrize("backend", ["compiled", "scipy"])
def test_importance_on_one_feature_is_a_status_of_its_own(backend: str) -> None:
    target = _target("cosine", 6)
    rows = np.random.default_rng(0).standard_normal((6, 4))
    start = (rows, np.array([60.0, 0, 0, 0, 0, 0]))
    options: dict[str, Any] = {"energy": "exp", "gauge": "unit", "n_dims": 4, "backend": backend}
    stuck = fit_joint(target, start=start, joint_polish=False, max_iter=2000, **options)
    assert stuck.energy == pytest.approx(math.e, rel=1e-9)
    assert stuck.gradient_norm <= 1e-5
    assert stuck.status is Status.CORNER
    assert "one feature" in stuck.message
    # The corner with the diagonal included is the largest energy there is; the polish leaves it.
    freed = fit_joint(target, start=start, max_iter=2000, **options)
    assert freed.energy < 2.0
    assert freed.status in FINISHED
    # Without the diagonal it is the smallest, and stays a status of its own.
    fit = fit_joint(target, self_energy="exclude", max_iter=2000, **options)
    assert fit.status is Status.CORNER
    assert fit.energy == pytest.approx(0.0, abs=1e-6)


def test_a_saddle_is_told_and_left() -> None:
    """Three unit vectors in one plane, two of them equal: critical for the simplex target, no minimum."""
    target = np.full((3, 3), -0.5)
    np.fill_diagonal(target, 1.0)
    line = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    options: dict[str, Any] = {
        "energy": "exp", "n_dims": 2, "gauge": "unit", "importance": "uniform", "start": (line, np.zeros(3)),
    }  # fmt: skip
    stays = fit_joint(target, joint_polish=False, **options)
    assert stays.status is Status.CONVERGED
    assert stays.verdict is Verdict.SADDLE
    leaves = fit_joint(target, **options)
    assert leaves.verdict is Verdict.STRICT
    assert leaves.mismatch == pytest.approx(0.0, abs=1e-12)
    assert leaves.fun < stays.fun - 1.0


def test_an_unfinished_end_is_not_critical() -> None:
    fit = fit_joint(_target("cosine"), energy="log", n_dims=4, gauge="unit", max_iter=10, joint_polish=False)
    assert fit.status is Status.MAX_ITER
    assert fit.verdict is Verdict.NOT_CRITICAL
    assert fit.nit_polish == 0


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: f"{kernel.label}-{kernel.self_energy}")
def test_turned_and_reordered_problems_have_the_same_end(kernel: Kernel) -> None:
    target = _target("cosine")
    rng = np.random.default_rng(2)
    rows, logits = rng.standard_normal((7, 4)), 0.1 * rng.standard_normal(7)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    # From a point near an end, so that rounding cannot decide between two of them.
    near = _fit(kernel, target, gauge="unit", start=(rows, logits), max_iter=500)
    turn, order = np.linalg.qr(rng.standard_normal((4, 4)))[0], rng.permutation(7)
    start = near.vectors + 1e-3, np.maximum(near.logits, near.logits.max() - 20.0)
    plain = _fit(kernel, target, gauge="unit", start=start)
    turned = _fit(kernel, target, gauge="unit", start=(start[0] @ turn, start[1] + 3.0))
    moved = _fit(kernel, target[np.ix_(order, order)], gauge="unit", start=(start[0][order], start[1][order]))
    for other in (turned, moved):
        assert other.fun == pytest.approx(plain.fun, rel=1e-10, abs=1e-10)
    np.testing.assert_allclose(turned.similarities, plain.similarities, atol=1e-6)
    np.testing.assert_allclose(moved.similarities, plain.similarities[np.ix_(order, order)], atol=1e-6)


def test_more_dimensions_than_features_add_nothing() -> None:
    """X spans at most n dimensions, so f = 12 of n = 5 is polished in five and stays a minimum in twelve."""
    target = _target("cosine", 5)
    for energy in ("exp", "log"):
        fit = fit_joint(target, energy=energy, n_dims=12, gauge="unit", max_iter=100)
        assert fit.vectors.shape == (5, 12)
        assert fit.verdict is Verdict.STRICT
        least = fit_joint(target, energy=energy, n_dims=5, gauge="unit", max_iter=100)
        assert fit.fun == pytest.approx(least.fun, rel=1e-8, abs=1e-9)
        problem = JointProblem(target, Kernel(energy), 12, 100.0, "cosine", 1.0, "unit", True, 1.0)
        objective = JointObjective(problem)
        flat = objective.pack(fit.vectors, fit.logits)
        rng = np.random.default_rng(0)
        assert all(objective.loss(flat + 1e-3 * rng.standard_normal(flat.size)) > fit.fun for _ in range(20))


def test_problems_beyond_the_dense_limit_keep_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from superpos.fits import joint_polish

    monkeypatch.setattr(joint_polish, "LARGEST", 20)
    fit = fit_joint(_target("cosine"), energy="exp", n_dims=4, gauge="unit", max_iter=20)
    assert fit.status is Status.MAX_ITER
    assert fit.verdict is Verdict.NOT_APPLICABLE
    assert "Too large" in fit.message


def test_coincident_features_and_flat_targets_are_finished_or_said() -> None:
    target = np.ones((5, 5))
    for similarity, energy in itertools.product(("cosine", "rbf"), ("exp", "riesz")):
        fit = fit_joint(
            target, similarity, energy, 1.0, 3, gauge="unit", max_iter=200,
            self_energy="include", softening=0.0 if energy == "exp" else 0.1,
        )  # fmt: skip
        assert fit.status in (*FINISHED, Status.CORNER)
        assert np.isfinite(fit.vectors).all()
