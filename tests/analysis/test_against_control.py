"""Features against the draws of a control: plain Python, invariances, and how often it errs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from superpos.analysis.against_control import MIN_DRAWS, compare, sign_test, with_interval
from superpos.errors import ShapeError
from superpos.intervals import bias_t


def naive(values, draws, columns):
    """The formulas of the module in plain Python, cell by cell."""
    names = sorted(set(columns))
    rows = [
        [np.mean([row[i] for i, name in enumerate(columns) if name == column]) for column in names]
        for row in [values, *draws]
    ]
    means = [float(np.mean(row)) for row in rows]
    table = np.array(rows)
    z = np.abs((table - table.mean(axis=0)) / table.std(axis=0))
    largest = z.max(axis=1)
    p = sum(value >= largest[0] - 1e-9 for value in largest) / len(rows)
    return means[0] - float(np.median(means[1:])), p, names[int(np.argmax(z[0]))]


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 12))
def test_estimate_and_p_are_those_of_plain_python(seed, n_columns, n_draws):
    rng = np.random.default_rng(seed)
    columns = np.repeat(np.arange(n_columns), rng.integers(1, 4, size=n_columns))
    values, draws = rng.normal(size=columns.size), rng.normal(size=(n_draws, columns.size))
    found = compare(values, draws, columns)
    estimate, p, column = naive(values.tolist(), draws.tolist(), columns.tolist())
    assert found is not None
    assert found.estimate == pytest.approx(estimate, abs=1e-12)
    assert found.p_value == pytest.approx(p)
    assert found.p_smallest == 1 / (n_draws + 1)
    assert found.column == column


@given(st.integers(0, 10_000), st.floats(0.01, 100.0), st.floats(-5.0, 5.0))
def test_units_and_the_order_of_cells_and_draws_change_nothing(seed, scale, shift):
    rng = np.random.default_rng(seed)
    columns = np.array([0, 0, 1, 2, 2, 2])
    values, draws = rng.normal(size=6), rng.normal(size=(50, 6))
    first = compare(values, draws, columns)
    cells, rows = rng.permutation(6), rng.permutation(50)
    other = compare((scale * values + shift)[cells], (scale * draws + shift)[rows][:, cells], columns[cells])
    assert first is not None
    assert other is not None
    assert other.p_value == first.p_value
    assert other.column == first.column
    assert other.estimate == pytest.approx(scale * first.estimate, rel=1e-6, abs=1e-6 * scale)
    assert other.low == pytest.approx(scale * first.low, rel=1e-6, abs=1e-6 * scale)


def test_cells_repeated_are_no_replicates():
    rng = np.random.default_rng(3)
    values, draws = rng.normal(size=4), rng.normal(size=(20, 4))
    columns = np.arange(4)
    once = compare(values, draws, columns)
    twelve = compare(np.tile(values, 12), np.tile(draws, (1, 12)), np.tile(columns, 12))
    assert once is not None
    assert twelve is not None
    assert twelve.n_cells == 12 * once.n_cells
    assert (twelve.p_value, twelve.p_smallest) == (once.p_value, once.p_smallest)
    assert twelve.estimate == pytest.approx(once.estimate)


def test_the_interval_holds_the_estimate_and_needs_enough_draws():
    rng = np.random.default_rng(4)
    for n in (2, MIN_DRAWS - 1, MIN_DRAWS, 400):
        found = compare(rng.normal(size=3), rng.normal(size=(n, 3)), np.arange(3))
        assert found is not None
        assert (found.low is None) == (n < MIN_DRAWS)
        if found.low is not None:
            assert found.low < found.estimate < found.high


def test_false_positives_stay_at_the_level_when_columns_are_copies():
    # Twelve columns that are nearly one: an interval over cells would call most of them different.
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(1000):
        common = rng.normal(size=(40, 1))
        rows = common + 0.1 * rng.normal(size=(40, 12))
        found = compare(rows[0], rows[1:], np.arange(12))
        assert found is not None
        wrong += found.p_value <= 0.05
    assert binomtest(wrong, 1000, 0.05).pvalue > 1e-3


def test_a_planted_difference_in_one_column_is_found_there():
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(200, 5))
    rows[0, 3] += 8.0
    found = compare(rows[0], rows[1:], np.arange(5))
    assert found is not None
    assert found.column == 3
    assert found.p_value == found.p_smallest
    assert found.column_estimate == pytest.approx(rows[0, 3] - np.median(rows[1:, 3]))


def test_a_column_that_varies_by_rounding_alone_says_nothing():
    rng = np.random.default_rng(7)
    rows = 0.3 * (1.0 + 1e-15 * rng.integers(-2, 3, size=(40, 2)))
    found = compare(rows[0], rows[1:], np.arange(2))
    assert found is not None
    assert (found.estimate, found.p_value) == (0.0, 1.0)


def test_numbers_that_are_0_but_for_rounding_say_nothing():
    """Shares of 1e-17 of one set once were "suggested" to differ from those of shuffled labels."""
    draws = np.random.default_rng(3).choice([0.0, 1.4e-17, 2.8e-17], size=(199, 4))
    found = compare(np.full(4, 2.8e-17), draws, np.arange(4))
    assert found is not None
    assert (found.estimate, found.p_value) == (0.0, 1.0)


def test_incomplete_cells_are_left_out_and_none_left_is_none():
    draws = np.array([[1.0, np.nan], [2.0, 5.0]])
    found = compare([3.0, 4.0], draws, [0, 1])
    assert found is not None
    assert (found.n_cells, found.estimate) == (1, 1.5)
    assert compare([np.nan, 4.0], draws, [0, 1]) is None
    with pytest.raises(ShapeError, match="draws"):
        compare([1.0], np.empty((0, 1)), [0])
    with pytest.raises(ShapeError, match="columns"):
        compare([1.0], [[1.0]], [0, 1])


def test_the_sign_test_counts_sets():
    assert sign_test([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).p_value == pytest.approx(2 / 64)
    assert sign_test([1.0, -2.0, 0.0]) == sign_test([-1.0, 2.0, 0.0])
    assert sign_test([0.3] * 5).p_smallest == pytest.approx(1 / 16)
    assert sign_test([0.0]).p_value == 1.0


def test_the_interval_is_of_the_difference_to_the_median_draw_which_is_held():
    rng = np.random.default_rng(2)
    values, draws = rng.normal(1.0, 1.0, 5), rng.normal(0.0, 1.0, (9, 5))
    columns = [4, 4, 7, 7, 7]  # unequal columns: means of means
    again = values + rng.normal(0.2, 0.3, (25, 5))
    bare = compare(values, draws, columns)
    assert (bare.estimate_low, bare.estimate_high, bare.n_bootstraps) == (None, None, 0)
    found = with_interval(bare, again, columns)

    def statistic(row):
        return (np.mean(row[:2]) + np.mean(row[2:])) / 2.0

    median = np.median([statistic(row) for row in draws])
    low, high, _ = bias_t(statistic(values), [statistic(row) for row in again])
    assert found.estimate == bare.estimate == pytest.approx(statistic(values) - median)
    assert (found.estimate_low, found.estimate_high) == pytest.approx((low - median, high - median))
    assert found.estimate_low < found.estimate < found.estimate_high
    assert found.n_bootstraps == 25
    assert (found.low, found.high, found.p_value) == (bare.low, bare.high, bare.p_value)
    order = rng.permutation(5)
    moved = with_interval(
        compare(values[order], draws[:, order], np.array(columns)[order]),
        again[::-1, order],
        np.array(columns)[order],
    )
    assert moved.estimate_low == pytest.approx(found.estimate_low)
    # Above a floor, on the scale of the logarithm.
    lowest = float(statistic(values)) - 2.0
    above = with_interval(bare, again, columns, lowest)
    ends = (
        np.exp(bias_t(np.log(2.0), np.log([statistic(row) - lowest for row in again]))[:2]) + lowest - median
    )
    assert (above.estimate_low, above.estimate_high) == pytest.approx(tuple(ends))
    again[3, 1] = np.nan  # one bootstrap lost a feature
    assert with_interval(bare, again, columns) == bare
    assert with_interval(bare, again[:1], columns) == bare


def test_bootstraps_that_say_the_same_hold_the_estimate_to_the_last_digit():
    rng = np.random.default_rng(3)
    for _ in range(50):
        values, draws = rng.normal(0.0, 1e3, 3), rng.normal(0.0, 1e-3, (4, 3))
        found = with_interval(compare(values, draws, [0, 1, 2]), np.tile(values, (5, 1)), [0, 1, 2])
        assert found.estimate_low <= found.estimate <= found.estimate_high
