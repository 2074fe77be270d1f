"""Squared distances: the bits of a sum row by row, however many there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos import pairwise
from superpos.pairwise import squared_distances


def row_by_row(rows: np.ndarray) -> np.ndarray:
    """The lower half written out, one sum a pair."""
    n = len(rows)
    squares = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            difference = rows[i] - rows[j]
            squares[i, j] = squares[j, i] = np.einsum("d,d->", difference, difference)
    return squares


@given(n=st.integers(1, 9), d=st.integers(1, 70), seed=st.integers(0, 999))
@settings(max_examples=60)
def test_each_is_a_sum_of_squared_differences(n: int, d: int, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((n, d))
    found = squared_distances(rows)
    assert np.array_equal(found, found.T)
    assert np.array_equal(np.diag(found), np.zeros(n))
    np.testing.assert_allclose(found, row_by_row(rows), rtol=1e-14)


@pytest.mark.parametrize("shape", [(2, 1), (11, 37), (23, 512), (60, 9)])
def test_both_ways_have_the_same_bits(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]) -> None:
    """Matrices of long directions and vectors of fits are of different sizes; no size may change a bit."""
    rows = np.random.default_rng(5).standard_normal(shape)
    monkeypatch.setattr(pairwise, "AT_ONCE", 0)
    row_wise = squared_distances(rows)
    monkeypatch.setattr(pairwise, "AT_ONCE", 10**9)
    assert squared_distances(rows).tobytes() == row_wise.tobytes()


def test_near_rows_keep_their_digits_and_far_ones_are_infinite() -> None:
    near = squared_distances(np.array([[1e8, 0.0], [1e8, 1e-8]]))
    assert near[0, 1] == 1e-8 * 1e-8
    with np.errstate(over="ignore"):
        assert np.isinf(squared_distances(np.array([[1e200], [-1e200]]))[0, 1])


@pytest.mark.parametrize("shape", [(7, 11, 10), (3, 5, 2), (2, 4, 33), (1, 2, 1)])
def test_many_matrices_at_once_have_the_bits_of_each(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int, int]
) -> None:
    stack = np.random.default_rng(1).standard_normal(shape)
    for at_once in (2**18, 3 * shape[1] ** 2 * shape[2], 1):
        monkeypatch.setattr(pairwise, "AT_ONCE", at_once)
        found = pairwise.squared_distances_of_many(stack)
        np.testing.assert_array_equal(found, [pairwise.squared_distances(rows) for rows in stack])
