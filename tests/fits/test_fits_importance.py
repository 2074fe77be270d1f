"""Entropy of the importance against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from superpos.fits import effective_features, importance_entropy


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=12).filter(lambda w: sum(w) > 1e-3))
def test_entropy_agrees_with_scipy(values: list[float]) -> None:
    weights = np.array(values) / np.sum(values)
    assert importance_entropy(weights) == pytest.approx(entropy(weights) / np.log(weights.size), abs=1e-12)
    assert effective_features(weights) == pytest.approx(np.exp(entropy(weights)), rel=1e-12)


def test_ends_of_the_range() -> None:
    assert importance_entropy(np.full(11, 1 / 11)) == pytest.approx(1.0)
    assert effective_features(np.array([0.5, 0.5, 0.0, 0.0])) == pytest.approx(2.0)
    assert importance_entropy(np.array([0.0, 1.0, 0.0])) == 0.0
    assert effective_features(np.array([0.0, 1.0, 0.0])) == 1.0
