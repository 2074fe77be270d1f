"""Parity (b): every evaluation and gradient of the engine agrees with plain formulas to 1e-10."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from superpos.fits.compiled.joint_workspace import M, make_joint_workspace
from superpos.fits.compiled.machine import elementary
from superpos.fits.compiled.workspace import make_workspace
from superpos.fits.kernels import softmax
from superpos.fits.problem import JointProblem
from superpos.specs.axes import Kernel

Array = np.ndarray
TOLERANCE = 1e-10


def _pairs(vectors: Array, kernel: Kernel) -> Array:
    """K of all pairs in extended precision; the diagonal as `self_energy` says."""
    x = vectors.astype(np.longdouble)
    if kernel.energy == "exp":
        unit = x / np.sqrt((x * x).sum(axis=1))[:, None]
        values = np.exp((kernel.s or 1.0) * (unit[:, None, :] * unit[None, :, :]).sum(axis=2))
    else:
        rho2 = ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2) + np.longdouble(kernel.softening) ** 2
        if not kernel.includes_diagonal:
            np.fill_diagonal(rho2, 1.0)
        if kernel.energy == "gauss":
            values = np.exp(-rho2 / np.longdouble(kernel.s))
        elif kernel.energy == "log":
            values = -np.log(rho2) / 2
        else:
            values = np.sign(kernel.s) * rho2 ** (-kernel.s / 2)
    if not kernel.includes_diagonal:
        np.fill_diagonal(values, 0.0)
    return np.asarray(values)


def _penalty(
    vectors: Array, weights: Array, norms: Array, kernel: Kernel, lambda_x: float
) -> tuple[float, float]:
    """F, and the sum of the absolute values of its terms."""
    terms = _pairs(vectors, kernel) * np.outer(weights, weights)
    lengths = np.sqrt((vectors.astype(np.longdouble) ** 2).sum(axis=1))
    value = terms.sum() + lambda_x * np.abs(lengths - norms).sum()
    scale = np.abs(terms).sum() + lambda_x * (lengths + norms).sum()
    return float(value), float(scale)


def _well_apart(vectors: Array) -> bool:
    """Whether r_ij >= 0.01 ||x_i|| for every pair."""
    r = np.sqrt(((vectors[:, None, :] - vectors[None, :, :]) ** 2).sum(axis=2))
    np.fill_diagonal(r, np.inf)
    return bool((r >= 0.01 * np.linalg.norm(vectors, axis=1)[:, None]).all())


@pytest.mark.parametrize("kernel", [index for index in range(13) if index != 8])
def test_every_evaluation_of_a_whole_run(engine: Any, reoptimisation: Any, kernel: int) -> None:
    """Thousands of line evaluations, each checked at the very point SciPy asked for."""
    chosen = engine.kernels[kernel]
    workspace, start, weights, norms = reoptimisation(kernel, 5, 3, chosen, lambda_x=1.0, sigma=0.5)
    checked = 0

    def watch(rows: Array, value: float) -> None:
        nonlocal checked
        vectors = rows.reshape(5, 3)
        if _well_apart(vectors):
            plain, scale = _penalty(vectors, weights, norms, chosen, 1.0)
            assert abs(value - plain) <= TOLERANCE * scale
            checked += 1

    session = engine.lines(workspace, watch)
    engine.scipy_powell(session, start.ravel(), xtol=1e-5, ftol=1e-7)
    assert checked > 300
    assert session.counts["coordinate"] > 200


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(0, 10), st.sampled_from([2, 3, 5, 9, 17]), st.sampled_from([2, 3, 8])
)
def test_lines_out_to_far_and_back(engine_parts: Any, seed: int, kernel: int, n: int, f: int) -> None:
    """Rows of very different length, moves of a million norms and back again: no digits stay behind."""
    chosen = engine_parts.kernels[kernel]
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, f)) * 10.0 ** rng.uniform(-2, 2, n)[:, None]
    weights, norms = rng.dirichlet(np.ones(n)), np.linalg.norm(vectors, axis=1)
    workspace = make_workspace(weights, norms, chosen, n_dims=f, lambda_x=0.5)
    rows = vectors.ravel().copy()

    def agrees(value: float, at: Array) -> None:
        point = at.reshape(n, f)
        if _well_apart(point):
            plain, scale = _penalty(point, weights, norms, chosen, 0.5)
            if math.isfinite(plain):
                assert abs(value - plain) <= TOLERANCE * scale

    agrees(engine_parts.full(*workspace, rows, 1), rows)
    for turn in range(12):
        axis = int(rng.integers(n * f)) if turn % 3 else -1
        direction = np.zeros(n * f)
        if axis >= 0:
            direction[axis] = 1.0
        else:
            direction = rng.standard_normal(n * f) * 10.0 ** rng.uniform(-3, 3)
        engine_parts.begin(*workspace, axis, direction)
        steps = np.append(rng.standard_normal(4) * 10.0 ** rng.uniform(-4, 6, 4), 0.0)
        if turn % 3 == 0:
            # Towards the point where the row nearly vanishes beside the way that led there.
            steps[0] = -float(rows @ direction / (direction @ direction))
        for alpha in steps:
            agrees(engine_parts.value(*workspace, axis, float(alpha)), rows + alpha * direction)
        alpha = float(steps[int(rng.integers(5))])
        expected = rows + alpha * direction
        engine_parts.accept(*workspace, axis, alpha, rows)
        np.testing.assert_array_equal(rows, expected)


def test_cancellation_on_a_general_line_is_noticed(engine: Any) -> None:
    """x + a d with both parts a million times their sum: only an evaluation in full has digits left."""
    rng = np.random.default_rng(4)
    n, f = 4, 3
    goal = rng.standard_normal((n, f))
    far = 1e6 * rng.standard_normal((n, f))
    weights, norms = np.full(n, 0.25), np.ones(n)
    for kernel in (Kernel("exp"), Kernel("log"), Kernel("riesz", 2.0)):
        workspace = make_workspace(weights, norms, kernel, n_dims=f, lambda_x=1.0)
        start = (goal + far).ravel()
        engine.full(*workspace, start, 1)
        engine.begin(*workspace, -1, -far.ravel())
        reached = (start - far.ravel()).reshape(n, f)
        plain, scale = _penalty(reached, weights, norms, kernel, 1.0)
        assert abs(engine.value(*workspace, -1, 1.0) - plain) <= TOLERANCE * scale


def _joint(vectors: Array, logits: Array, problem: JointProblem) -> tuple[float, float]:
    """J of the gauged problem from the definitions, and the sum of the absolute values of its terms."""
    x = problem.length * vectors.astype(np.longdouble)
    if problem.gauge == "unit":
        x = problem.radius * x / np.sqrt((x * x).sum(axis=1))[:, None]
    elif problem.gauge == "mean_norm":
        x = x - x.mean(axis=0) if problem.translation_invariant else x
        x = x * problem.radius / np.sqrt((x * x).sum(axis=1)).mean()
    weights = softmax(logits) if problem.learned else np.full(problem.n, 1.0 / problem.n)
    terms = _pairs(x, problem.kernel) * np.outer(weights, weights)
    if problem.similarity == "cosine":
        unit = x / np.sqrt((x * x).sum(axis=1))[:, None]
        similarities = unit @ unit.T
    else:
        similarities = np.exp(-((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2) / problem.rbf_scale)
    squares = problem.lambda_d * (similarities - problem.target) ** 2
    return float(terms.sum() + squares.sum()), float(np.abs(terms).sum() + squares.sum())


GAUGED = list(itertools.product(range(13), ["cosine", "rbf"], ["none", "unit", "mean_norm"]))


@pytest.mark.parametrize(("kernel", "similarity", "gauge"), GAUGED)
def test_joint_objective_and_gradient(engine: Any, kernel: int, similarity: str, gauge: str) -> None:
    rng = np.random.default_rng(kernel)
    for n, f in ((2, 2), (5, 4), (11, 10), (9, 13)):
        target = np.corrcoef(rng.standard_normal((n, 20)))
        problem = JointProblem(
            target, engine.kernels[kernel], f, 10.0, similarity, 3.0, gauge, bool(rng.integers(2)), 1.3
        )
        workspace = make_joint_workspace(problem)
        vectors = rng.standard_normal((n, f)) * 10.0 ** rng.uniform(-0.5, 0.5)
        logits = rng.standard_normal(n) * problem.learned
        flat = workspace.pack(vectors, logits)
        gradient = np.zeros(flat.size)
        value = engine.joint(*workspace, flat, gradient)
        plain, scale = _joint(vectors, logits, problem)
        assert abs(value - plain) <= TOLERANCE * scale
        # Directional derivatives against central differences of the plain formula in extended precision.
        slopes = gradient.reshape(-1, int(workspace.at[M]))
        assert not slopes[:, n:].any()
        for _ in range(3):
            turn, tilt = rng.standard_normal((n, f)), rng.standard_normal(n) * problem.learned
            h = np.longdouble(1e-5)
            ends = [
                _joint_exact(vectors + k * h * turn, logits + k * h * tilt, problem) for k in (1, -1, 2, -2)
            ]
            slope = float((8 * (ends[0] - ends[1]) - (ends[2] - ends[3])) / (12 * h))
            ours = float((slopes[:f, :n].T * turn).sum() + (slopes[f:, :n] * tilt).sum())
            size = float(np.abs(slopes[:f, :n].T * turn).sum() + np.abs(slopes[f:, :n] * tilt).sum())
            assert abs(ours - slope) <= 1e-10 * max(size, scale)


def _joint_exact(vectors: Array, logits: Array, problem: JointProblem) -> Any:
    """J in extended precision throughout."""
    x = problem.length * vectors.astype(np.longdouble)
    if problem.gauge == "unit":
        x = problem.radius * x / np.sqrt((x * x).sum(axis=1))[:, None]
    elif problem.gauge == "mean_norm":
        x = x - x.mean(axis=0) if problem.translation_invariant else x
        x = x * problem.radius / np.sqrt((x * x).sum(axis=1)).mean()
    w = logits.astype(np.longdouble)
    weights = np.exp(w - w.max())
    weights /= weights.sum()
    terms = _pairs(x, problem.kernel) * weights[:, None] * weights
    if problem.similarity == "cosine":
        unit = x / np.sqrt((x * x).sum(axis=1))[:, None]
        similarities = (unit[:, None, :] * unit[None, :, :]).sum(axis=2)
    else:
        similarities = np.exp(-((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2) / problem.rbf_scale)
    return terms.sum() + problem.lambda_d * ((similarities - problem.target) ** 2).sum()


@njit
def _logarithms(x: Array, out: Array) -> None:
    for j in range(x.size):
        out[j] = elementary.log(x[j])


@njit
def _exponentials(x: Array, out: Array) -> None:
    for j in range(x.size):
        out[j] = elementary.exp(x[j])


def test_elementary_functions_are_within_one_unit_in_the_last_place() -> None:
    rng = np.random.default_rng(0)
    for x in (
        np.exp(rng.uniform(-700, 700, 20000)),
        np.exp(rng.uniform(-1e-3, 1e-3, 20000)),
        rng.random(20000) + 0.5,
    ):
        out = np.empty_like(x)
        _logarithms(x, out)
        exact = np.log(x.astype(np.longdouble))
        assert (np.abs(out - exact) <= 1.0 * np.spacing(np.abs(out))).all()
    for x in (rng.uniform(-700, 700, 20000), rng.uniform(-1, 1, 20000), rng.uniform(-1e-6, 1e-6, 20000)):
        out = np.empty_like(x)
        _exponentials(x, out)
        exact = np.exp(x.astype(np.longdouble))
        assert (np.abs(out - exact) <= 1.0 * np.spacing(np.abs(out))).all()
    x = np.array([np.inf, -np.inf, np.nan, -800.0, 800.0, 0.0])
    out = np.empty_like(x)
    _exponentials(x, out)
    np.testing.assert_array_equal(out, [np.inf, 0.0, np.nan, 0.0, np.inf, 1.0])
    x = np.array([np.inf, np.nan, 1.0, np.finfo(float).tiny])
    out = np.empty_like(x)
    _logarithms(x, out)
    np.testing.assert_array_equal(out, np.log(x))
