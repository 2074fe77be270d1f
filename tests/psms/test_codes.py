"""Best known codes and nearest configurations: no descent is lower, exact ranks, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from superpos.bounds import energy_bound
from superpos.configurations import nearest_configurations
from superpos.errors import ArgumentError
from superpos.fits import reoptimise
from superpos.kinds.potentials import Potential
from superpos.psms import cosine, simplex_psm
from superpos.psms.codes import SHARP, antipodes, code_cosines, features_of, rms_to_code
from superpos.psms.dimensionality import dimensionality, feature_dimensionality
from superpos.specs.axes import Kernel


@pytest.mark.parametrize(("n", "f"), sorted(SHARP))
def test_sharp_codes_are_spherical_designs(n: int, f: int) -> None:
    shells = SHARP[n, f]
    assert 1 + sum(count for _, count in shells) == n
    assert 1.0 + sum(count * cosine for cosine, count in shells) == pytest.approx(0.0, abs=1e-12)
    assert 1.0 + sum(count * cosine**2 for cosine, count in shells) == pytest.approx(n / f)


@pytest.mark.parametrize(("n", "f"), [(5, 4), (7, 2), (8, 4), (12, 3), (16, 5), (27, 6)])
@pytest.mark.parametrize("energy", ["exp", "log"])
def test_the_bound_of_linear_programming_is_reached(n: int, f: int, energy: str) -> None:
    code = code_cosines(n, f)
    assert code is not None
    mean = float(np.mean(Potential(energy).value(code)))
    bound = energy_bound(n, f, Kernel(energy, 0.0, "exclude")) * n / (n - 1)
    assert bound == pytest.approx(mean, rel=1e-7)


@pytest.mark.parametrize(("n", "f"), [(6, 4), (7, 5), (9, 6), (11, 8)])
@pytest.mark.parametrize(("energy", "s"), [("exp", 0.0), ("log", 0.0), ("riesz", 1.0)])
def test_between_f_plus_2_and_2f_no_descent_is_below_orthogonal_simplexes(
    n: int, f: int, energy: str, s: float
) -> None:
    code, kernel = code_cosines(n, f), Potential(energy, s)
    assert code is not None
    own = float(np.mean(kernel.value(code)))
    orthoplex = np.zeros(n * (n - 1) // 2)
    orthoplex[: n - f] = -1.0  # n - f axes with both ends, the others with one
    assert n == 2 * f or own < float(np.mean(kernel.value(orthoplex)))
    found = []
    for seed in range(40):
        start = np.random.default_rng((n, seed)).standard_normal((n, f))
        start /= np.linalg.norm(start, axis=1, keepdims=True)
        end = reoptimise(
            start, np.zeros(n), energy=energy, s=s, sigma=0.0, optimiser="manifold", self_energy="exclude"
        )
        found.append(end.energy * n / (n - 1))
    assert min(found) == pytest.approx(own, rel=1e-8)


def test_where_no_code_is_listed_there_is_none() -> None:
    assert code_cosines(9, 4) is None
    assert code_cosines(3, 1) is None
    assert code_cosines(2, 1) is not None
    assert [features_of(n * (n - 1) // 2) for n in range(2, 90)] == list(range(2, 90))
    assert antipodes(3).tolist() == [-1.0, 0.0, 0.0]


def test_the_distance_to_a_code_is_that_of_the_best_order() -> None:
    rng = np.random.default_rng(1)
    matrix, code = cosine(rng.standard_normal((6, 5))), code_cosines(6, 3)
    assert code is not None
    entries = matrix[np.triu_indices(6, 1)]
    least = rms_to_code(entries[None], code)[0]
    assert all(math.sqrt(np.mean((rng.permutation(entries) - code) ** 2)) >= least for _ in range(200))


@pytest.mark.parametrize("f", [1, 2, 4, 6])
def test_a_matrix_of_rank_f_is_its_own_configuration(f: int) -> None:
    rows = np.random.default_rng(f).standard_normal((7, f))
    found = nearest_configurations(cosine(rows)[None], f)[0]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(found @ found.T, cosine(rows), atol=1e-12)


def test_configurations_are_minima_of_the_mismatch() -> None:
    rng = np.random.default_rng(5)
    matrices = np.stack([cosine(rng.standard_normal((6, 9))), simplex_psm(6), np.eye(6), np.ones((6, 6))])
    for f in (1, 2, 3, 5):
        found = nearest_configurations(matrices, f)
        for matrix, rows in zip(matrices, found, strict=True):
            excess = rows @ rows.T - matrix
            slope = excess @ rows
            slope -= np.sum(slope * rows, axis=1, keepdims=True) * rows
            assert np.abs(slope).max() < 1e-6
            own = np.sum(excess**2)
            for _ in range(20):
                moved = rows + 1e-3 * rng.standard_normal(rows.shape)
                moved /= np.linalg.norm(moved, axis=1, keepdims=True)
                assert np.sum((moved @ moved.T - matrix) ** 2) >= own - 1e-9
    alone = nearest_configurations(matrices[:1], 3)
    np.testing.assert_array_equal(alone[0], nearest_configurations(matrices, 3)[0])


@pytest.mark.parametrize("f", [0, 6, 7])
def test_as_many_dimensions_as_features_are_no_question(f: int) -> None:
    with pytest.raises(ArgumentError, match=r"^n_dims: \d must be from 1 to 5, below the 6 features"):
        nearest_configurations(np.eye(6)[None], f)


def test_dimensionality_is_that_of_the_toy_models() -> None:
    pairs = np.array([[1.0, 0.0], [-2.0, 0.0], [0.0, 3.0]])
    np.testing.assert_allclose(feature_dimensionality(pairs), [1.0 / 5.0, 4.0 / 5.0, 1.0])
    rows = np.random.default_rng(2).standard_normal((5, 3))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(feature_dimensionality(rows), dimensionality(cosine(rows)[None])[0])
    assert dimensionality(cosine(rows)[None]).sum() <= 3.0 + 1e-12
    with pytest.raises(ArgumentError, match=r"^P: row 1 is 0 and has no direction"):
        feature_dimensionality([[1.0, 0.0], [0.0, 0.0]])
