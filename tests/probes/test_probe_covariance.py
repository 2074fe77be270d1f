"""Covariance beside NumPy's, whitened directions beside the square root of the covariance."""

from __future__ import annotations

import numpy as np
import pytest

from superpos.errors import ArgumentError
from superpos.probes import covariance
from superpos.probes.covariance import activation_covariance
from superpos.probes.whitening import Whitening, whitened_directions
from superpos.psms.spaces import whiten


def problem(n, d, *, spread=1.0, seed=0):
    generator = np.random.default_rng(seed)
    scales = 10.0 ** generator.uniform(-spread, spread, d)
    X = (generator.standard_normal((n, d)) * scales) @ generator.standard_normal((d, d)) / d**0.5 + 3.0
    train = np.arange(n) % 5 > 0
    return X, train, generator.standard_normal((4, d))


def products(rows):
    return rows @ rows.T


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_covariance_is_that_of_numpy(dtype):
    X, train, _ = problem(300, 40)
    found = activation_covariance(X.astype(dtype), train)
    expected = np.cov(X.astype(dtype)[train].astype(float), rowvar=False, bias=True)
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.max(expected))
    several = np.column_stack([train & (np.arange(300) < 100), train & (np.arange(300) >= 100)])
    assert np.array_equal(activation_covariance(X.astype(dtype), several), found)


def test_covariance_of_many_blocks_is_that_of_one(monkeypatch):
    X, train, _ = problem(700, 30)
    monkeypatch.setattr(covariance, "_row_blocks", lambda samples: np.array_split(samples.rows, 9))
    expected = np.cov(X[train], rowvar=False, bias=True)
    np.testing.assert_allclose(activation_covariance(X, train), expected, atol=1e-12 * np.max(expected))


@pytest.mark.parametrize("method", ["logistic", "lda", "mean_difference"])
@pytest.mark.parametrize("shape", [(300, 12), (300, 60), (40, 60), (75, 60), (76, 60), (30, 200)])
@pytest.mark.parametrize("spread", [0.3, 4.0])  # the wider one has eigenvalues below the floor
def test_inner_products_are_those_of_the_square_root(method, shape, spread):
    X, train, P = problem(*shape, spread=spread)
    sigma = np.cov(X[train], rowvar=False, bias=True)
    expected = products(whiten(P, sigma, covector=method != "mean_difference"))
    found = products(whitened_directions(P, X, train, method))
    roots = np.sqrt(np.diagonal(expected))
    np.testing.assert_allclose(found / np.outer(roots, roots), expected / np.outer(roots, roots), atol=1e-7)


@pytest.mark.parametrize("method", ["logistic", "mean_difference"])
def test_samples_that_repeat_are_no_obstacle(method):
    X, train, P = problem(40, 60)
    X[5:20] = X[1]
    sigma = np.cov(X[train], rowvar=False, bias=True)
    expected = products(whiten(P, sigma, covector=method == "logistic"))
    np.testing.assert_allclose(products(whitened_directions(P, X, train, method)), expected, rtol=1e-6)


def test_a_decomposition_is_made_only_below_the_floor(monkeypatch):
    calls = []
    eigh = np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda *args, **options: calls.append(1) or eigh(*args, **options))
    for shape in ((300, 60), (40, 60)):
        X, train, P = problem(*shape, spread=0.3)
        whitened_directions(P, X, train, "logistic")
        assert not calls
        whitened_directions(P, X, train, "logistic", floor=0.5)
        assert calls.pop()


@pytest.mark.parametrize(("method", "close"), [("logistic", 1e-5), ("mean_difference", 0.1)])
@pytest.mark.parametrize("shape", [(4000, 12), (40, 60)])
def test_drawn_samples_have_a_covariance_of_their_own(method, close, shape):
    X, train, P = problem(*shape, spread=0.3)
    rows = np.flatnonzero(train)
    counts = np.random.default_rng(1).multinomial(len(rows), np.full(len(rows), 1 / len(rows)))
    if shape[0] < shape[1] and method != "logistic":
        counts = np.where(np.arange(len(rows)) == 3, 2, 1)  # a small change, for the rule is of first order
    sigma, drawn = (np.cov(X[r], rowvar=False, bias=True) for r in (rows, np.repeat(rows, counts)))
    whitening = Whitening(X, train, method)
    found = products(whitening.drawn_directions(P, counts))
    same = products(whitening.directions(P))
    np.testing.assert_allclose(products(whitening.drawn_directions(P, np.ones(len(rows), int))), same)
    if method == "logistic":
        exact = same + P @ (drawn - sigma) @ P.T
    else:
        exact = products(whiten(P, drawn, covector=False)) if shape[0] > shape[1] else same
    scale = np.sqrt(np.outer(np.diagonal(exact), np.diagonal(exact)))
    assert np.max(np.abs(found - exact) / scale) < close
    if shape[0] > shape[1]:
        assert np.max(np.abs(found - exact)) < 0.3 * np.max(np.abs(same - exact))
    with pytest.raises(ArgumentError, match="counts: shape"):
        whitening.drawn_directions(P, counts[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "imported"}, "method"),
        ({"floor": 1.0}, "floor: 1 must be below 1"),
        ({"floor": 0.0}, "floor"),
        ({"coef_raw": np.ones((2, 3))}, "coef_raw: shape"),
        ({"activations": np.ones(4)}, "activations"),
        ({"activations": np.full((50, 12), np.inf)}, "activations: 600 entries"),
        ({"activations": np.ones((50, 12))}, "constant"),
        ({"activations": np.ones((50, 60)), "coef_raw": np.ones((1, 60))}, "constant"),
        ({"train_rows": np.ones(7, bool)}, "train_rows"),
        ({"train_rows": np.arange(50) < 1}, "no covariance"),
    ],
)
def test_bad_arguments(change, message):
    X, train, P = problem(50, 12)
    arguments = {"coef_raw": P, "activations": X, "train_rows": train, "method": "logistic"}
    with pytest.raises(ArgumentError, match=message):
        whitened_directions(**(arguments | change))
