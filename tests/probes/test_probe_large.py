"""Large layers: Newton's method on a number a sample, recycled directions, products in blocks of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from superpos.probes import conjugate, fit, newton, row_steps, rows, thin
from superpos.probes.conjugate import factor_hessian
from superpos.probes.design import make_design, scale_samples
from superpos.probes.logistic import logistic_losses
from superpos.probes.newton import minimise
from superpos.probes.recycled import DIRECTIONS, RUNS, Memory
from superpos.probes.rows import minimise_rows, worth_rows
from superpos.probes.train import train_probes
from superpos.specs.probes import ProbeSettings

WIDE, TALL = (220, 300), (500, 60)


@pytest.fixture
def large(monkeypatch):
    """Treat small problems as large ones; lists the solutions on a number a sample, and the runs recycled."""
    for module in (newton, fit):
        monkeypatch.setattr(module, "SINGLE_SIZE", 0)
    for module in (newton, rows, thin):
        monkeypatch.setattr(module, "LARGE", 0)
    taken = {"rows": [], "recycled": []}

    def solved(*arguments):
        taken["rows"].append(minimise_rows(*arguments))
        return taken["rows"][-1]

    class Listed(Memory):
        def learn(self):
            super().learn()
            taken["recycled"].append(len(self.runs))

    monkeypatch.setattr(fit, "minimise_rows", solved)
    monkeypatch.setattr(newton, "Memory", Listed)
    return taken


def activations(n, d, seed=0, k=4):
    """Mixtures of sources of unequal variance, uncentred; labels from the sources, from half to a tenth."""
    generator = np.random.default_rng(seed)
    sources = generator.standard_t(4, size=(n, 30)) * np.arange(1, 31) ** -0.5
    X = sources @ generator.standard_normal((30, d)) + 0.3 * generator.standard_normal((n, d)) + 1.0
    scores = sources @ generator.standard_normal((30, k)) + 0.5 * generator.standard_normal((n, k))
    return X, scores > np.quantile(scores, np.linspace(0.5, 0.9, k), axis=0).diagonal()


def trained(X, labels, groups=None, train=None, **given):
    groups = np.arange(len(X)) if groups is None else groups
    train = groups % 10 < 8 if train is None else train
    names = tuple(f"feature {column}" for column in range(labels.shape[1]))
    return train_probes(X, labels, names, groups, train, ProbeSettings(**given))


def largest_gradient(probes, X, labels, C=1.0, balanced=True):
    """The largest entry of the mean objective's gradient, written out on the scaled samples."""
    Z = X[probes.train_rows] / probes.scale
    n, worst = len(Z), 0.0
    for row, positive in enumerate(labels[probes.train_rows].T):
        signs = np.where(positive, 1.0, -1.0)
        shares = np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum())
        weights = shares if balanced else np.full(n, 1.0 / n)
        margins = signs * (Z @ probes.coef_scaled[row] + probes.intercept[row])
        pull = weights * signs / (1.0 + np.exp(margins))
        slopes = probes.coef_scaled[row] / (C * n) - Z.T @ pull
        worst = max(worst, np.max(np.abs(slopes)), abs(pull.sum()))
    return worst


