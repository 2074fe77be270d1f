"""Probe spaces against SciPy's matrix square root and the pairing of vectors with covectors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from superpos.errors import ArgumentError, ShapeError, SymmetryError
from superpos.psms import whiten


@pytest.fixture
def covariance() -> np.ndarray:
    samples = np.random.default_rng(0).standard_normal((200, 12)) * np.linspace(0.2, 3.0, 12)
    return np.cov(samples, rowvar=False)


def test_whiten_agrees_with_the_matrix_square_root(covariance: np.ndarray) -> None:
    rows = np.random.default_rng(1).standard_normal((5, 12))
    root = np.real(sqrtm(covariance))
    np.testing.assert_allclose(whiten(rows, covariance, covector=True), rows @ root, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        whiten(rows, covariance, covector=False), rows @ np.linalg.inv(root), rtol=1e-9, atol=1e-9
    )


def test_whitening_keeps_the_pairing_of_covectors_with_vectors(covariance: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    probes, means = rng.standard_normal((4, 12)), rng.standard_normal((3, 12))
    paired = whiten(probes, covariance, covector=True) @ whiten(means, covariance, covector=False).T
    np.testing.assert_allclose(paired, probes @ means.T, rtol=1e-10, atol=1e-10)


def test_inner_products_of_whitened_covectors_are_those_of_the_covariance(covariance: np.ndarray) -> None:
    probes = np.random.default_rng(3).standard_normal((4, 12))
    white = whiten(probes, covariance, covector=True)
    np.testing.assert_allclose(white @ white.T, probes @ covariance @ probes.T, rtol=1e-10)


def test_the_floor_bounds_the_inverse_root_of_a_singular_covariance() -> None:
    singular = np.diag([4.0, 1.0, 0.0])
    white = whiten(np.eye(3), singular, covector=False, floor=0.01)
    np.testing.assert_allclose(white, np.diag([0.5, 1.0, 5.0]), atol=1e-12)


def test_wrong_covariances_are_refused(covariance: np.ndarray) -> None:
    rows = np.ones((2, 12))
    with pytest.raises(ShapeError, match="covariance"):
        whiten(np.ones((2, 5)), covariance, covector=True)
    with pytest.raises(SymmetryError, match="covariance"):
        whiten(rows, np.triu(covariance + 1.0), covector=True)
    with pytest.raises(ArgumentError, match="no covariance"):
        whiten(rows, -covariance, covector=True)
    for floor in (0.0, 1.5):
        with pytest.raises(ArgumentError, match="floor"):
            whiten(rows, covariance, covector=True, floor=floor)
