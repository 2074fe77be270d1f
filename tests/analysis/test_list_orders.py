"""Lags and orders of lists against counting, Fourier modes, and brute force."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest

from superpos.analysis.list_orders import distinct_orders, lags, levels, n_orders, reordered


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("n", [3, 4, 5, 6, 7])
def test_distinct_orders_are_one_of_each(n: int, cyclic: bool) -> None:
    orders = distinct_orders(n, cyclic=cyclic)
    period = n if cyclic else 0
    own = {tuple(lags(np.argsort(order).astype(np.int64), period)) for order in orders}
    everything = {tuple(lags(np.array(order), period)) for order in permutations(range(n))}
    assert len(orders) == len(own) == n_orders(n, cyclic=cyclic)
    assert own == everything
    assert orders[0].tolist() == list(range(n))


def test_there_are_360_orders_of_the_week() -> None:
    assert n_orders(7, cyclic=True) == math.factorial(7) // 14 == 360
    assert n_orders(7, cyclic=False) == 2520
    assert n_orders(2, cyclic=True) == n_orders(2, cyclic=False) == 1


def test_lags_wrap_round_the_circle_of_the_whole_list() -> None:
    assert lags(np.array([0, 1, 5, 6]), 7).tolist() == [1, 2, 1, 3, 2, 1]
    assert lags(np.array([0, 1, 5, 6])).tolist() == [1, 5, 6, 4, 5, 1]
    assert levels(np.array([1, 2, 1])).tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


def test_reordered_entries_are_those_of_the_moved_matrix() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((5, 5))
    matrix += matrix.T
    orders = distinct_orders(5, cyclic=True)
    pairs = np.triu_indices(5, 1)
    found = np.vstack(list(reordered(matrix, orders)))
    expected = [matrix[np.ix_(order, order)][pairs] for order in orders]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n", [5, 7, 12])
@pytest.mark.parametrize("decay", [0.1, 0.5, 0.9])
def test_counts_that_fall_with_the_lag_give_a_circle(n: int, decay: float) -> None:
    # The derivation of the module: joint counts by lag, factorised, are circulant, and their first pair of
    # modes is the circle cos(2 pi l / n).
    places = np.arange(n)
    lag = np.minimum((places - places[:, None]) % n, (places[:, None] - places) % n)
    values, vectors = np.linalg.eigh(decay ** lag.astype(float))
    turns = np.cos(2 * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    expected = (decay ** lag[0].astype(float)) @ turns
    np.testing.assert_allclose(np.sort(expected), values, atol=1e-12)
    assert (values > 0).all()
    assert expected[1] == pytest.approx(np.sort(expected)[-2])
    embedded = vectors[:, -3:-1]  # off the constant mode
    gram = embedded @ embedded.T
    np.testing.assert_allclose(gram, 2 / n * np.cos(2 * np.pi * lag / n), atol=1e-10)
    whole = vectors[:, -3:] * np.sqrt(values[-3:])
    by_lag = [np.ptp((whole @ whole.T)[lag == one]) for one in range(n // 2 + 1)]
    assert max(by_lag) < 1e-10