@pytest.mark.parametrize("shape", [WIDE, TALL])
@pytest.mark.parametrize(
    ("C", "class_weight"), [(0.01, "balanced"), (1.0, "balanced"), (1.0, "none"), (100.0, "balanced")]
)
def test_probes_are_those_of_scikit_learn(large, shape, C, class_weight):
    X, labels = activations(*shape)
    probes = trained(X, labels, C=C, class_weight=class_weight)
    assert bool(large["rows"]) == (shape == WIDE)
    if shape == TALL:
        assert max(large["recycled"]) > 1
    balanced = class_weight == "balanced"
    assert largest_gradient(probes, X, labels, C, balanced) <= 1.001e-8
    Z = X[probes.train_rows] / probes.scale
    for row, positive in enumerate(labels[probes.train_rows].T):
        exact = LogisticRegression(
            C=C,
            class_weight="balanced" if balanced else None,
            solver="newton-cholesky",
            tol=1e-11,
            max_iter=1000,
        ).fit(Z, positive)
        found, wanted = probes.coef_scaled[row], exact.coef_[0]
        assert 1.0 - found @ wanted / np.linalg.norm(found) / np.linalg.norm(wanted) < 1e-9
        assert np.linalg.norm(found - wanted) < 3e-4 * np.linalg.norm(wanted)
        assert probes.intercept[row] == pytest.approx(exact.intercept_[0], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_probes_are_those_of_small_layers(large, shape, monkeypatch):
    X, labels = activations(*shape, seed=1)
    found = trained(X, labels)
    for module in (newton, rows, thin):
        monkeypatch.setattr(module, "LARGE", 2**60)
    small = trained(X, labels, tol=1e-10)
    np.testing.assert_allclose(
        found.coef_scaled, small.coef_scaled, atol=2e-5 * np.max(np.abs(small.coef_scaled))
    )
    for one, other in zip(found.metrics, small.metrics, strict=True):
        assert one.roc_auc == pytest.approx(other.roc_auc, abs=1e-3)
    assert len(large["rows"]) == (shape == WIDE)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_a_rotation_of_the_samples_rotates_the_probes(shape):
    X, labels = activations(*shape)
    rotation, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((X.shape[1],) * 2))
    plain = trained(X, labels, scaler="none", tol=1e-10)
    turned = trained(X @ rotation, labels, scaler="none", tol=1e-10)
    np.testing.assert_allclose(turned.coef_raw @ rotation.T, plain.coef_raw, atol=1e-6)
    np.testing.assert_allclose(turned.intercept, plain.intercept, atol=1e-6)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_units_and_the_order_of_samples_do_not_matter(shape):
    X, labels = activations(*shape)
    plain = trained(X, labels, tol=1e-10)
    units = 10.0 ** np.random.default_rng(2).uniform(-1, 1, size=X.shape[1])
    np.testing.assert_allclose(
        trained(X * units, labels, tol=1e-10).coef_scaled, plain.coef_scaled, atol=1e-6
    )
    order = np.random.default_rng(3).permutation(len(X))
    groups = np.arange(len(X))
    moved = trained(X[order], labels[order], groups=groups[order], tol=1e-10)
    np.testing.assert_allclose(moved.coef_scaled, plain.coef_scaled, atol=1e-6)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("shape", [(60, 150), (300, 40)])
def test_a_sample_that_counts_twice_is_two_samples_and_one_that_does_not_is_none(shape):
    X, labels = activations(*shape)
    mean = np.full(shape[1], 0.1)
    Z1 = np.hstack([0.1 * (X - X.mean(axis=0)), np.ones((len(X), 1))])
    counts = np.random.default_rng(3).integers(0, 3, size=len(X))
    counts[:8] = 1
    written = np.repeat(np.arange(len(X)), counts)

    def solved(rows_of, **options):
        loss = logistic_losses(
            np.ascontiguousarray(Z1[rows_of]), labels[rows_of], 1.0, balanced=True, **options
        )
        solve = minimise_rows if shape[0] < shape[1] else lambda *given: minimise(*given[:3], mean=given[3])
        return solve(loss, 1e-10, 100, mean)

    counted = solved(np.arange(len(X)), counts=np.repeat(counts[:, None], 4, axis=1))
    plain = solved(written)
    assert np.all(counted.gradient_norm <= 1e-10)
    assert np.all(plain.gradient_norm <= 1e-10)
    np.testing.assert_allclose(counted.theta, plain.theta, atol=1e-6 * np.max(np.abs(plain.theta)))


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("shape", [WIDE, TALL])
@pytest.mark.parametrize("class_weight", ["balanced", "none"])
def test_constant_activations_give_no_direction(shape, class_weight):
    _, labels = activations(*shape)
    probes = trained(np.full(shape, 3.0), labels, class_weight=class_weight)
    assert np.max(np.abs(probes.coef_scaled)) < 1e-8
    assert [one.status for one in probes.metrics] == ["converged"] * 4
    for row, positive in enumerate(labels[probes.train_rows].T):
        odds = 0.0 if class_weight == "balanced" else np.log(positive.mean() / (1.0 - positive.mean()))
        at = probes.intercept[row] + 3.0 * probes.coef_raw[row].sum()
        assert at == pytest.approx(odds, abs=1e-6)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("shape", [WIDE, TALL])
