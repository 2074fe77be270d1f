"""Balance of forces: figures known to be balanced, the proof on random ones, invariances, the search."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from superpos.kinds.potentials import Potential
from superpos.psms import simplex_psm
from superpos.psms.forces import RATIO, best_importance, residual_equal, residual_least

KERNELS = [
    Potential("exp"), Potential("exp", 4.0), Potential("gauss", 0.5), Potential("log"),
    Potential("riesz", 1.0),
    Potential("riesz", 1.0, 0.1), Potential("riesz", -1.0),
]  # fmt: skip
IDS = [f"{kernel.label}-{kernel.softening:g}" for kernel in KERNELS]


def unit(seed: int, n: int, f: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, f))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def polygon(n: int) -> np.ndarray:
    turns = 2.0 * np.pi * np.arange(n) / n
    return np.column_stack([np.cos(turns), np.sin(turns)])


def simplex(n: int) -> np.ndarray:
    values, vectors = np.linalg.eigh(simplex_psm(n))
    return np.asarray(vectors[:, 1:] * np.sqrt(values[1:]))


def icosahedron() -> np.ndarray:
    golden = (1.0 + math.sqrt(5.0)) / 2.0
    corners = [[0.0, a, b * golden] for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
    rows = np.array([np.roll(corner, turn) for corner in corners for turn in range(3)])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


BALANCED = [
    polygon(3),
    polygon(5),
    polygon(8),
    simplex(4),
    simplex(7),
    np.vstack([np.eye(4), -np.eye(4)]),
    icosahedron(),
]


def by_definition(rows: np.ndarray, weights: np.ndarray, kernel: Potential, h: float = 1e-6) -> float:
    """The residual from differences of the energy of a pair along the great circle that joins it."""
    above = below = 0.0
    for i, x in enumerate(rows):
        net, total = np.zeros_like(x), 0.0
        for j, y in enumerate(rows):
            across = y - (x @ y) * x
            if i == j or np.linalg.norm(across) < 1e-12:
                continue
            across /= np.linalg.norm(across)
            ends = [
                kernel.value(np.array([(math.cos(t) * x + math.sin(t) * across) @ y]))[0] for t in (-h, h)
            ]
            push = weights[j] * (ends[1] - ends[0]) / (2.0 * h)
            net += push * across
            total += abs(push)
        above, below = above + float(net @ net), below + total**2
    return math.sqrt(above / below)


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_regular_figures_are_balanced_and_random_ones_are_not(kernel: Potential) -> None:
    for rows in BALANCED:
        assert residual_equal(rows[None], kernel)[0] < 1e-12
        assert residual_least(rows[None], kernel)[0] < 1e-12
    for seed in range(5):
        found = residual_equal(unit(seed, 7, 3)[None], kernel)[0]
        assert 0.05 < found <= 1.0
        assert found == pytest.approx(by_definition(unit(seed, 7, 3), np.ones(7), kernel), rel=1e-6)


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_independent_vectors_are_never_balanced(kernel: Potential) -> None:
    for seed in range(5):
        for n in (2, 3, 6):
            assert residual_least(unit(seed, n, n + 2)[None], kernel)[0] > 0.01
    assert residual_equal(np.eye(2)[None], kernel)[0] == 1.0  # one force a feature, which meets no other


@given(st.integers(2, 8), st.integers(2, 5), st.integers(0, 10**6), st.sampled_from(KERNELS))
@settings(max_examples=25, deadline=None)
def test_residuals_are_free_of_order_rotation_and_company(
    n: int, f: int, seed: int, kernel: Potential
) -> None:
    rng = np.random.default_rng(seed)
    rows = unit(seed, n, f)
    turned = rows[rng.permutation(n)] @ np.linalg.qr(rng.standard_normal((f, f)))[0]
    equal = residual_equal(np.stack([rows, turned]), kernel)
    assert equal[0] == pytest.approx(equal[1], rel=1e-9, abs=1e-12)
    np.testing.assert_array_equal(equal[:1], residual_equal(rows[None], kernel))
    least = residual_least(np.stack([rows, turned]), kernel)
    assert np.all(least <= equal * (1.0 + 1e-12))
    assert np.all((least >= 0.0) & (equal <= 1.0 + 1e-12))
    np.testing.assert_array_equal(least[:1], residual_least(rows[None], kernel))


def test_the_best_importance_is_a_minimum_within_the_ratio() -> None:
    kernel = Potential("log")
    for seed in range(3):
        rows = unit(seed, 5, 2)
        best = best_importance(rows, kernel)
        assert best.max() == 1.0
        assert best.min() >= 1.0 / RATIO - 1e-12
        least = residual_least(rows[None], kernel)[0]
        assert by_definition(rows, best, kernel) == pytest.approx(least, rel=1e-5, abs=1e-7)
        # Another method, from elsewhere, comes to no less.
        for start in np.random.default_rng(seed).uniform(-3.0, 0.0, (2, 5)):
            other = minimize(
                lambda logs, rows=rows: by_definition(rows, np.exp(logs), kernel),
                start,
                method="Nelder-Mead",
                bounds=[(-math.log(RATIO), 0.0)] * 5,
                options={"maxfev": 150},
            )
            assert other.fun >= least - 1e-6


def test_an_importance_that_balances_is_found() -> None:
    # A short and a long way round: three charges on a circle, at rest only where they differ.
    turns = np.radians([0.0, 100.0, 230.0])
    rows = np.column_stack([np.cos(turns), np.sin(turns)])
    assert residual_equal(rows[None], Potential("log"))[0] > 0.1
    assert residual_least(rows[None], Potential("log"))[0] < 1e-7


def test_what_has_no_forces_is_balanced_and_infinite_ones_say_nothing() -> None:
    line = np.array([[1.0], [-1.0], [1.0]])
    assert residual_equal(line[None], Potential("exp"))[0] == 0.0
    twice = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert math.isnan(residual_equal(twice[None], Potential("log"))[0])
    assert math.isnan(residual_least(twice[None], Potential("log"))[0])
    assert residual_equal(twice[None], Potential("exp"))[0] == 1.0
