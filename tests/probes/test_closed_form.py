"""Mean differences by hand, discriminant analysis against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from superpos.probes.closed_form import lda
from superpos.probes.design import make_design, scale_samples
from superpos.probes.train import train_probes
from superpos.specs.probes import ProbeSettings


def sample(n=120, d=6, seed=0):
    generator = np.random.default_rng(seed)
    positive = generator.random(n) < 0.25
    mix = generator.standard_normal((d, d))
    return generator.standard_normal((n, d)) @ mix + np.where(positive[:, None], 1.0, 0.0) + 2.0, positive


def test_mean_difference_by_hand():
    X = np.array([[1.0, 0.0], [3.0, 2.0], [0.0, 0.0], [0.0, 2.0]])
    labels = np.array([True, True, False, False])[:, None]
    probes = train_probes(X, labels, ("a",), np.arange(4), np.ones(4, bool), ProbeSettings("mean_difference"))
    # Means (2, 1) and (0, 1), scores 0 half way.
    np.testing.assert_allclose(probes.coef_raw, [[2.0, 0.0]], atol=1e-15)
    np.testing.assert_allclose(probes.intercept, [-2.0])


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("shrinkage", [0.0, 0.2, 1.0])
def test_lda_is_that_of_scikit_learn(balanced, shrinkage):
    X, positive = sample()
    theta = lda(X, positive, 6, balanced=balanced, shrinkage=shrinkage)
    reference = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage=shrinkage, priors=[0.5, 0.5] if balanced else None
    ).fit(X, positive)
    np.testing.assert_allclose(theta[:-1], reference.coef_[0], rtol=1e-9)
    assert theta[-1] == pytest.approx(reference.intercept_[0], rel=1e-9)


def test_shrinkage_is_the_estimate_of_ledoit_and_wolf():
    X, positive = sample()
    deviations = np.where(positive[:, None], X - X[positive].mean(axis=0), X - X[~positive].mean(axis=0))
    covariance, _ = ledoit_wolf(deviations, assume_centered=True)
    expected = np.linalg.solve(covariance, X[positive].mean(axis=0) - X[~positive].mean(axis=0))
    np.testing.assert_allclose(lda(X, positive, 6, balanced=False)[:-1], expected, rtol=1e-9)


@pytest.mark.parametrize("balanced", [True, False])
def test_lda_within_the_span_is_lda_in_full(balanced):
    X, positive = sample(n=30, d=80)
    design = make_design(scale_samples(X, np.arange(30), "none"))
    reduced = design.lift(lda(design.Z1[:, :-1], positive, 80, balanced=balanced)[:, None])[0]
    full = lda(X, positive, 80, balanced=balanced)
    np.testing.assert_allclose(reduced[:-1], full[:-1], rtol=1e-6, atol=1e-9)
    assert reduced[-1] == pytest.approx(full[-1], rel=1e-6)


@pytest.mark.parametrize("balanced", [True, False])
def test_samples_that_count_several_times_are_several_samples(balanced):
    X, positive = sample()
    counts = np.random.default_rng(1).integers(0, 4, size=len(X))
    rows = np.repeat(np.arange(len(X)), counts)
    found = lda(X, positive, 6, balanced=balanced, counts=counts)
    np.testing.assert_allclose(found, lda(X[rows], positive[rows], 6, balanced=balanced), rtol=1e-9)


def test_constant_activations_have_no_discriminant():
    X, positive = np.zeros((40, 3)), np.arange(40) < 10
    assert lda(X, positive, 3, balanced=True).tolist() == [0.0, 0.0, 0.0, 0.0]
    assert lda(X, positive, 3, balanced=False)[-1] == pytest.approx(np.log(10 / 30))


@pytest.mark.parametrize("shape", [(200, 10), (60, 100)])
@pytest.mark.parametrize("method", ["mean_difference", "lda"])
def test_training_returns_them_with_the_scaler_of_the_method(shape, method):
    X, positive = sample(*shape)
    train = np.arange(len(X)) % 4 > 0
    probes = train_probes(X, positive[:, None], ("a",), np.arange(len(X)), train, ProbeSettings(method))
    if method == "mean_difference":
        expected = X[train & positive].mean(axis=0) - X[train & ~positive].mean(axis=0)
        assert np.all(probes.scale == 1.0)
        np.testing.assert_allclose(probes.coef_raw[0], expected, atol=1e-10)
    else:
        scaled = X[train] / (10.0 * X[train].std(axis=0))
        expected = lda(scaled, positive[train], shape[1], balanced=True)
        np.testing.assert_allclose(probes.coef_scaled[0], expected[:-1], rtol=1e-6, atol=1e-9)
    assert probes.metrics[0].status == "converged"
    assert probes.metrics[0].nit == 0