@pytest.mark.parametrize("C", [1.0, 1e4])
def test_constant_columns_repeated_samples_and_separable_labels_converge(shape, C):
    X, labels = activations(*shape)
    X[:, ::7] = 2.0
    X[1::2] = X[::2]
    labels[1::2] = labels[::2]
    labels[:, 0] = X[:, 1] > np.median(X[:, 1])
    probes = trained(X, labels, groups=np.arange(len(X)) // 2, C=C, max_iter=1000)
    assert [one.status for one in probes.metrics] == ["converged"] * 4
    assert largest_gradient(probes, X, labels, C) <= 1.001e-8
    # Constant columns have the floor as scale: what rounding leaves of them is no direction.
    assert np.max(np.abs(probes.coef_scaled[:, ::7])) < 1e-6


@pytest.mark.parametrize("shape", [WIDE, TALL])
@pytest.mark.parametrize("spread", [30.0, 1e3])
def test_columns_of_very_unequal_size_converge(large, shape, spread):
    X, labels = activations(*shape)
    X *= spread ** np.random.default_rng(4).uniform(-1, 1, size=X.shape[1])
    probes = trained(X, labels, scaler="none", C=1.0 if spread < 100 else 1e-2, max_iter=1000)
    assert [one.status for one in probes.metrics] == ["converged"] * 4
    if shape == WIDE and spread > 100:
        assert large["rows"] == [None]  # single precision is no good, which the method says beforehand


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_one_feature_alone_is_the_same_probe(shape):
    X, labels = activations(*shape)
    together = trained(X, labels, tol=1e-10)
    for column in (0, 3):
        alone = trained(X, labels[:, [column]], tol=1e-10)
        np.testing.assert_allclose(alone.coef_scaled[0], together.coef_scaled[column], atol=1e-6)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_few_iterations_are_told_and_an_unreachable_tolerance_ends(shape):
    X, labels = activations(*shape)
    few = trained(X, labels, max_iter=1)
    assert [(one.status, one.nit) for one in few.metrics] == [("max_iter", 1)] * 4
    never = trained(X, labels, tol=1e-300, max_iter=40)
    assert [one.status for one in never.metrics] == ["max_iter"] * 4
    assert largest_gradient(never, X, labels) < 1e-12


def test_where_conjugate_gradients_give_up_another_method_takes_over(large, monkeypatch):
    X, labels = activations(*WIDE)
    plain = trained(X, labels, tol=1e-10)
    for module in (rows, row_steps):
        monkeypatch.setattr(module, "MAX_CG", 1)
    again = trained(X, labels, tol=1e-10)
    assert np.any(large["rows"][-1].gradient_norm > 1e-10)
    assert [one.status for one in again.metrics] == ["converged"] * 4
    np.testing.assert_allclose(again.coef_scaled, plain.coef_scaled, atol=1e-6)


def test_most_features_end_well_within_the_tolerance(large):
    X, labels = activations(*WIDE, k=12)
    trained(X, labels)
    (solution,) = large["rows"]
    assert np.max(solution.gradient_norm) <= 1e-8
    assert np.mean(solution.gradient_norm < 0.5e-8) > 0.8


def test_numbers_a_sample_are_worth_it_for_few_samples_of_many_features():
    assert worth_rows(1400, 2048, 1)
    assert worth_rows(4900, 8192, 11)
    assert not worth_rows(4900, 8192, 2)
    assert not worth_rows(2048, 1400, 11)
    assert not worth_rows(1000, 1500, 11)  # small: the bits of bundled studies


@pytest.mark.parametrize("rank", [0, 5, 40])
def test_row_steps_solve_the_newton_equations(rank, monkeypatch):
    monkeypatch.setattr(row_steps, "RANK", max(rank, 1))
    generator = np.random.default_rng(5)
    n, d, k = 40, 70, 3
    Z = (generator.standard_normal((n, d)) * np.arange(1, d + 1) ** -0.5).astype(np.float32)
    Z -= Z.mean(axis=0)
    gram = row_steps.gram_of(Z @ Z.T)
    if not rank:
        gram = row_steps.Gram(gram.K, np.zeros(0), np.zeros((n, 0)), gram.K.diagonal().astype(np.float64))
    weights = 10.0 ** generator.uniform(-6, -2, size=(k, n))
    residual, penalty = generator.standard_normal((k, n)), np.array([1e-3, 1e-2, 1e-1])
    found = row_steps.row_steps(gram, weights, residual, penalty, np.full(k, 1e-6))
    K = gram.K.astype(np.float64)
    for row in range(k):
        border = np.zeros((n + 1, n + 1))
        border[:n, :n] = weights[row][:, None] * K + penalty[row] * np.eye(n)
        border[:n, n], border[n, :n] = weights[row], 1.0
        exact = np.linalg.solve(border, np.append(residual[row], 0.0))
        np.testing.assert_allclose(found.q[row], exact[:n], atol=2e-4 * np.max(np.abs(exact[:n])))
        assert found.t[row] == pytest.approx(exact[n], rel=1e-3)
        np.testing.assert_allclose(
            found.image[row], K @ found.q[row], atol=1e-4 * np.max(np.abs(found.image))
        )
        assert abs(found.q[row].sum()) < 1e-5 * np.abs(found.q[row]).sum()


def test_a_preconditioner_of_its_own_saves_steps():
    generator = np.random.default_rng(6)
    Z = (generator.standard_normal((200, 400)) * np.arange(1, 401) ** -1.0).astype(np.float32)
    gram = row_steps.gram_of(Z @ Z.T)
    plain = row_steps.Gram(gram.K, np.zeros(0), np.zeros((200, 0)), np.zeros(200))
    weights, residual = np.full((1, 200), 5e-3), generator.standard_normal((1, 200))
    steps = [
        int(row_steps.row_steps(one, weights, residual, np.array([1e-4]), np.array([1e-3])).n_cg[0])
        for one in (plain, gram)
    ]
    assert steps[1] < 0.7 * steps[0]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), runs=st.integers(1, RUNS + 2), m=st.integers(1, DIRECTIONS))
