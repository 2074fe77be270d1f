"""Layer-by-layer similarity on planted geometry."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from superpos.analysis import layer_similarities


def psm(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.linalg.norm(rows, axis=1)[:, None]
    return unit @ unit.T


def test_shared_geometry_is_found_and_foreign_geometry_is_not() -> None:
    rng = np.random.default_rng(0)
    base = rng.standard_normal((10, 4))
    psms = {layer: psm(base + 0.1 * rng.standard_normal(base.shape)) for layer in (5, 0, 2)}
    psms[7] = psm(rng.standard_normal((10, 4)))
    results = layer_similarities(psms, n_permutations=999)
    assert [(r.layer_a, r.layer_b) for r in results] == [(0, 2), (0, 5), (0, 7), (2, 5), (2, 7), (5, 7)]
    upper = np.triu_indices(10, 1)
    for result in results:
        expected = spearmanr(psms[result.layer_a][upper], psms[result.layer_b][upper]).statistic
        assert result.spearman == pytest.approx(expected, abs=1e-12)
        assert result.n_permutations == 999
        assert result.p_value is not None
        assert (result.p_value == pytest.approx(0.001)) is (7 not in (result.layer_a, result.layer_b))
    assert layer_similarities(psms, n_permutations=999) == results


def test_one_layer_has_no_pair_and_two_features_no_correlation() -> None:
    assert layer_similarities({3: np.eye(4)}) == []
    (result,) = layer_similarities({-1: np.array([[1.0, -1.0], [-1.0, 1.0]]), 0: np.eye(2)})
    assert (result.layer_a, result.spearman, result.p_value) == (-1, None, None)
