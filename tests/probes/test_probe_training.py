"""Probes against scikit-learn, against SciPy on the plain objective, and on planted directions."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info, threadpool_limits

from superpos.errors import ArgumentError
from superpos.probes.design import make_design, scale_samples, scaler_scale
from superpos.probes.permutation import permute_labels
from superpos.probes.train import train_probes
from superpos.specs.probes import ProbeSettings

NAMES = ("first", "second", "third")


def planted(n, d, seed=0, n_features=3, noise=1.0):
    """Uncentred activations of very unequal spread, labels from random directions in them."""
    generator = np.random.default_rng(seed)
    spread = 10.0 ** generator.uniform(-2, 1, size=d)
    X = generator.standard_normal((n, d)) * spread + generator.standard_normal(d)
    directions = generator.standard_normal((n_features, d)) / spread
    scores = (X - X.mean(axis=0)) @ directions.T + noise * d**0.5 * generator.standard_normal((n, n_features))
    labels = scores > np.array([0.0, 0.8, 1.6])[:n_features] * d**0.5
    train = np.arange(n) % 10 < 7
    return X, labels, train, directions


def run(X, labels, train, *, label_replicate=-1, names=NAMES, **settings):
    return train_probes(
        X, labels, names, np.arange(len(X)), train, ProbeSettings(**settings), label_replicate=label_replicate
    )


def cosines(a, b):
    return np.sum(a * b, axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def plain_objective(theta, X, y, C, weights):
    """C sum_i c_i log(1 + exp(-y_i f_i)) + |w|^2 / 2, the one scikit-learn documents, with its gradient."""
    margins = y * (X @ theta[:-1] + theta[-1])
    pull = -C * weights * y / (1.0 + np.exp(margins))
    value = C * weights @ np.log1p(np.exp(-margins)) + 0.5 * theta[:-1] @ theta[:-1]
    return value, np.append(X.T @ pull + theta[:-1], pull.sum())


@pytest.mark.parametrize("shape", [(300, 20), (90, 200)])
@pytest.mark.parametrize(("C", "class_weight"), [(1.0, "balanced"), (0.01, "none"), (100.0, "balanced")])
def test_coefficients_are_those_of_scikit_learn_on_the_scaled_activations(shape, C, class_weight):
    X, labels, train, _ = planted(*shape)
    probes = run(X, labels, train, C=C, class_weight=class_weight)
    scaled = X[train] / (10.0 * np.maximum(X[train].std(axis=0), 1e-3))
    for row, column in enumerate(range(3)):
        reference = LogisticRegression(
            C=C,
            class_weight=None if class_weight == "none" else "balanced",
            solver="newton-cholesky",
            tol=1e-10,
            max_iter=1000,
        ).fit(scaled, labels[train, column])
        exact = reference.coef_[0]
        gap = np.linalg.norm(probes.coef_scaled[row] - exact) / np.linalg.norm(exact)
        assert gap < 1e-5
        assert cosines(probes.coef_scaled[[row]], reference.coef_)[0] > 1 - 1e-10
        assert probes.intercept[row] == pytest.approx(reference.intercept_[0], rel=1e-5, abs=1e-6)
    assert [metric.status for metric in probes.metrics] == ["converged"] * 3


@pytest.mark.parametrize("shape", [(120, 8), (40, 60)])
def test_no_minimum_of_the_plain_objective_is_lower(shape):
    X, labels, train, _ = planted(*shape, seed=3)
    probes = run(X, labels, train, C=2.0)
    scaled = X[train] / probes.scale
    n = int(train.sum())
    for row in range(3):
        positive = labels[train, row]
        weights = np.where(positive, n / (2 * positive.sum()), n / (2 * (n - positive.sum())))
        y = np.where(positive, 1.0, -1.0)
        own = np.append(probes.coef_scaled[row], probes.intercept[row])
        value, gradient = plain_objective(own, scaled, y, 2.0, weights)
        assert np.max(np.abs(gradient)) / (2.0 * n) <= 1e-8
        found = minimize(
            plain_objective,
            np.zeros_like(own),
            args=(scaled, y, 2.0, weights),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 20000, "maxfun": 40000, "ftol": 1e-15, "gtol": 1e-9},
        )
        assert value <= found.fun * (1 + 1e-12)
        np.testing.assert_allclose(own, found.x, atol=2e-4 * np.linalg.norm(found.x))


@pytest.mark.parametrize("shape", [(200, 30), (60, 150)])
def test_both_back_ends_find_the_same_probes(shape):
    X, labels, train, _ = planted(*shape, seed=1)
    own, reference = run(X, labels, train), run(X, labels, train, backend="sklearn")
    assert np.all(cosines(own.coef_raw, reference.coef_raw) > 1 - 1e-10)
    assert [metric.status for metric in reference.metrics] == ["converged"] * 3
    for mine, theirs in zip(own.metrics, reference.metrics, strict=True):
        assert mine.roc_auc == theirs.roc_auc
        assert mine.norm == pytest.approx(theirs.norm, rel=1e-6)


def test_reduction_to_the_span_of_the_samples_is_exact():
    X, labels, train, _ = planted(60, 150, seed=2)
    scaled = X[train] / (10.0 * np.maximum(X[train].std(axis=0), 1e-3))
    design = make_design(scale_samples(X, np.flatnonzero(train), "paper"))
    coordinates, basis = design.Z1[:, :-1], design.span(np.eye(42))
    assert design.Z1.shape == (42, 43)
    np.testing.assert_allclose(coordinates @ basis.T, scaled - scaled.mean(axis=0), atol=1e-8)
    tall = make_design(scale_samples(X[:, :30], np.flatnonzero(train), "paper"))
    np.testing.assert_allclose(tall.Z1[:, :-1], (scaled - scaled.mean(axis=0))[:, :30], atol=1e-12)
    assert np.array_equal(tall.span(np.eye(30)), np.eye(30))
    probes = run(X, labels, train)
    # The same problem with every coordinate doubled in number by zeros has n < d and the same solution.
    wide = run(np.hstack([X, np.zeros_like(X)]), labels, train)
    np.testing.assert_allclose(wide.coef_scaled[:, :150], probes.coef_scaled, atol=1e-7)
    np.testing.assert_allclose(wide.coef_scaled[:, 150:], 0.0, atol=1e-12)


def test_raw_coefficients_score_the_activations_themselves():
    X, labels, train, _ = planted(200, 12)
    probes = run(X, labels, train)
    np.testing.assert_allclose(probes.coef_raw @ X.T, probes.coef_scaled @ (X / probes.scale).T, rtol=1e-10)
    np.testing.assert_allclose(probes.scale, 10.0 * X[train].std(axis=0))
    assert [metric.norm for metric in probes.metrics] == pytest.approx(
        np.linalg.norm(probes.coef_raw, axis=1)
    )


def test_a_planted_direction_is_recovered():
    X, labels, train, directions = planted(4000, 16, noise=0.3)
    probes = run(X, labels, train, C=100.0)
    spread = X.std(axis=0)
    assert np.all(cosines(probes.coef_raw * spread, directions * spread) > 0.98)
    assert all(metric.roc_auc > 0.95 for metric in probes.metrics)


def test_scale_has_a_floor_and_does_not_centre():
    X = np.array([[0.0, 5.0, 1e-6], [2.0, 5.0, -1e-6]])
    np.testing.assert_allclose(scaler_scale(X), [10.0, 0.01, 0.01])
    assert scale_samples(X, np.arange(2), "none").scale.tolist() == [1.0, 1.0, 1.0]


def test_float32_activations_are_solved_in_double():
    X, labels, train, _ = planted(300, 20)
    single = X.astype(np.float32)
    a, b = run(single, labels, train), run(single.astype(np.float64), labels, train)
    assert np.array_equal(a.coef_scaled, b.coef_scaled)


@pytest.mark.parametrize("class_weight", ["balanced", "none"])
def test_constant_activations_give_zero_coefficients(class_weight):
    _, labels, train, _ = planted(200, 6)
    probes = run(np.full((200, 6), 3.0), labels, train, class_weight=class_weight)
    assert np.max(np.abs(probes.coef_scaled)) < 1e-8
    for row, metric in enumerate(probes.metrics):
        share = labels[train, row].mean()
        odds = 0.0 if class_weight == "balanced" else np.log(share / (1 - share))
        assert metric.status == "converged"
        assert metric.roc_auc == 0.5 or class_weight == "none"
        assert metric.balanced_accuracy == 0.5
        assert probes.intercept[row] + probes.coef_raw[row].sum() * 3.0 == pytest.approx(odds, abs=1e-6)


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_separable_classes_converge_under_a_weak_penalty(noise):
    X, labels, train, _ = planted(200, 10, noise=noise)
    probes = run(X, labels, train, C=1e4)
    assert [metric.status for metric in probes.metrics] == ["converged"] * 3


def test_a_probe_that_may_not_iterate_enough_says_so():
    X, labels, train, _ = planted(200, 10)
    for backend in ("newton", "sklearn"):
        probes = run(X, labels, train, max_iter=1, backend=backend)
        assert [metric.status for metric in probes.metrics] == ["max_iter"] * 3
        assert [metric.nit for metric in probes.metrics] == [1] * 3


def test_features_without_both_classes_are_left_out_and_reported():
    X, labels, train, _ = planted(200, 10)
    held_out_only = ~train & labels[:, 0]
    wide = np.column_stack(
        [np.zeros(200, bool), labels[:, 0], np.ones(200, bool), held_out_only, ~held_out_only]
    )
    names = ("never", "first", "always", "late", "early")
    probes = run(X, wide, train, names=names)
    assert [metric.status for metric in probes.metrics] == [
        "no_positives",
        "converged",
        "no_negatives",
        "too_few",
        "too_few",
    ]
    assert probes.feature_names == ("first",)
    assert probes.coef_raw.shape == (1, 10)
    assert [metric.feature for metric in probes.metrics] == list(names)
    assert probes.metrics[0].roc_auc is None
    assert probes.metrics[0].norm is None
    assert probes.metrics[3].n_positive == held_out_only.sum()
    alone = run(X, labels[:, :1], train, names=("first",))
    assert np.array_equal(alone.coef_raw, probes.coef_raw)
    none = run(X, wide[:, :1], train, names=("never",))
    assert none.coef_raw.shape == (0, 10)


@pytest.mark.parametrize("shape", [(300, 40), (90, 200)])
def test_a_feature_has_the_same_probe_alone_and_among_others(shape):
    X, labels, train, _ = planted(*shape)
    together = run(X, labels, train)
    assert np.array_equal(together.coef_raw, run(X, labels, train).coef_raw)
    for column, name in enumerate(NAMES):
        alone = run(X, labels[:, [column]], train, names=(name,))
        gap = np.linalg.norm(alone.coef_scaled[0] - together.coef_scaled[column])
        assert gap < 1e-5 * np.linalg.norm(alone.coef_scaled[0])
        assert alone.metrics[0].roc_auc == together.metrics[column].roc_auc


def test_bits_do_not_depend_on_the_threads_of_the_caller():
    X, labels, train, _ = planted(700, 120)
    with threadpool_limits(limits=1):
        one = run(X, labels, train)
    with threadpool_limits(limits=2):
        before = [library["num_threads"] for library in threadpool_info()]
        two = run(X, labels, train)
        assert [library["num_threads"] for library in threadpool_info()] == before
    assert np.array_equal(one.coef_raw, two.coef_raw)
    assert np.array_equal(one.intercept, two.intercept)


def test_shuffled_probes_know_nothing_and_leave_the_held_out_labels_alone():
    X, labels, train, _ = planted(4000, 200, noise=0.1)
    plain, shuffled = run(X, labels, train), run(X, labels, train, label_replicate=0)
    for real, control in zip(plain.metrics, shuffled.metrics, strict=True):
        assert real.roc_auc > 0.95
        assert abs(control.roc_auc - 0.5) < 0.15
        assert real.n_positive == control.n_positive
    manual = labels.copy()
    names = tuple(metric.feature for metric in plain.metrics)
    manual[train] = permute_labels(labels[train], names, np.flatnonzero(train), 0).labels
    assert np.array_equal(run(X, manual, train).coef_raw, shuffled.coef_raw)
    assert not np.array_equal(shuffled.coef_raw, run(X, labels, train, label_replicate=1).coef_raw)


def test_one_vs_rest_probes_of_exclusive_classes_form_a_simplex_on_noise():
    """Mean cosine near -1 / (k - 1) on pure noise, -0.237 measured at k = 5."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((1000, 300))
    labels = np.eye(5, dtype=bool)[np.arange(1000) % 5]
    train = np.ones(1000, dtype=bool)
    train[::10] = False
    probes = run(X, labels, train, names=tuple("abcde"), label_replicate=0)
    unit = probes.coef_raw / np.linalg.norm(probes.coef_raw, axis=1, keepdims=True)
    mean = (unit @ unit.T)[np.triu_indices(5, 1)].mean()
    assert -0.25 <= mean < -0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activations": np.zeros(8)}, "activations: float64"),
        ({"activations": np.zeros((8, 2), int)}, "not a matrix of floating-point numbers"),
        ({"activations": np.full((8, 2), np.nan)}, "activations: 16 entries are not finite"),
        ({"labels": np.zeros((8, 1))}, "labels: float64"),
        ({"labels": np.zeros((8, 2), bool)}, r"labels: bool \(8, 2\) is not boolean \(8, 1\)"),
        ({"train_rows": np.zeros(8, int)}, "train_rows: int64"),
        ({"train_rows": np.zeros(8, bool)}, "no training samples"),
        ({"groups": np.zeros(7)}, "groups: shape"),
        ({"groups": np.zeros(8)}, "a group has samples on both sides"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, message):
    arguments = {
        "activations": np.zeros((8, 2)),
        "labels": np.zeros((8, 1), bool),
        "feature_names": ("a",),
        "groups": np.arange(8),
        "train_rows": np.arange(8) < 5,
        "settings": ProbeSettings(),
    }
    with pytest.raises(ArgumentError, match=message):
        train_probes(**(arguments | change))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "logistc"}, "did you mean 'logistic'"),
        ({"C": 0.0}, "C: 0 must be above 0"),
        ({"C": float("nan")}, "C: nan is not finite"),
        ({"class_weight": None}, "allowed: balanced, none"),
        ({"scaler": "standard"}, "allowed: paper, none"),
        ({"backend": "torch"}, "allowed: newton, sklearn"),
        ({"test_fraction": 1.0}, "must be below 1"),
        ({"test_fraction": 0.0}, "must be above 0"),
        ({"split_seed": -1}, "split_seed"),
        ({"tol": -1e-8}, "tol"),
        ({"max_iter": 0}, "max_iter"),
    ],
)
def test_settings_are_checked(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        ProbeSettings(**arguments)


def test_settings_that_a_method_does_not_read_are_neutral():
    assert ProbeSettings("mean_difference", C=3.0) == ProbeSettings(
        "mean_difference", tol=1e-3, backend="sklearn"
    )
    assert ProbeSettings("mean_difference").scaler == "none"
    lda = ProbeSettings("lda", C=3.0)
    assert (lda.C, lda.max_iter, lda.scaler, lda.class_weight) == (0.0, 0, "paper", "balanced")


def test_importing_the_package_imports_no_scikit_learn():
    code = "import sys, superpos.probes, superpos.specs.probes; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
