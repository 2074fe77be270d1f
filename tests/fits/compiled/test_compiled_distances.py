"""Distances in one compiled call: NumPy's bits, for every size and for what is not finite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.fits.compiled.distances import MatrixStack
from superpos.fits.compiled.machine.entry import entry
from superpos.fits.compiled.machine.pointers import part
from superpos.fits.compiled.machine.sums import numpy_sum
from superpos.psms import minkowski_distance, nearest_simplex_psm, rms_offdiagonal


@entry
def _sum(numbers: np.ndarray) -> float:
    return numpy_sum(part(numbers, 0), numbers.size)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3000), st.sampled_from([1.0, 3.0, 9.0]))
def test_sums_are_numpys(seed: int, count: int, power: float) -> None:
    numbers = np.random.default_rng(seed).standard_normal(count)
    numbers = np.sign(numbers) * np.abs(numbers) ** power
    assert _sum(numbers) == np.sum(numbers)


def _matrices(seed: int, n: int, count: int, width: float = 1.0) -> Any:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, n, 3)) * np.array([1.0, width, width])
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    return np.einsum("kia,kja->kij", rows, rows)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.sampled_from([1.0, 1e-3, 1e-9]))
def test_distances_have_numpys_bits(seed: int, n: int, width: float) -> None:
    stack = MatrixStack(3, n)
    stack.matrices[:] = matrices = _matrices(seed, n, 3, width)
    pairs = [(0, 1), (1, 2), (2, 2)]
    assert stack.distances(pairs) == [minkowski_distance(matrices[a], matrices[b]) for a, b in pairs]
    rms, mean = stack.off_diagonal(0, 1)
    assert rms == rms_offdiagonal(matrices[0], matrices[1])
    assert mean == nearest_simplex_psm(matrices[0], "rbf")[0, 1]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_has_no_distance(bad: float) -> None:
    stack = MatrixStack(2, 3)
    stack.matrices[:] = np.eye(3)
    stack.matrices[1, 1, 2] = bad
    found = stack.distances([(0, 0), (0, 1), (1, 1)])
    assert found[0] == 0.0
    assert all(math.isnan(one) for one in found[1:])
