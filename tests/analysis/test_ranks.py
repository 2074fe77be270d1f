"""Ranks and Spearman's correlation against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from superpos.analysis import average_ranks, spearman
from superpos.analysis.ranks import centred_ranks
from superpos.errors import NonFiniteError, ShapeError

VALUES = st.lists(st.sampled_from([-2.0, -0.0, 0.0, 0.5, 1.0, 7.0]), min_size=2, max_size=20)


@given(VALUES)
def test_average_ranks_agree_with_scipy(values: list[float]) -> None:
    np.testing.assert_array_equal(average_ranks(values), rankdata(values))
    centred = centred_ranks(values)
    assert np.sum(centred) == 0.0
    np.testing.assert_array_equal(centred, np.round(centred))


@given(VALUES, st.integers(0, 10**6))
def test_spearman_agrees_with_scipy(values: list[float], seed: int) -> None:
    other = np.random.default_rng(seed).integers(0, 4, len(values)).astype(float)
    found = spearman(values, other)
    if len(set(values)) == 1 or len(set(other)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(values, other).statistic, abs=1e-12)


def test_bad_vectors_are_refused() -> None:
    with pytest.raises(ShapeError, match="x: "):
        average_ranks([])
    with pytest.raises(ShapeError, match="b: "):
        spearman([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(NonFiniteError, match="a: "):
        spearman([1.0, np.nan], [1.0, 2.0])
