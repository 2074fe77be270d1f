"""`reoptimise`: starts, Powell beside the exact-norm optimiser, escapes, statuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from superpos.fits import (
    energy_value,
    fit_joint,
    perturbation_angles,
    polish,
    project,
    relative_gradient,
    reoptimise,
)
from superpos.psms import similarity_matrix
from superpos.records.fits import JointFit, Status
from superpos.seeding import generator
from superpos.specs.axes import Kernel


@pytest.fixture(scope="module")
def joint(planted_target: Callable[[int], np.ndarray]) -> JointFit:
    """Return the setting in which Powell stalls: cosine, exp, n = 11, f = 10, lambda_d = 100."""
    return fit_joint(planted_target(1), energy="exp", n_dims=10, max_iter=500)


def _moved(vectors: np.ndarray, fit: JointFit) -> float:
    return float(np.linalg.norm(similarity_matrix(vectors, "cosine", 1.0) - fit.similarities))


@pytest.mark.parametrize("lambda_x", [1.0, 10.0])
def test_powell_stalls_on_the_penalty_where_the_manifold_descends(joint: JointFit, lambda_x: float) -> None:
    powell = reoptimise(joint.vectors, joint.logits, energy="exp", lambda_x=lambda_x, sigma=0.1)
    exact = reoptimise(joint.vectors, joint.logits, energy="exp", sigma=0.1, optimiser="manifold")
    assert powell.status is Status.STALLED
    assert powell.nit <= 3
    assert powell.relative_gradient > 0.1
    assert exact.status is Status.CONVERGED
    assert exact.relative_gradient <= 1e-8
    assert exact.energy < powell.energy - 0.03
    np.testing.assert_allclose(exact.start, project(powell.start, joint.norms), rtol=1e-14)
    # The exact optimiser moves the same whatever sigma; Powell the less, the smaller sigma.
    ends = [
        reoptimise(joint.vectors, joint.logits, energy="exp", sigma=sigma, optimiser="manifold")
        for sigma in (0.0, 0.01)
    ]
    for end in ends:
        assert end.energy == pytest.approx(exact.energy, abs=1e-10)
        assert _moved(end.vectors, joint) == pytest.approx(_moved(exact.vectors, joint), abs=1e-4)
    near = reoptimise(joint.vectors, joint.logits, energy="exp", lambda_x=lambda_x, sigma=0.01)
    assert _moved(near.vectors, joint) < 0.5 * _moved(exact.vectors, joint)


def test_powell_s_record_is_consistent(loops: Any, joint: JointFit) -> None:
    kernel = Kernel("exp")
    final = reoptimise(joint.vectors, joint.logits, energy="exp", lambda_x=0.1, sigma=0.01, max_iter=1)
    assert final.status is Status.MAX_ITER
    assert final.nit == 1
    assert final.nfev > 110
    assert final.energy == pytest.approx(loops.energy(final.vectors, joint.importance, kernel), rel=1e-12)
    assert final.energy_start == pytest.approx(loops.energy(final.start, joint.importance, kernel), rel=1e-12)
    error = sum(abs(math.dist(x, 0 * x) - n) for x, n in zip(final.vectors, joint.norms, strict=True))
    assert final.norm_error == pytest.approx(error, abs=1e-13)
    assert final.fun == pytest.approx(final.energy + 0.1 * final.norm_error, rel=1e-14)
    assert (
        final.fun
        <= final.energy_start + 0.1 * np.abs(np.linalg.norm(final.start, axis=1) - joint.norms).sum()
    )
    projected = project(final.vectors, joint.norms)
    np.testing.assert_allclose(np.linalg.norm(projected, axis=1), joint.norms, rtol=1e-14)
    expected = relative_gradient(projected, joint.importance, kernel)
    assert final.relative_gradient == pytest.approx(expected, rel=1e-12)


def test_start_is_the_frozen_draw(joint: JointFit) -> None:
    options: dict[str, Any] = {"energy": "exp", "optimiser": "manifold", "max_iter": 1, "sigma": 0.2}
    final = reoptimise(joint.vectors, joint.logits, seed=5, **options)
    draws = generator("perturbation", n=11, n_dims=10, restart=0, trial=5).standard_normal((11, 10))
    start = joint.vectors + 0.2 * joint.norms[:, None] * draws
    np.testing.assert_allclose(final.start, project(start, joint.norms), rtol=1e-13)
    drawn = generator("perturbation", n=11, n_dims=10, restart=0, trial=5)
    np.testing.assert_array_equal(
        reoptimise(joint.vectors, joint.logits, seed=drawn, **options).vectors, final.vectors
    )
    given = reoptimise(joint.vectors, joint.logits, start=start, **options)
    np.testing.assert_allclose(given.start, final.start, rtol=1e-13)
    cosines = (joint.vectors * start).sum(axis=1) / (joint.norms * np.linalg.norm(start, axis=1))
    np.testing.assert_allclose(
        perturbation_angles(joint.vectors, start), np.degrees(np.arccos(cosines)), rtol=1e-7
    )


def test_angles_of_small_and_absent_perturbations() -> None:
    vectors = np.array([[3.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.0, 0.0]])
    start = np.array([[3.0, 3e-9], [2.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(
        perturbation_angles(vectors, start), [np.degrees(1e-9), 90.0, 0.0, 0.0], rtol=1e-12
    )


def test_mean_angle_grows_with_the_dimension() -> None:
    """Sigma 0.1 is about 5 degrees at f = 2, 17 at 10, 36 at 50."""
    for f, expected in ((2, 5.0), (10, 17.0), (50, 36.0)):
        rows = np.random.default_rng(f).standard_normal((400, f))
        draws = np.random.default_rng(f + 1).standard_normal((400, f))
        start = rows + 0.1 * np.linalg.norm(rows, axis=1, keepdims=True) * draws
        assert perturbation_angles(rows, start).mean() == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("optimiser", ["powell", "manifold"])
def test_same_seed_same_bits(joint: JointFit, optimiser: str) -> None:
    options: dict[str, Any] = {"energy": "exp", "optimiser": optimiser, "max_iter": 2, "seed": 1}
    first = reoptimise(joint.vectors, joint.logits, **options)
    second = reoptimise(joint.vectors, joint.logits, **options)
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert (first.fun, first.nfev) == (second.fun, second.nfev)


@pytest.mark.parametrize(
    ("energy", "s", "lambda_x", "expected"),
    [
        ("riesz", -1.0, 0.0, Status.UNBOUNDED),
        ("riesz", -1.0, 0.1, Status.UNBOUNDED),
        ("riesz", -1.0, 1.0, Status.STALLED),
        ("riesz", -2.0, 0.1, Status.UNBOUNDED),
        ("riesz", -2.0, 100.0, Status.STALLED),
        ("riesz", -3.0, 1.0, Status.UNBOUNDED),
        ("riesz", 1.0, 0.0, Status.UNBOUNDED),
        ("log", 0.0, 0.0, Status.UNBOUNDED),
        ("log", 0.0, 1.0, Status.STALLED),
    ],
)
def test_penalty_that_loses_to_the_repulsion_is_unbounded(
    planted_target: Callable[[int], np.ndarray], energy: Any, s: float, lambda_x: float, expected: Status
) -> None:
    fit = fit_joint(
        planted_target(1), energy=energy, s=s, n_dims=4, gauge="unit", max_iter=50, joint_polish=False
    )
    final = reoptimise(fit.vectors, fit.logits, energy, s, lambda_x=lambda_x, sigma=0.1)
    assert final.status is expected
    longest = np.linalg.norm(final.vectors, axis=1).max()
    assert (longest > 1e3) == (expected is Status.UNBOUNDED)
    if expected is Status.UNBOUNDED:
        assert final.nfev < 5000
        kernel = Kernel(energy, s)
        farther = energy_value(10 * final.vectors, fit.importance, kernel)
        assert farther + lambda_x * 10 * final.norm_error < final.energy + lambda_x * final.norm_error
    held = reoptimise(fit.vectors, fit.logits, energy, s, sigma=0.1, optimiser="manifold")
    assert held.status is Status.CONVERGED


def test_escape_seen_after_a_sweep() -> None:
    """Norms beyond the limit but below the one that breaks a line search off."""
    vectors = np.array([[1.0, 0.0], [-1.0, 0.1], [0.1, 1.0]])
    final = reoptimise(vectors, np.zeros(3), "log", lambda_x=1e-4, sigma=0.0, max_iter=3)
    assert final.status is Status.UNBOUNDED
    assert final.nit >= 1
    assert 1e3 < np.linalg.norm(final.vectors, axis=1).max() < 1e6


@pytest.mark.parametrize("optimiser", ["powell", "manifold"])
def test_an_energy_that_overflows_is_a_status(optimiser: str) -> None:
    vectors = 1e150 * np.array([[1.0, 0.0], [-1.0, 0.1], [0.1, 1.0]])
    final = reoptimise(vectors, np.zeros(3), "riesz", -3.0, sigma=0.1, optimiser=optimiser)
    assert final.status is Status.NON_FINITE
    assert np.isfinite(final.vectors).all()
    assert math.isnan(final.relative_gradient)


def test_powell_that_reaches_a_minimum_is_converged() -> None:
    """Two features: the antipodal pair is reached exactly along the coordinates."""
    vectors = np.array([[1.0, 0.0], [-1.0, 0.0]])
    final = reoptimise(vectors, np.zeros(2), "riesz", 1.0, sigma=0.0)
    assert final.status is Status.CONVERGED
    assert final.relative_gradient <= 1e-3
    np.testing.assert_allclose(final.vectors, vectors, atol=1e-6)


def test_polish_finds_the_minimum_near_powell_s_end(joint: JointFit) -> None:
    powell = reoptimise(joint.vectors, joint.logits, energy="exp", lambda_x=1.0, sigma=0.01)
    end = polish(powell.vectors, joint.importance, joint.norms, Kernel("exp"))
    assert end.status is Status.CONVERGED
    assert end.energy < energy_value(project(powell.vectors, joint.norms), joint.importance, Kernel("exp"))
    np.testing.assert_allclose(np.linalg.norm(end.vectors, axis=1), joint.norms, rtol=1e-12)