def test_what_was_learned_is_inverted_and_the_rest_stays_positive(seed, runs, m):
    generator = np.random.default_rng(seed)
    r = 16
    square = generator.standard_normal((r, r))
    hessian = square @ square.T + 0.1 * np.eye(r)
    memory = Memory(2)
    for _ in range(runs):
        directions = (
            np.linalg.inv(np.linalg.cholesky(hessian)).T
            @ np.linalg.qr(generator.standard_normal((r, min(m, r))))[0]
        )
        for column in directions.T:
            image = hessian @ column
            memory.note(np.array([1]), column[:, None], image[:, None], np.array([column @ image]))
        memory.learn()
    assert len(memory.runs) == min(runs, RUNS)
    live = np.array([1])
    applied = np.column_stack(
        [memory.apply(lambda V: 0.5 * V, live, column[:, None])[:, 0] for column in np.eye(r)]
    )
    np.testing.assert_allclose(applied, applied.T, atol=2e-4 * np.max(np.abs(applied)))
    assert np.linalg.eigvalsh(0.5 * (applied + applied.T))[0] > 0.0
    np.testing.assert_allclose(
        applied @ hessian @ directions, directions, atol=1e-3 * np.max(np.abs(directions))
    )
    untouched = memory.apply(lambda V: 0.5 * V, np.array([0]), np.ones((r, 1)))
    np.testing.assert_allclose(untouched, 0.5, rtol=1e-6)


def test_recycled_directions_save_conjugate_gradients(monkeypatch):
    X, labels = activations(*TALL, k=6)
    X *= 10.0 ** np.random.default_rng(7).uniform(-1, 1, size=X.shape[1])
    design = make_design(scale_samples(X, np.arange(len(X)), "none"))
    loss = logistic_losses(design.Z1, labels, 10.0, balanced=True)
    spent = []

    def counted(*arguments):
        found = conjugate.newton_steps(*arguments)
        spent[-1] += int(found[2].sum())
        return found

    monkeypatch.setattr(newton, "newton_steps", counted)
    monkeypatch.setattr(newton, "PATIENCE", 10**6)  # one factor in both
    for size in (2**60, 0):
        monkeypatch.setattr(newton, "LARGE", size)
        monkeypatch.setattr(newton, "WITHIN", 1.0)
        spent.append(0)
        assert np.all(minimise(loss, 1e-8, 200, mean=design.mean).gradient_norm <= 1e-8)
    assert spent[1] < 0.8 * spent[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "r", "k"), [(1, 5, 1), (300, 7, 11), (70, 3000, 12), (9, 200_000, 3)])
def test_products_in_blocks_are_products(dtype, n, r, k, monkeypatch):
    monkeypatch.setattr(thin, "LARGE", 0)
    generator = np.random.default_rng(8)
    Z, V = generator.standard_normal((n, r)).astype(dtype), generator.standard_normal((r, k))
    found = thin.images(Z, V)
    assert found.dtype == dtype
    assert found.shape == (n, k)
    wanted = Z.astype(np.float64) @ V
    np.testing.assert_allclose(found, wanted, atol=(1e-4 if dtype == np.float32 else 1e-11) * np.sqrt(r))
    covered = [index for part in thin.blocks((n, r), 12) for index in range(n)[part]]
    assert covered == list(range(n))


def test_a_small_matrix_is_multiplied_at_once():
    Z, V = np.random.default_rng(9).standard_normal((300, 40)), np.ones((40, 3))
    assert np.array_equal(thin.products(Z, V), Z @ V)
    assert thin.blocks((1000, 1500), 12) == [slice(start, start + thin.ROWS) for start in range(0, 1000, 256)]


def test_the_scale_of_a_sketch_is_that_of_an_inverse():
    generator = np.random.default_rng(10)
    Z1 = (
        generator.standard_normal((400, 301)).astype(np.float32) * np.arange(1, 302, dtype=np.float32) ** -1.5
    )
    curvature = generator.random(400) / 400
    sketch = conjugate.sketch_hessian(Z1, curvature, 1e-3)(np.eye(301))
    factor = factor_hessian(Z1, curvature, 1e-3)(np.eye(301))
    ratio = np.diagonal(sketch)[:20] / np.diagonal(factor)[:20]
    assert np.all((ratio > 0.4) & (ratio < 2.5))
