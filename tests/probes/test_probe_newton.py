"""The logistic objective by finite differences, and Newton's method where it is hard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, check_grad

from superpos.probes.newton import minimise
from superpos.probes.objective import LogisticLoss


def problem(n, d, seed, C=1.0, balanced=True, spread=1.0):
    generator = np.random.default_rng(seed)
    columns = spread ** generator.uniform(-1, 1, size=d)
    X1 = np.hstack([generator.standard_normal((n, d)) * columns + 0.5 * columns, np.ones((n, 1))])
    positive = generator.random(n) < 0.3
    positive[:2] = True, False
    return LogisticLoss(X1, positive, C, balanced=balanced)


def solve(loss, tol=1e-8, max_iter=200):
    return minimise(loss, np.asfortranarray(loss.X1.T.astype(np.float32)), tol, max_iter)


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
        return loss.value(at, loss.margins(at))

    def gradient(at):
        return loss.gradient(at, loss.margins(at))

    size = 1.0 + np.linalg.norm(gradient(theta))
    assert check_grad(value, gradient, theta) < 1e-5 * size
    hessian = loss.X1.T @ (loss.curvature(loss.margins(theta))[:, None] * loss.X1) + np.diag(loss.penalty)
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
    assert solution.gradient_norm == np.linalg.norm(measured)
    assert solution.gradient_norm <= 1e-8


def test_margins_of_hundreds_neither_overflow_nor_stop_the_method():
    loss = problem(80, 5, 0, C=1e6, spread=1e3)
    theta = np.full(6, 1e4)
    assert np.isfinite(loss.value(theta, loss.margins(theta)))
    assert np.all(np.isfinite(loss.gradient(theta, loss.margins(theta))))
    assert solve(loss).gradient_norm <= 1e-8


def test_collinear_columns_do_not_stop_the_method():
    loss = problem(80, 5, 0)
    twice = LogisticLoss(np.hstack([loss.X1[:, :5], loss.X1]), loss.signs > 0, 1.0, balanced=True)
    solution = solve(twice)
    assert solution.gradient_norm <= 1e-8
    np.testing.assert_allclose(solution.theta[:5], solution.theta[5:10], atol=1e-6)


def test_fewer_hessians_than_iterations_are_formed():
    loss = problem(400, 60, 0)
    solution = solve(loss, tol=1e-10)
    assert solution.gradient_norm <= 1e-10
    assert 1 <= solution.n_factors < solution.nit


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
    loss = LogisticLoss(np.hstack([X, np.ones((n, 1))]), positive, C, balanced=True)
    assert solve(loss).gradient_norm <= 1e-8
