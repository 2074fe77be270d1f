import numpy as np
import pytest
from scipy.special import eval_chebyt, eval_gegenbauer

from superpos.bounds.gegenbauer import LARGEST_DEGREE, degree_for, design_size, in_cosines


@pytest.mark.parametrize("f", [2, 3, 4, 8, 24, 1000])
def test_polynomials_are_those_of_scipy(f):
    angles = np.linspace(0.0, np.pi, 40)
    found = np.cos(angles[:, None] * np.arange(13)) @ in_cosines(12, f).T
    for k in range(13):
        a = (f - 2) / 2
        x = np.cos(angles)
        wanted = eval_chebyt(k, x) if f == 2 else eval_gegenbauer(k, a, x) / eval_gegenbauer(k, a, 1.0)
        np.testing.assert_allclose(found[:, k], wanted, atol=1e-12)


@pytest.mark.parametrize("f", [2, 3, 7, 50])
def test_coefficients_are_not_negative_and_sum_to_one(f):
    table = in_cosines(40, f)
    assert (table >= 0.0).all()
    np.testing.assert_allclose(table.sum(axis=1), 1.0, atol=1e-14)


@pytest.mark.parametrize("f", [2, 3, 5])
def test_polynomials_are_positive_definite(f):
    rows = np.random.default_rng(f).standard_normal((30, f))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    angles = np.arccos(np.clip(rows @ rows.T, -1.0, 1.0))
    for k in range(1, 12):
        matrix = np.cos(angles[..., None] * np.arange(k + 1)) @ in_cosines(k, f)[k]
        assert np.linalg.eigvalsh(matrix).min() > -1e-6  # angles of equal rows are off by 1e-8


def test_sizes_of_tight_designs():
    assert design_size(2, 4) == 5  # pentagon
    assert design_size(3, 5) == 12  # icosahedron
    assert design_size(8, 7) == 240  # roots of E8
    assert design_size(24, 11) == 196560  # Leech lattice
    assert design_size(7, 1) == 2
    assert design_size(7, 2) == 8  # simplex
    assert design_size(7, 3) == 14  # orthoplex


def test_degree_grows_with_the_points_up_to_a_limit():
    assert degree_for(2, 50) < degree_for(12, 3) < degree_for(120, 4) < degree_for(120, 3)
    assert degree_for(10**9, 2) == LARGEST_DEGREE
