"""The logistic objective by finite differences, and Newton's method where it is hard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, check_grad

from superpos.probes import conjugate, newton
from superpos.probes.logistic import logistic_losses
from superpos.probes.newton import minimise


def problem(n, d, seed, C=1.0, balanced=True, spread=1.0):
    generator = np.random.default_rng(seed)
    columns = spread ** generator.uniform(-1, 1, size=d)
    Z1 = np.hstack([generator.standard_normal((n, d)) * columns + 0.5 * columns, np.ones((n, 1))])
    positive = generator.random(n) < 0.3
    positive[:2] = True, False
    return logistic_losses(Z1, positive[:, None], C, balanced=balanced)


def solve(loss, tol=1e-8, max_iter=200, **options):
    return minimise(loss, tol, max_iter, **options)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(2, 30),
    d=st.integers(1, 8),
    seed=st.integers(0, 1000),
    C=st.floats(1e-2, 1e2),
    balanced=st.booleans(),
)
def test_gradient_and_curvature_agree_with_finite_differences(n, d, seed, C, balanced):
    loss = problem(n, d, seed, C, balanced)
    theta = np.random.default_rng(seed + 1).standard_normal(d + 1)

    def value(at):
        return loss.value(at[:, None], loss.margins(at[:, None]))[0]

    def gradient(at):
        return loss.gradient(at[:, None], loss.margins(at[:, None]))[:, 0]

    size = 1.0 + np.linalg.norm(gradient(theta))
    assert check_grad(value, gradient, theta) < 1e-5 * size
    ridge = np.append(np.full(d, loss.penalty[0]), 0.0)
    hessian = loss.Z1.T @ (loss.curvature(loss.margins(theta[:, None])) * loss.Z1) + np.diag(ridge)
    numerical = approx_fprime(theta, gradient, 1e-6)
    np.testing.assert_allclose(hessian, numerical, atol=1e-4 * (1.0 + np.max(np.abs(hessian))))


def test_weights_of_both_classes_are_equal_when_balanced():
    loss = problem(50, 3, 0)
    positive = loss.signs > 0
    assert loss.weights[positive].sum() == pytest.approx(0.5)
    assert loss.weights[~positive].sum() == pytest.approx(0.5)
    assert np.allclose(problem(50, 3, 0, balanced=False).weights, 1 / 50)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(4, 60),
    d=st.integers(1, 30),
    seed=st.integers(0, 1000),
    log_C=st.floats(-3, 4),
    spread=st.sampled_from([1.0, 10.0, 100.0]),
)
def test_the_gradient_vanishes_at_the_end(n, d, seed, log_C, spread):
    loss = problem(n, d, seed, 10.0**log_C, spread=spread)
    solution = solve(loss)
    measured = loss.gradient(solution.theta, loss.margins(solution.theta))
    assert solution.gradient_norm[0] == pytest.approx(np.linalg.norm(measured), rel=1e-6)
    assert solution.gradient_norm <= 1e-8


def test_margins_of_hundreds_neither_overflow_nor_stop_the_method():
    loss = problem(80, 5, 0, C=1e6, spread=1e3)
    theta = np.full((6, 1), 1e4)
    assert np.isfinite(loss.value(theta, loss.margins(theta)))
    assert np.all(np.isfinite(loss.gradient(theta, loss.margins(theta))))
    assert solve(loss).gradient_norm <= 1e-8


def test_collinear_columns_do_not_stop_the_method():
    loss = problem(80, 5, 0)
    twice = logistic_losses(np.hstack([loss.Z1[:, :5], loss.Z1]), loss.signs > 0, 1.0, balanced=True)
    solution = solve(twice)
    assert solution.gradient_norm <= 1e-8
    np.testing.assert_allclose(solution.theta[:5], solution.theta[5:10], atol=1e-6)


def test_fewer_hessians_than_iterations_are_formed():
    loss = problem(400, 60, 0)
    solution = solve(loss, tol=1e-10)
    assert solution.gradient_norm <= 1e-10
    assert 1 <= solution.n_factors < solution.nit[0]


def test_an_unreachable_tolerance_ends_and_is_told():
    loss = problem(100, 10, 0)
    solution = solve(loss, tol=1e-300, max_iter=50)
    assert 0 < solution.gradient_norm < 1e-12
    assert solution.nit <= 50


@pytest.mark.parametrize("seed", [*range(20), 317])
def test_heavy_tails_under_weak_penalties_converge(seed):
    """Seed 317: without halving its steps the method leaves the range of floating-point numbers."""
    generator = np.random.default_rng(seed)
    n, d = int(generator.integers(4, 40)), int(generator.integers(1, 6))
    X = generator.standard_cauchy((n, d)) * 10.0 ** generator.uniform(-1, 2)
    positive = generator.random(n) < 0.4
    positive[:2] = True, False
    C = 10.0 ** generator.uniform(-2, 6)
    loss = logistic_losses(np.hstack([X, np.ones((n, 1))]), positive[:, None], C, balanced=True)
    assert solve(loss).gradient_norm <= 1e-8


def many(n, d, seed, k=6, C=1.0, **options):
    """Features of very unequal frequency and difficulty."""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d)) * 10.0 ** generator.uniform(-1, 1, d)
    scores = X @ generator.standard_normal((d, k)) + np.linspace(0.0, 30.0, k) * generator.standard_normal(
        (n, k)
    )
    labels = scores > np.quantile(scores, np.linspace(0.5, 0.98, k), axis=0).diagonal()
    return logistic_losses(np.hstack([X, np.ones((n, 1))]), labels, C, balanced=True, **options)


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_features_in_step_end_where_each_ends_alone(C):
    loss = many(400, 30, 0, C=C)
    together = solve(loss, tol=1e-10)
    assert np.all(together.gradient_norm <= 1e-10)
    for column in range(6):
        alone = solve(loss.select([column]), tol=1e-10)
        np.testing.assert_allclose(together.theta[:, [column]], alone.theta, rtol=1e-5, atol=1e-6)


def test_features_that_the_common_factor_does_not_serve_go_on_alone(monkeypatch):
    for module in (newton, conjugate):
        monkeypatch.setattr(module, "MAX_CG", 3)
    loss = many(400, 30, 0, C=1e4)
    solution = solve(loss)
    assert np.all(solution.gradient_norm <= 1e-8)
    assert solution.n_factors > 6


def test_products_in_single_precision_do_not_move_the_solution(monkeypatch):
    loss = many(300, 50, 1)
    double = solve(loss, tol=1e-9)
    monkeypatch.setattr(newton, "SINGLE_SIZE", 0)
    arrived = np.ones(6, dtype=np.bool_)
    run = newton._Run(loss, 1e-9, 200, 0.0, None, double.theta, double.gradient_norm, double.nit, arrived)
    assert run._for_products(loss).dtype == np.float32
    assert run._for_products(many(300, 50, 1, C=1e9)).dtype == np.float64  # too weak a penalty
    single = solve(loss, tol=1e-9)
    assert np.all(single.gradient_norm <= 1e-9)
    np.testing.assert_allclose(single.theta, double.theta, rtol=1e-5, atol=1e-6)
    # The bound is one: no Hessian has a larger eigenvalue.
    curvature = loss.curvature(np.zeros_like(loss.signs))
    for column in curvature.T:
        assert np.linalg.eigvalsh(loss.Z1.T @ (column[:, None] * loss.Z1))[-1] <= run.largest


def test_a_sample_that_counts_twice_is_two_samples_and_one_that_does_not_is_none():
    counts = np.random.default_rng(3).integers(0, 3, size=300)
    loss = many(300, 10, 2, counts=np.repeat(counts[:, None], 6, axis=1))
    plain = many(300, 10, 2)
    rows = np.repeat(np.arange(300), counts)
    written_out = logistic_losses(plain.Z1[rows], plain.signs[rows] > 0, 1.0, balanced=True)
    np.testing.assert_allclose(loss.penalty, written_out.penalty)
    np.testing.assert_allclose(
        solve(loss, tol=1e-10).theta, solve(written_out, tol=1e-10).theta, rtol=1e-5, atol=1e-6
    )


def test_a_warm_start_ends_at_the_same_point_sooner():
    loss = many(300, 20, 4)
    cold = solve(loss, tol=1e-10)
    warm = solve(loss, tol=1e-10, start=cold.theta + 1e-3)
    np.testing.assert_allclose(warm.theta, cold.theta, rtol=1e-5, atol=1e-6)
    assert warm.nit.sum() < cold.nit.sum()
    assert solve(loss, tol=1e-8, start=cold.theta).nit.tolist() == [0] * 6


def test_centred_samples_are_measured_as_they_were():
    loss = many(300, 20, 5)
    shift = np.random.default_rng(5).standard_normal(20)
    solution = solve(loss, tol=1e-8, offset=float(np.linalg.norm(shift)))
    moved = loss.Z1.copy()
    moved[:, :-1] += shift
    theta = solution.theta.copy()
    theta[-1] -= shift @ theta[:-1]
    plain = logistic_losses(moved, loss.signs > 0, 1.0, balanced=True)
    norms = np.linalg.norm(plain.gradient(theta, plain.margins(theta)), axis=0)
    assert np.all(norms <= solution.gradient_norm * (1 + 1e-6) + 1e-15)
    assert np.all(solution.gradient_norm <= 1e-8)
