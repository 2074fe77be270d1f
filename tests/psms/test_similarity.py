"""Similarities against SciPy's distances, exact rational arithmetic and the properties of a PSM."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist, squareform

from superpos.errors import ArgumentError, InputError, NonFiniteError, ShapeError
from superpos.psms import (
    cosine,
    rbf,
    resolve_rbf_scale,
    similarity_matrices,
    similarity_matrix,
    squared_distances,
)

ROWS = arrays(
    np.float64,
    st.tuples(st.integers(2, 6), st.integers(1, 5)),
    elements=st.floats(-1e3, 1e3, allow_subnormal=False),
)


@pytest.fixture
def directions() -> np.ndarray:
    return np.random.default_rng(3).standard_normal((11, 300)) + 0.5


def test_cosine_agrees_with_scipy(directions: np.ndarray) -> None:
    np.testing.assert_allclose(cosine(directions), 1.0 - squareform(pdist(directions, "cosine")), atol=1e-13)


def test_squared_distances_and_rbf_agree_with_scipy(directions: np.ndarray) -> None:
    squares = squareform(pdist(directions, "sqeuclidean"))
    np.testing.assert_allclose(squared_distances(directions), squares, rtol=1e-13)
    np.testing.assert_allclose(rbf(directions), np.exp(-squares / 200.0), rtol=1e-11)
    np.testing.assert_allclose(rbf(directions, scale=7.5), np.exp(-squares / 7.5), rtol=1e-10)


@given(ROWS)
def test_psms_are_exactly_symmetric_with_unit_diagonal(rows: np.ndarray) -> None:
    squares = squared_distances(rows)
    assert np.all(squares >= 0.0)
    assert np.all(np.diag(squares) == 0.0)
    matrices = [rbf(rows, 3.0)]
    if np.all(np.any(rows != 0.0, axis=1)):
        matrices.append(cosine(rows))
        assert np.max(np.abs(matrices[1])) <= 1.0
    for matrix in matrices:
        assert np.array_equal(matrix, matrix.T)
        assert np.all(np.diag(matrix) == 1.0)
        assert np.linalg.eigvalsh(matrix)[0] > -1e-12


@given(ROWS, st.integers(-280, 140))
def test_cosine_does_not_depend_on_the_length_of_rows(rows: np.ndarray, exponent: int) -> None:
    rows = rows + 1e3 * np.sign(rows + 0.5)  # away from 0, so that scaling loses no digits
    np.testing.assert_allclose(cosine(rows * 10.0**exponent), cosine(rows), atol=1e-14)


def test_squared_distances_of_near_rows_keep_their_digits() -> None:
    # Rows of norm 1e8 that differ in the last digits: ||a||^2 + ||b||^2 - 2 <a, b> has none left here.
    rng = np.random.default_rng(0)
    base = 1e8 * rng.standard_normal(50)
    rows = np.stack([base, base + 1e-6 * rng.standard_normal(50), base + rng.standard_normal(50)])
    squares = squared_distances(rows)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        exact = sum(
            (Fraction(float(a)) - Fraction(float(b))) ** 2 for a, b in zip(rows[i], rows[j], strict=True)
        )
        assert squares[i, j] == pytest.approx(float(exact), rel=1e-14)


def test_opposite_and_equal_rows() -> None:
    rows = np.array([[3.0, 4.0], [-3.0, -4.0], [6.0, 8.0]])
    np.testing.assert_array_equal(cosine(rows), [[1, -1, 1], [-1, 1, -1], [1, -1, 1]])
    assert rbf(rows, 100.0)[0, 1] == pytest.approx(np.exp(-1.0), rel=1e-15)


def test_rbf_of_far_rows_is_zero_and_not_a_warning() -> None:
    assert rbf([[0.0], [1e150]], 1e-200)[0, 1] == 0.0


def test_median_scale_is_the_median_over_pairs(directions: np.ndarray) -> None:
    median = np.median(pdist(directions, "sqeuclidean"))
    assert resolve_rbf_scale(directions, "median") == pytest.approx(median, rel=1e-13)
    assert resolve_rbf_scale(directions, -1.0) == resolve_rbf_scale(directions, "median")
    assert resolve_rbf_scale(directions, 12.5) == 12.5


def test_similarity_matrix_chooses(directions: np.ndarray) -> None:
    assert np.array_equal(similarity_matrix(directions, "cosine", 3.0), cosine(directions))
    assert np.array_equal(similarity_matrix(directions, "rbf", 3.0), rbf(directions, 3.0))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), "wide"])
def test_bad_scales_are_refused(scale: object) -> None:
    with pytest.raises(ArgumentError, match="scale"):
        rbf([[0.0], [1.0]], scale)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("rule", ["mean", 0.0, -2.0])
def test_bad_rules_are_refused(rule: object) -> None:
    with pytest.raises(ArgumentError, match="rbf_scale"):
        resolve_rbf_scale([[0.0], [1.0]], rule)  # type: ignore[arg-type]  # wrong on purpose


def test_coincident_rows_give_no_median_scale() -> None:
    with pytest.raises(ArgumentError, match="median distance"):
        resolve_rbf_scale(np.ones((4, 3)), "median")


def test_zero_rows_have_no_cosine() -> None:
    with pytest.raises(ArgumentError, match="row 1 is zero"):
        cosine([[1.0, 0.0], [0.0, 0.0]])
    assert rbf([[1.0, 0.0], [0.0, 0.0]], 1.0)[0, 1] == pytest.approx(np.exp(-1.0))


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(ShapeError, match="P"):
        cosine([1.0, 2.0])
    with pytest.raises(NonFiniteError, match="P"):
        rbf([[1.0], [np.nan]])
    with pytest.raises(NonFiniteError, match="largest float"):
        squared_distances([[1e200], [-1e200]])
    with pytest.raises(ArgumentError, match="similarity"):
        similarity_matrix([[1.0], [2.0]], "dot")  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
@pytest.mark.parametrize(("n", "d"), [(2, 2), (5, 3), (11, 10), (11, 16), (8, 33)])
def test_many_matrices_at_once_have_the_bits_of_each(similarity: str, n: int, d: int) -> None:
    stack = np.random.default_rng(n + d).standard_normal((6, n, d))
    stack *= 10.0 ** np.arange(-3.0, 3.0)[:, None, None]
    found = similarity_matrices(stack, similarity, 7.0)
    np.testing.assert_array_equal(found, [similarity_matrix(rows, similarity, 7.0) for rows in stack])


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
def test_of_many_matrices_those_that_are_refused_are_not_numbers(similarity: str) -> None:
    stack = np.random.default_rng(0).standard_normal((6, 4, 3))
    stack[1, 2, 0], stack[2, 0, 1], stack[3, 1], stack[4] = np.nan, np.inf, 0.0, 1e200 * stack[4]
    found = similarity_matrices(stack, similarity, 7.0)
    for rows, matrix in zip(stack, found, strict=True):
        try:
            wanted = similarity_matrix(rows, similarity, 7.0)
        except InputError:
            wanted = np.full((4, 4), np.nan)
        np.testing.assert_array_equal(matrix, wanted)
    assert np.isnan(found).all(axis=(1, 2)).sum() == 3  # a zero row has distances, a long one cosines
    assert similarity_matrices(stack[:0], similarity).shape == (0, 4, 4)
