"""Distances against SciPy on flattened matrices, and reference matrices against planted geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import chebyshev, minkowski

from superpos.errors import ArgumentError, ShapeError
from superpos.psms import (
    cosine,
    distance_to_identity,
    distance_to_simplex,
    minkowski_distance,
    nearest_simplex_psm,
    rbf,
    recovery,
    rms_offdiagonal,
    simplex_psm,
    simplex_score,
)


def random_psm(seed: int, n: int = 7) -> np.ndarray:
    return cosine(np.random.default_rng(seed).standard_normal((n, 4)))


@given(st.integers(0, 10**6), st.sampled_from([1.0, 1.5, 2.0, 3.0, 17.0]))
def test_minkowski_agrees_with_scipy(seed: int, p: float) -> None:
    a, b = random_psm(seed), random_psm(seed + 1)
    assert minkowski_distance(a, b, p) == pytest.approx(minkowski(a.ravel(), b.ravel(), p), rel=1e-12)
    assert minkowski_distance(a, a, p) == 0.0


def test_minkowski_at_the_ends_of_the_range() -> None:
    a, b = random_psm(1), random_psm(2)
    assert minkowski_distance(a, b, np.inf) == chebyshev(a.ravel(), b.ravel())
    assert minkowski_distance(a, b, 5000.0) == pytest.approx(chebyshev(a.ravel(), b.ravel()), rel=1e-3)
    assert minkowski_distance(1e-200 * a, 1e-200 * b) == pytest.approx(
        1e-200 * minkowski(a.ravel(), b.ravel(), 2), rel=1e-12, abs=0.0
    )


def test_minkowski_counts_every_entry_and_the_root_mean_square_pairs_only() -> None:
    # One pair differs by 3 and one diagonal entry by 4: sqrt(2 * 9 + 16), and sqrt(2 * 9 / 6).
    a, b = np.eye(3), np.eye(3)
    b[0, 1] = b[1, 0] = 3.0
    b[2, 2] = 5.0
    assert minkowski_distance(a, b) == pytest.approx(np.sqrt(34.0))
    assert minkowski_distance(a, b, 1.0) == pytest.approx(10.0)
    assert rms_offdiagonal(a, b) == pytest.approx(np.sqrt(3.0))


@pytest.mark.parametrize("n", [2, 3, 11])
def test_simplex_is_that_of_centred_unit_vectors(n: int) -> None:
    corners = np.eye(n) - 1.0 / n
    np.testing.assert_allclose(simplex_psm(n), cosine(corners), atol=1e-14)
    assert simplex_score(cosine(corners)) == pytest.approx(1.0, abs=1e-12)
    assert simplex_score(np.eye(n)) == 0.0
    assert distance_to_identity(simplex_psm(n)) == pytest.approx(np.sqrt(n / (n - 1)))


def test_simplex_score_by_hand() -> None:
    # n = 3, all cosines 1: six entries differ from -1/2 by 3/2, those of I by 1/2; 1 - 3 = -2.
    assert simplex_score(np.ones((3, 3))) == pytest.approx(-2.0)


def test_nearest_simplex_under_rbf_is_the_best_constant() -> None:
    matrix = rbf(np.random.default_rng(4).standard_normal((6, 3)), 4.0)

    def distance(value: float) -> float:
        constant = np.full((6, 6), value)
        np.fill_diagonal(constant, 1.0)
        return float(np.linalg.norm(matrix - constant))

    best = minimize_scalar(distance, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-12})
    assert distance_to_simplex(matrix, "rbf") == pytest.approx(best.fun, rel=1e-9)
    assert nearest_simplex_psm(matrix, "rbf")[0, 1] == pytest.approx(best.x, rel=1e-6)


@pytest.mark.parametrize("edge", [0.1, 1.0, 3.0])
def test_every_regular_simplex_is_at_distance_zero(edge: float) -> None:
    corners = edge / np.sqrt(2.0) * np.eye(5)
    assert distance_to_simplex(rbf(corners, 2.0), "rbf") == pytest.approx(0.0, abs=1e-14)
    assert distance_to_simplex(cosine(corners - corners.mean(axis=0)), "cosine") == pytest.approx(
        0.0, abs=1e-13
    )


def test_recovery() -> None:
    joint = random_psm(0)
    push = np.zeros((7, 7))
    push[0, 1] = push[1, 0] = 0.2
    assert recovery(joint, joint, joint + push) == 1.0
    assert recovery(joint + push, joint, joint + push) == 0.0
    assert recovery(joint - 0.5 * push, joint, joint + push) == pytest.approx(0.5)
    assert recovery(joint + 3.0 * push, joint, joint + push) == pytest.approx(-2.0)
    assert recovery(joint + push, joint, joint) is None


@pytest.mark.parametrize("p", [0.0, 0.5, -1.0, float("nan")])
def test_bad_orders_are_refused(p: float) -> None:
    with pytest.raises(ArgumentError, match="p: "):
        minkowski_distance(np.eye(2), np.ones((2, 2)), p)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="b: "):
        minkowski_distance(np.eye(2), np.eye(3))
    with pytest.raises(ShapeError, match="square"):
        rms_offdiagonal(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ArgumentError, match="n: "):
        simplex_psm(1)
    with pytest.raises(ShapeError, match="T: "):
        simplex_score(np.ones((2, 3)))
    with pytest.raises(ArgumentError, match="similarity"):
        nearest_simplex_psm(np.eye(3), "dot")  # type: ignore[arg-type]  # wrong on purpose
