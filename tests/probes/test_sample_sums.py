"""Sums of samples beside NumPy's covariance; what they stand for: random labels, patterns of weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from superpos.errors import ArgumentError, ShapeError
from superpos.probes.sample_sums import SampleSums, rows_near_mean, training_sums
from superpos.probes.train import train_probes
from superpos.psms import cosine
from superpos.psms.controls.covariance import normal_shares
from superpos.specs.probes import ProbeSettings

NAMES = ("a", "b", "c")


@pytest.fixture
def activations() -> np.ndarray:
    """Correlated neurons of unequal units, far from the origin, (150, 6)."""
    rng = np.random.default_rng(4)
    mixed = rng.standard_t(5, (150, 4)) @ rng.standard_normal((4, 6)) + 0.3 * rng.standard_normal((150, 6))
    return (mixed * [0.1, 1.0, 3.0, 1.0, 20.0, 0.5] + 7.0).astype(np.float32)


def labelled(n: int, k: int = 3) -> np.ndarray:
    return np.random.default_rng(8).random((n, k)) < [0.5, 0.4, 0.3][:k]


TRAIN = np.arange(150) % 3 != 0


def sums_of(X: np.ndarray, scaler: str = "none", members: np.ndarray | None = None) -> SampleSums:
    train = TRAIN if members is None else TRAIN[:, None] & members
    return training_sums(X, labelled(len(X)), NAMES, np.arange(len(X)), train, scaler, members=members)


def covariance(X: np.ndarray) -> np.ndarray:
    return np.cov(X.astype(np.float64), rowvar=False)


def test_draws_have_the_covariance_of_the_training_samples(activations: np.ndarray) -> None:
    sums = sums_of(activations)
    assert (sums.n_samples, sums.n_directions, sums.width) == (150, 3, 6)
    drawn = sums.of_shares([normal_shares(150, 3, 6, r) for r in range(3000)]).reshape(-1, 6)
    sigma = covariance(activations[TRAIN])
    spread = np.sqrt(np.diag(sigma))
    wrong = (drawn.T @ drawn / len(drawn) - sigma) / np.outer(spread, spread)
    assert np.abs(wrong).max() < 5.0 * np.sqrt(2.0 / len(drawn))  # five standard errors
    assert np.abs(drawn.mean(axis=0) / spread).max() < 5.0 / np.sqrt(len(drawn))


@pytest.mark.parametrize("scaler", ["none", "paper"])
def test_a_draw_is_the_plain_formula(activations: np.ndarray, scaler: str) -> None:
    shares = normal_shares(150, 3, 6, 2)
    found = sums_of(activations, scaler).of_shares([shares])[0]
    own = activations[TRAIN].astype(np.float64)
    scale = 10.0 * np.maximum(own.std(axis=0), 1e-3) if scaler == "paper" else np.ones(6)
    scaled = own / scale
    expected = (scaled - scaled.mean(axis=0)).T @ shares[TRAIN] / np.sqrt(len(own) - 1.0)
    np.testing.assert_allclose(found, expected.T / scale, rtol=1e-9, atol=1e-12)


def test_bits_do_not_depend_on_the_company_of_a_draw(activations: np.ndarray) -> None:
    sums = sums_of(activations, "paper")
    shares = [normal_shares(150, 3, 6, r) for r in range(7)]
    together = sums.of_shares(shares)
    for place in (0, 3, 6):
        alone = sums_of(activations, "paper").of_shares([shares[place]])[0]
        assert alone.tobytes() == together[place].tobytes()
    assert sums.of_shares(shares[::-1]).tobytes() == together[::-1].tobytes()


def test_fewer_samples_have_the_first_shares() -> None:
    many = normal_shares(150, 3, 6, 1)
    np.testing.assert_array_equal(normal_shares(40, 3, 6, 1), many[:40])
    assert not np.array_equal(normal_shares(40, 3, 6, 0), many[:40])
    assert not np.array_equal(normal_shares(40, 3, 7, 1), many[:40])


def test_rotated_activations_give_rotated_draws_with_the_same_cosines(activations: np.ndarray) -> None:
    X = activations.astype(np.float64)
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]
    shares = [normal_shares(150, 3, 6, r) for r in range(5)]
    plain, turned = sums_of(X).of_shares(shares), sums_of(X @ turn).of_shares(shares)
    np.testing.assert_allclose(turned, plain @ turn, atol=1e-10)
    for one, other in zip(plain, turned, strict=True):
        np.testing.assert_allclose(cosine(one), cosine(other), atol=1e-12)


def test_a_neuron_in_other_units_changes_a_scaled_draw_as_it_changes_weights(activations: np.ndarray) -> None:
    """A covector: its scores on the samples stay what they were."""
    X, units = activations.astype(np.float64), np.array([3.0, 0.2, 1.0, 40.0, 1.0, 7.0])
    shares = [normal_shares(150, 3, 6, r) for r in range(3)]
    plain, other = (sums_of(one, "paper").of_shares(shares) for one in (X, X * units))
    np.testing.assert_allclose(other * units, plain, rtol=1e-9)


def test_mean_differences_of_random_labels_have_this_law(activations: np.ndarray) -> None:
    own = activations[TRAIN].astype(np.float64)
    n, n_positive, rng = len(own), 40, np.random.default_rng(6)
    differences = np.empty((6000, 6))
    for place in range(len(differences)):
        positive = rng.permutation(n) < n_positive
        differences[place] = own[positive].mean(axis=0) - own[~positive].mean(axis=0)
    differences /= np.sqrt(n / (n_positive * (n - n_positive)))
    drawn = sums_of(activations).of_shares([normal_shares(150, 3, 6, r) for r in range(2000)]).reshape(-1, 6)
    spread = np.sqrt(np.diag(covariance(own)))
    apart = (np.cov(differences.T) - np.cov(drawn.T)) / np.outer(spread, spread)
    assert np.abs(apart).max() < 5.0 * np.sqrt(2.0 * 2.0 / 6000)
    for axis in np.random.default_rng(2).standard_normal((5, 6)) / spread:
        assert ks_2samp(differences @ axis, drawn @ axis).pvalue > 1e-3


@pytest.mark.parametrize("scaler", ["none", "paper"])
def test_a_probe_under_a_strong_penalty_is_such_a_sum(activations: np.ndarray, scaler: str) -> None:
    labels, groups = labelled(150), np.arange(150)
    settings = ProbeSettings(C=1e-9, scaler=scaler, tol=1e-13)  # type: ignore[arg-type]
    probes = train_probes(activations, labels, NAMES, groups, TRAIN, settings)
    positive = labels & TRAIN[:, None]
    negative = ~labels & TRAIN[:, None]
    shares = positive / positive.sum(axis=0) - negative / negative.sum(axis=0)
    found = sums_of(activations, scaler).of_shares([shares])[0]
    for one, other in zip(probes.coef_raw, found, strict=True):
        assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > 1.0 - 1e-9


def test_features_with_samples_of_their_own_take_these_alone(activations: np.ndarray) -> None:
    members = np.ones((150, 3), dtype=bool)
    members[:60, 1] = members[90:, 2] = False
    sums = sums_of(activations, "paper", members)
    shares = normal_shares(150, 3, 6, 0)
    drawn = sums.of_shares([shares])[0]
    P = np.random.default_rng(3).standard_normal((3, 6))
    patterns = sums.patterns(P)
    for column in range(3):
        rows = TRAIN & members[:, column]
        own = activations[rows].astype(np.float64)
        scale = 10.0 * np.maximum(own.std(axis=0), 1e-3)
        centred = own - own.mean(axis=0)
        expected = centred.T @ shares[rows, column] / np.sqrt(len(own) - 1.0) / scale**2
        np.testing.assert_allclose(drawn[column], expected, rtol=1e-9)
        np.testing.assert_allclose(patterns[column], np.cov(own.T, bias=True) @ P[column], rtol=1e-9)
    kept = np.array([0, 2])
    np.testing.assert_array_equal(sums.patterns(P[kept], kept=kept), patterns[kept])
    with pytest.raises(ArgumentError, match=r"^counts: directions with samples of their own"):
        sums.patterns(P, np.ones(100, dtype=np.int64))


@pytest.mark.parametrize("scaler", ["none", "paper"])
def test_a_pattern_is_the_covariance_with_the_score(activations: np.ndarray, scaler: str) -> None:
    sums, P = sums_of(activations, scaler), np.random.default_rng(5).standard_normal((3, 6))
    own = activations[TRAIN].astype(np.float64)
    np.testing.assert_allclose(sums.patterns(P), P @ np.cov(own.T, bias=True), rtol=1e-9)
    counts = np.random.default_rng(7).integers(0, 4, len(own))
    expected = P @ np.cov(own.T, bias=True, fweights=counts)
    np.testing.assert_allclose(sums.patterns(P, counts), expected, rtol=1e-8)


def test_the_pattern_of_a_discriminant_is_the_difference_of_the_means(activations: np.ndarray) -> None:
    """Sigma_total w = (1 + pi_0 pi_1 d' w) d where Sigma_within w = d, w being scikit-learn's."""
    labels = labelled(150)
    own = activations[TRAIN].astype(np.float64)
    P, differences = np.empty((3, 6)), np.empty((3, 6))
    for column in range(3):
        positive = labels[TRAIN, column]
        P[column] = LinearDiscriminantAnalysis(solver="lsqr").fit(own, positive).coef_[0]
        differences[column] = own[positive].mean(axis=0) - own[~positive].mean(axis=0)
    found = sums_of(activations).patterns(P)
    np.testing.assert_allclose(cosine(found), cosine(differences), atol=1e-9)
    assert np.abs(cosine(P) - cosine(differences)).max() > 0.05  # the weights themselves are no such thing


def test_patterns_are_vectors_under_any_change_of_coordinates(activations: np.ndarray) -> None:
    X, P = activations.astype(np.float64), np.random.default_rng(5).standard_normal((3, 6))
    change = np.random.default_rng(9).standard_normal((6, 6)) + 3.0 * np.eye(6)
    weights = P @ np.linalg.inv(change).T  # scores of the samples stay
    np.testing.assert_allclose(X @ change @ weights.T, X @ P.T, rtol=1e-6)
    np.testing.assert_allclose(
        sums_of(X @ change).patterns(weights), sums_of(X).patterns(P) @ change, rtol=1e-8
    )


def test_rows_of_a_matrix_have_its_mean_and_words_of_several_tokens_lie_nearer(
    activations: np.ndarray,
) -> None:
    shares = [normal_shares(150, 2, 6, r) for r in range(4000)]
    drawn = rows_near_mean(activations, shares, [1, 4])
    sigma, mean = covariance(activations), activations.astype(np.float64).mean(axis=0)
    spread = np.sqrt(np.diag(sigma))
    for word, size in ((0, 1), (1, 4)):
        found = np.cov(drawn[:, word].T) * size
        assert np.abs((found - sigma) / np.outer(spread, spread)).max() < 5.0 * np.sqrt(2.0 / 4000)
        assert np.abs((drawn[:, word].mean(axis=0) - mean) / spread).max() < 5.0 / np.sqrt(4000)


def test_what_does_not_fit_is_refused(activations: np.ndarray) -> None:
    sums = sums_of(activations)
    with pytest.raises(ShapeError, match=r"^shares: shape \(150, 2\) is not \(150, 3\)"):
        sums.of_shares([normal_shares(150, 2, 6, 0)])
    with pytest.raises(ShapeError, match=r"^coef_raw: shape \(2, 6\) is not \(3, 6\)"):
        sums.patterns(np.ones((2, 6)))
    with pytest.raises(ShapeError, match=r"^counts: shape \(9,\) is not \(100,\)"):
        sums.patterns(np.ones((3, 6)), np.ones(9, dtype=np.int64))
    nothing = np.zeros((150, 3), dtype=bool)
    with pytest.raises(ArgumentError, match=r"^labels: no feature has both classes"):
        training_sums(activations, nothing, NAMES, np.arange(150), TRAIN, "none")
    with pytest.raises(ArgumentError, match=r"^train_rows: 1 training samples have no covariance"):
        rows_near_mean(activations[:1], [normal_shares(1, 2, 6, 0)], [1, 1])
