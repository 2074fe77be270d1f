"""Controls: what each keeps, what it destroys, and that replicates are paired across targets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, kstest

from superpos.errors import ArgumentError
from superpos.psms import cosine, simplex_psm, squared_distances
from superpos.psms.controls.gaussian import gaussian_directions, gaussian_directions_like
from superpos.psms.controls.permuted import permuted_directions
from superpos.psms.controls.shuffled_entries import shuffled_entries
from superpos.psms.controls.spectrum import spectrum_cosine, spectrum_squares


@pytest.fixture
def directions() -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.standard_normal((8, 3)) @ rng.standard_normal((3, 200)) + 0.1 * rng.standard_normal((8, 200))


def centred_gram_eigenvalues(squares: np.ndarray) -> np.ndarray:
    n = squares.shape[0]
    centring = np.eye(n) - 1.0 / n
    return np.linalg.eigvalsh(-0.5 * centring @ squares @ centring)


def test_permuted_keeps_each_row_and_destroys_the_geometry(directions: np.ndarray) -> None:
    permuted = permuted_directions(directions, 0)
    np.testing.assert_array_equal(np.sort(permuted, axis=1), np.sort(directions, axis=1))
    upper = np.triu_indices(8, 1)
    assert np.max(np.abs(cosine(directions)[upper])) > 0.9
    assert np.max(np.abs(cosine(permuted)[upper])) < 4.5 / np.sqrt(200)


def test_permuted_rows_move_on_their_own() -> None:
    permuted = permuted_directions(np.tile(np.arange(50.0), (4, 1)), 0)
    assert len({tuple(row) for row in permuted}) == 4


def test_a_replicate_is_one_draw_for_every_target(directions: np.ndarray) -> None:
    # Elementwise functions commute with a permutation exactly when the same permutation is used.
    np.testing.assert_array_equal(
        permuted_directions(directions, 2) ** 3, permuted_directions(directions**3, 2)
    )
    matrix = cosine(directions)
    np.testing.assert_array_equal(shuffled_entries(matrix, 2) ** 3, shuffled_entries(matrix**3, 2))
    assert not np.array_equal(permuted_directions(directions, 2), permuted_directions(directions, 3))
    assert not np.array_equal(shuffled_entries(matrix, 2), shuffled_entries(matrix, 3))
    assert not np.array_equal(shuffled_entries(matrix, 2), shuffled_entries(matrix, 2, 200))
    assert not np.array_equal(spectrum_cosine(matrix, 2), spectrum_cosine(matrix, 3))


def test_draws_are_frozen() -> None:
    # Values of version 1 of the draw; a change here redraws every stored control.
    gaussian = [
        [1.0267810664986925, -0.5353923401842695, 0.9140295207250818],
        [0.5210929988884272, -1.597942699923867, 0.7752900825930832],
    ]
    np.testing.assert_array_equal(gaussian_directions(2, 3, 0), gaussian)
    np.testing.assert_array_equal(permuted_directions([np.arange(6.0)], 0), [[5.0, 2.0, 1.0, 4.0, 0.0, 3.0]])


def test_gaussian_directions_are_isotropic() -> None:
    # The cosine of two uniform directions in d dimensions is 2 B - 1, B ~ Beta((d - 1) / 2, (d - 1) / 2).
    d = 6
    cosines = [cosine(gaussian_directions(2, d, replicate))[0, 1] for replicate in range(400)]
    half = (d - 1) / 2
    assert kstest(cosines, beta(half, half, loc=-1.0, scale=2.0).cdf).pvalue > 0.01


def test_gaussian_like_has_the_norms_of_the_features(directions: np.ndarray) -> None:
    like = gaussian_directions_like(directions, 1)
    np.testing.assert_allclose(np.linalg.norm(like, axis=1), np.linalg.norm(directions, axis=1), rtol=1e-13)
    np.testing.assert_allclose(cosine(like), cosine(gaussian_directions(8, 200, 1)), atol=1e-13)


@given(st.integers(2, 9), st.integers(0, 10**6))
@settings(max_examples=30)
def test_shuffled_entries_keeps_the_entries(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal((n, n))
    matrix = values + values.T
    shuffled = shuffled_entries(matrix, seed)
    upper = np.triu_indices(n, 1)
    assert np.array_equal(shuffled, shuffled.T)
    np.testing.assert_array_equal(np.diag(shuffled), np.diag(matrix))
    np.testing.assert_array_equal(np.sort(shuffled[upper]), np.sort(matrix[upper]))


def test_shuffled_entries_is_uniform_over_places() -> None:
    matrix = np.zeros((4, 4))
    matrix[0, 1] = matrix[1, 0] = 1.0
    places = np.mean([shuffled_entries(matrix, r)[np.triu_indices(4, 1)] for r in range(1200)], axis=0)
    np.testing.assert_allclose(places, 1 / 6, atol=4 * np.sqrt(5 / 36 / 1200))


@given(st.integers(2, 30), st.integers(1, 30), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_spectrum_cosine_has_the_eigenvalues(n: int, rank: int, seed: int) -> None:
    matrix = cosine(np.random.default_rng(seed).standard_normal((n, rank)))
    drawn = spectrum_cosine(matrix, seed)
    assert np.array_equal(drawn, drawn.T)
    assert np.all(np.diag(drawn) == 1.0)
    assert np.max(np.abs(drawn)) <= 1.0
    np.testing.assert_allclose(np.linalg.eigvalsh(drawn), np.linalg.eigvalsh(matrix), atol=1e-11)


@pytest.mark.parametrize("n", [2, 5, 70])
def test_spectrum_cosine_of_extreme_matrices(n: int) -> None:
    for matrix in (np.eye(n), np.ones((n, n)), simplex_psm(n)):
        drawn = spectrum_cosine(matrix, 0)
        np.testing.assert_allclose(np.linalg.eigvalsh(drawn), np.linalg.eigvalsh(matrix), atol=1e-10)


def test_spectrum_cosine_clips_what_no_vectors_have() -> None:
    matrix = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    eigenvalues = np.clip(np.linalg.eigvalsh(matrix), 0.0, None)
    expected = eigenvalues * 3.0 / eigenvalues.sum()
    np.testing.assert_allclose(np.linalg.eigvalsh(spectrum_cosine(matrix, 0)), expected, atol=1e-12)
    with pytest.raises(ArgumentError, match="eigenvalue"):
        spectrum_cosine(-np.eye(3), 0)


def test_spectrum_cosine_treats_features_alike() -> None:
    # Without the relabelling the rotations, in order, leave the last feature larger correlations.
    matrix = cosine(np.random.default_rng(1).standard_normal((5, 2)))
    squares = np.array([spectrum_cosine(matrix, r) ** 2 for r in range(1500)])
    per_feature = (squares.sum(axis=2) - 1.0) / 4.0
    error = per_feature.std(axis=0) / np.sqrt(per_feature.shape[0])
    assert np.all(np.abs(per_feature.mean(axis=0) - per_feature.mean()) < 4.0 * error)


@given(st.integers(2, 12), st.integers(1, 12), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_spectrum_squares_has_the_eigenvalues_of_the_centred_gram_matrix(
    n: int, rank: int, seed: int
) -> None:
    squares = squared_distances(np.random.default_rng(seed).standard_normal((n, rank)))
    drawn = spectrum_squares(squares, seed)
    assert np.array_equal(drawn, drawn.T)
    assert np.all(np.diag(drawn) == 0.0)
    np.testing.assert_allclose(centred_gram_eigenvalues(drawn), centred_gram_eigenvalues(squares), atol=1e-9)
    assert drawn.sum() == pytest.approx(squares.sum(), rel=1e-10)


def test_spectrum_squares_turns_the_axes() -> None:
    squares = squared_distances(np.random.default_rng(0).standard_normal((6, 3)))
    draws = [spectrum_squares(squares, r) for r in range(400)]
    assert not np.allclose(draws[0], draws[1])
    # On average over rotations every pair is equally far.
    mean = np.mean(draws, axis=0)[np.triu_indices(6, 1)]
    np.testing.assert_allclose(mean, squares[np.triu_indices(6, 1)].mean(), rtol=0.15)


def test_wrong_counts_are_refused(directions: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match="replicate"):
        permuted_directions(directions, -1)
    with pytest.raises(ArgumentError, match="width"):
        gaussian_directions(3, 0, 0)
    with pytest.raises(ArgumentError, match="replicate"):
        spectrum_squares(np.zeros((3, 3)), 0.5)  # type: ignore[arg-type]  # wrong on purpose
