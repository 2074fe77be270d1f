"""Wide layers: sketches, and what happens where they are no good, beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from superpos.probes import fit, newton
from superpos.probes.conjugate import RANK, factor_hessian, sketch_hessian
from superpos.probes.design import Designs, make_design, scale_samples
from superpos.probes.fit import fit_design, fit_samples
from superpos.specs.probes import ProbeSettings


def activations(n, d, seed=0, k=4):
    """Rectified mixtures of few sources of unequal variance, labels from the sources."""
    generator = np.random.default_rng(seed)
    sources = generator.standard_t(4, size=(n, 40)) * np.arange(1, 41) ** -0.5
    X = np.maximum(sources @ generator.standard_normal((40, d)) - 0.5, 0.0)
    X += 0.1 * generator.standard_normal((n, d))
    scores = sources @ generator.standard_normal((40, k)) + generator.standard_normal((n, k))
    return X.astype(np.float32), scores > np.quantile(scores, np.linspace(0.5, 0.9, k), axis=0).diagonal()


@pytest.fixture
def large(monkeypatch):
    """Treat small problems as large ones."""
    for module in (newton, fit):
        monkeypatch.setattr(module, "SINGLE_SIZE", 0)
    monkeypatch.setattr(newton, "SKETCH_WORTH", 0.0)
    monkeypatch.setattr(newton, "SKETCH_WIDTH", 0)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("shape", [(150, 400), (400, 150)])
@pytest.mark.parametrize("C", [0.1, 1.0, 100.0])
def test_probes_behind_a_sketch_are_those_of_scikit_learn(shape, C):
    X, labels = activations(*shape)
    samples = scale_samples(X, np.arange(len(X)), "paper")
    fits = fit_samples(Designs(samples), labels, ProbeSettings(C=C))
    assert np.all(fits.converged)
    scaled = X.astype(np.float64) / samples.scale
    for column, positive in enumerate(labels.T):
        exact = LogisticRegression(
            C=C, class_weight="balanced", solver="newton-cholesky", tol=1e-10, max_iter=1000
        ).fit(scaled, positive)
        gap = np.linalg.norm(fits.theta[column, :-1] - exact.coef_[0]) / np.linalg.norm(exact.coef_[0])
        assert gap < 1e-3
        theta = fits.theta[column]
        signs = np.where(positive, 1.0, -1.0)
        weights = np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum())
        pull = weights * signs / (1.0 + np.exp(signs * (scaled @ theta[:-1] + theta[-1])))
        slopes = theta[:-1] / (C * len(X)) - scaled.T @ pull
        assert max(np.max(np.abs(slopes)), abs(pull.sum())) < 1.001e-8


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("shape", [(150, 400), (400, 150)])
def test_where_a_sketch_is_no_good_a_factor_takes_over(shape, monkeypatch):
    X, labels = activations(*shape)
    samples = scale_samples(X, np.arange(len(X)), "paper")
    plain = fit_design(make_design(samples), labels, ProbeSettings(tol=1e-10))
    monkeypatch.setattr(newton, "SKETCH_CG", 2)
    calls = []
    monkeypatch.setattr(
        newton, "factor_hessian", lambda *arguments: calls.append(1) or factor_hessian(*arguments)
    )
    fits = fit_samples(Designs(samples), labels, ProbeSettings(tol=1e-10))
    assert calls
    assert np.all(fits.converged)
    np.testing.assert_allclose(fits.theta, plain.theta, atol=1e-6)


@pytest.mark.usefixtures("large")
def test_few_iterations_are_told_behind_a_sketch_too():
    X, labels = activations(150, 400)
    fits = fit_samples(Designs(scale_samples(X, np.arange(150), "paper")), labels, ProbeSettings(max_iter=1))
    assert not np.any(fits.converged)
    assert fits.nit.tolist() == [1] * 4


def test_sketch_inverts_the_hessian_where_its_eigenvalues_are_large():
    generator = np.random.default_rng(0)
    n, r = 600, 300
    Z1 = generator.standard_normal((n, r + 1)) * np.append(np.arange(1, r + 1) ** -1.5, 1.0)
    curvature, penalty = generator.random(n) / n, 1e-6
    hessian = Z1.T @ (curvature[:, None] * Z1) + penalty * np.diag(np.append(np.ones(r), 0.0))
    single, identity = Z1.astype(np.float32), np.eye(r + 1)
    conditions = []
    for make in (sketch_hessian, factor_hessian):
        inverse = make(single, curvature, penalty)(identity)
        np.testing.assert_allclose(inverse, inverse.T, atol=2e-3 * np.max(np.abs(inverse)))
        values = np.linalg.eigvals(inverse @ hessian).real
        conditions.append(values.max() / values.min())
    assert conditions[0] < 20.0
    assert conditions[1] < 2.0
    assert np.linalg.cond(hessian) > 1e5
    # Nothing is lost where the matrix has fewer columns than the sketch has vectors.
    assert r + 1 > RANK
    few = sketch_hessian(single[:, :50], curvature, penalty)(np.eye(50))
    exact = hessian[:50, :50]
    product = few @ exact
    np.testing.assert_allclose(product / product[1, 1], np.eye(50), atol=3e-2)  # single precision
