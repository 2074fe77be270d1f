"""The checks every numeric function starts with: what comes in is named when it is refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from superpos.arrays import as_matrix, as_number, as_psm, as_vector
from superpos.errors import ArgumentError, NonFiniteError, ShapeError, SymmetryError


def test_matrices_become_contiguous_doubles() -> None:
    matrix = as_matrix("P", np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)))
    assert matrix.dtype == np.float64
    assert matrix.flags.c_contiguous
    assert matrix.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert as_matrix("P", [[1, 2]]).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("value", [3.0, [1.0, 2.0], np.zeros((2, 2, 2)), np.zeros((0, 3)), np.zeros((3, 0))])
def test_other_shapes_are_refused_by_name(value: Any) -> None:
    with pytest.raises(ShapeError, match=r"^P: shape .* is not a matrix of at least 1 x 1$"):
        as_matrix("P", value)


def test_least_sizes_are_asked_for() -> None:
    with pytest.raises(ShapeError, match="at least 3 x 2"):
        as_matrix("P", np.zeros((2, 2)), min_rows=3, min_columns=2)
    assert as_matrix("P", np.zeros((3, 2)), min_rows=3, min_columns=2).shape == (3, 2)


@pytest.mark.parametrize("value", [[["a", "b"]], [[1.0], [1.0, 2.0]], [[1j, 0]], [["1", "2"]], [[{}]]])
def test_what_holds_no_real_numbers_is_refused(value: Any) -> None:
    with pytest.raises(ShapeError, match=r"^P: is not an array of"):
        as_matrix("P", value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_entries_that_are_not_finite_are_counted(bad: float) -> None:
    with pytest.raises(NonFiniteError, match=r"^P: 2 of 4 entries are not finite$"):
        as_matrix("P", [[bad, 1.0], [2.0, bad]])


def test_vectors_have_the_length_asked_for() -> None:
    assert as_vector("w", [1, 2, 3], 3).tolist() == [1.0, 2.0, 3.0]
    for value in ([1.0, 2.0], [[1.0, 2.0, 3.0]], 1.0):
        with pytest.raises(ShapeError, match=r"^w: shape .* is not \(3,\)$"):
            as_vector("w", value, 3)


def test_similarity_matrices_are_square_and_symmetric() -> None:
    matrix = np.array([[1.0, 0.5], [0.5, 1.0]])
    assert as_psm("target", matrix).tolist() == matrix.tolist()
    with pytest.raises(ShapeError, match="not square"):
        as_psm("target", np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="at least 2 x 2"):
        as_psm("target", [[1.0]])
    with pytest.raises(SymmetryError, match=r"^target: differs from its transpose by 0\.1$"):
        as_psm("target", [[1.0, 0.5], [0.6, 1.0]])


def test_asymmetry_is_judged_by_the_size_of_the_matrix() -> None:
    rounding = np.array([[1.0, 0.5], [0.5 + 1e-14, 1.0]])
    assert as_psm("target", rounding).shape == (2, 2)
    as_psm("target", 1e6 * np.array([[1.0, 0.5], [0.5 + 5e-13, 1.0]]))
    with pytest.raises(SymmetryError):
        as_psm("target", [[1.0, 0.5], [0.5 + 5e-12, 1.0]])


@pytest.mark.parametrize(
    "value", [2, 2.0, np.float32(2), np.int64(2), np.array(2.0), Fraction(2), Decimal(2)]
)
def test_anything_that_is_a_number_is_one(value: Any) -> None:
    assert as_number("sigma", value) == 2.0
    assert type(as_number("sigma", value)) is float


@pytest.mark.parametrize("value", ["2", b"2", None, [2.0, 3.0], 1j, {}])
def test_what_is_no_number_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^sigma: .* is not a number$"):
        as_number("sigma", value)


def test_numbers_keep_to_their_range() -> None:
    assert as_number("sigma", 0.0, minimum=0.0) == 0.0
    with pytest.raises(ArgumentError, match=r"^sigma: -0\.5 must be at least 0$"):
        as_number("sigma", -0.5, minimum=0.0)
    with pytest.raises(ArgumentError, match=r"^gtol: 0 must be above 0$"):
        as_number("gtol", 0.0, minimum=0.0, exclusive=True)
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(NonFiniteError, match=r"^sigma: .* is not finite$"):
            as_number("sigma", bad, minimum=0.0)
    with pytest.raises(ArgumentError, match=r"^sigma: is beyond the largest double$"):
        as_number("sigma", 10**400)
