"""What each feature adds with the others held fixed, and products that are free of noise and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.linear_model import LinearRegression

import superpos
from superpos.datasets.builders.planted import PlantedOptions
from superpos.datasets.labels import phi_matrix
from superpos.errors import ArgumentError, ShapeError
from superpos.probes.joint_differences import halving_weights, joint_differences, noise_free_products

IN_PAIRS: dict[str, Any] = {"n_features": 6, "width": 24, "labels": "in_pairs", "correlation": 0.8}


def drawn(seed: int = 0, n_samples: int = 300, **options: Any) -> tuple[Any, Any, Any]:
    """Return activations, labels and groups."""
    planted = PlantedOptions(**{**IN_PAIRS, "shape": "random", "strength": 4.0, **options})
    labels, groups = planted.drawn_labels(n_samples, seed)
    return planted.drawn_activations(labels, groups, 0, seed).astype(float), labels, groups


def products(X: Any, Y: Any, groups: Any, n_splits: int) -> Any:
    return noise_free_products(X, halving_weights(Y, groups, n_splits))


def test_they_are_the_coefficients_of_least_squares() -> None:
    X, Y, _ = drawn()
    wanted = LinearRegression().fit(Y.astype(float), X).coef_.T
    assert joint_differences(X, Y) == pytest.approx(wanted, abs=1e-10)


def test_without_noise_they_are_what_was_planted() -> None:
    X, Y, groups = drawn(noise=0.0)
    planted = PlantedOptions(**IN_PAIRS, shape="random", strength=4.0).known(0).cosines
    found = products(X, Y, groups, 3) / 16.0
    assert found == pytest.approx(planted, abs=1e-5)  # activations were drawn in single precision


def test_neither_the_noise_nor_the_labels_correlation_leaves_a_bias() -> None:
    """Mean over draws against the planted products; products of one sample and means of classes fail this."""
    planted = PlantedOptions(
        shape="simplex", n_features=5, labels="together", correlation=0.6, width=24, strength=2.0
    )
    wanted = planted.known(0).cosines
    unbiased, own, means = [], [], []
    for seed in range(100):
        labels, groups = planted.drawn_labels(200, seed)
        X = planted.drawn_activations(labels, groups, 0, seed).astype(float) / planted.strength
        unbiased.append(products(X, labels, groups, 4))
        B = joint_differences(X, labels)
        own.append(B @ B.T)
        D = np.array([X[labels[:, i]].mean(0) - X[~labels[:, i]].mean(0) for i in range(5)])
        means.append(D @ D.T)
    found = np.array(unbiased)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert np.all(np.abs(found.mean(axis=0) - wanted) < 4.5 * error)
    assert np.abs(np.mean(own, axis=0) - wanted).max() > 10 * error.max()
    assert np.abs(np.mean(means, axis=0) - wanted).max() > 10 * error.max()


def test_what_must_not_matter() -> None:
    X, Y, groups = drawn()
    plain = superpos.follows_labels(X, Y, groups, n_splits=3)
    order = np.array([3, 0, 5, 1, 4, 2])
    turned = X @ np.linalg.qr(np.random.default_rng(1).standard_normal((24, 24)))[0]
    for other, labels, same in (
        (1000.0 * turned + 7.0, Y, np.arange(6)),
        (X, Y[:, order], order),
    ):
        found = superpos.follows_labels(other, labels, groups, n_splits=3)
        scale = 1000.0**2 if other is not X else 1.0
        assert found.products / scale == pytest.approx(plain.products[np.ix_(same, same)], abs=1e-7)
        assert found.correlation == pytest.approx(plain.correlation)
        assert found.p_value == pytest.approx(plain.p_value, abs=0.06)  # draws change with the order
    again = superpos.follows_labels(X, Y, groups, n_splits=3)
    assert np.array_equal(again.products, plain.products)
    assert again.p_value == plain.p_value
    pairs = np.triu_indices(6, 1)
    assert plain.correlation == pytest.approx(
        pearsonr(plain.products[pairs], phi_matrix(Y)[pairs]).statistic, abs=1e-12
    )
    assert plain.n_draws == 999


def test_groups_stay_whole() -> None:
    """Noise that a group shares is no signal: with samples halved instead, lengths are too long."""
    X, Y, groups = drawn(n_samples=400, strength=0.0, group_size=10, group_noise=3.0)
    whole = [np.trace(products(X, Y, groups, 10)) / 6]
    apart = [np.trace(products(X, Y, np.arange(400), 10)) / 6]
    assert abs(whole[0]) < 0.5 * apart[0]


def test_halves_are_least_squares_of_their_own_samples() -> None:
    X, Y, _ = drawn(n_samples=120)
    groups = np.arange(120) // 3
    weights = halving_weights(Y, groups, 2)
    for half in weights.reshape(4, 6, 120):
        own = np.any(half != 0.0, axis=0)
        assert set(groups[own]).isdisjoint(groups[~own])
        wanted = LinearRegression().fit(Y[own].astype(float), X[own]).coef_.T
        assert half @ X == pytest.approx(wanted, abs=1e-9)
    assert weights[:, 0].any(axis=(0, 1)).sum() >= 60


@pytest.mark.parametrize("strength", [0.0, 1.0, 4.0])
def test_directions_that_follow_their_labels_are_told_from_those_that_do_not(strength: float) -> None:
    def rejected(n_studies: int, **options: Any) -> int:
        found = (
            superpos.follows_labels(*drawn(seed, strength=strength, **options), n_splits=4, n_draws=99)
            for seed in range(n_studies)
        )
        return sum(one.p_value is not None and one.p_value <= 0.05 for one in found)

    assert rejected(60, shape="random", n_samples=200) <= 8  # at 5 % more have a probability of 0.4 %
    shown = rejected(20, shape="pairs", n_features=8)
    assert shown <= 4 if strength == 0.0 else shown >= 17


def test_labels_of_one_correlation_are_followed_by_nothing() -> None:
    X, _, groups = drawn(n_samples=64)
    every = (np.arange(64)[:, None] >> np.arange(3)) % 2 == 1  # each pattern of three labels eight times
    found = superpos.follows_labels(X, every, groups, n_splits=2)
    assert (found.correlation, found.p_value, found.n_draws) == (None, None, 0)
    assert found.reason == "all products, or all phi coefficients, are alike"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": np.eye(3, dtype=bool)[np.arange(60) % 3]}, "3 labels and a constant have rank 3"),
        ({"labels": np.zeros((60, 2), bool)}, "2 features have no pattern"),
        ({"labels": np.full((60, 3), -1)}, "other numbers than 0 and 1"),
        ({"labels": np.zeros((59, 3), bool)}, "does not fit activations"),
        ({"groups": np.zeros(60)}, "1 group cannot be halved"),
        ({"groups": np.zeros(59)}, "does not fit 60 samples"),
        ({"n_splits": 0}, "n_splits"),
        ({"n_draws": 0}, "n_draws"),
    ],
)
def test_what_cannot_be_asked_is_one_line(change: dict[str, Any], said: str) -> None:
    rng = np.random.default_rng(0)
    given: dict[str, Any] = {
        "activations": rng.standard_normal((60, 4)),
        "labels": rng.random((60, 3)) < 0.4,
        **change,
    }
    with pytest.raises((ArgumentError, ShapeError)) as caught:
        superpos.follows_labels(**given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
