"""C by cross-validation, beside a plain loop over scikit-learn; folds of whole groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from superpos.errors import ArgumentError
from superpos.probes.cross_validation import FOLDS, deal_groups, grid_losses
from superpos.probes.design import make_design, scale_samples
from superpos.probes.train import train_probes
from superpos.seeding import generator as seeded
from superpos.specs.probes import C_GRID, ProbeSettings

GRID = (0.01, 1.0, 100.0)


def problem(n=240, d=12, noise=3.0, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d)) + 0.5
    scores = X @ generator.standard_normal((d, 2)) + noise * generator.standard_normal((n, 2))
    labels = scores > np.quantile(scores, [0.5, 0.8], axis=0).diagonal()
    return X, labels, np.arange(n) // 3


@pytest.mark.parametrize("d", [12, 300])
@pytest.mark.parametrize("class_weight", ["balanced", "none"])
def test_losses_are_those_of_a_loop_over_scikit_learn(d, class_weight):
    X, labels, groups = problem(d=d)
    spec = ProbeSettings(C_grid=GRID, class_weight=class_weight)
    found = grid_losses(make_design(scale_samples(X, np.arange(len(X)), "paper")), labels, groups, spec)
    folds = deal_groups(labels, groups, FOLDS, seeded("sample", name="probe folds", seed=0))
    scaled = X / (10.0 * X.std(axis=0))
    expected = np.zeros(3)
    for index, C in enumerate(GRID):
        for fold in range(FOLDS):
            held = folds == fold
            for positive in labels.T:
                weight = None if class_weight == "none" else "balanced"
                model = LogisticRegression(C=C, class_weight=weight, solver="newton-cholesky", tol=1e-10)
                model.fit(scaled[~held], positive[~held])
                margins = np.where(positive, 1, -1)[held] * model.decision_function(scaled[held])
                losses = np.log1p(np.exp(-margins))
                sides = [losses[positive[held]], losses[~positive[held]]]
                mean = np.mean([side.mean() for side in sides]) if weight else losses.mean()
                expected[index] += mean / (2 * FOLDS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_one_penalty_serves_the_set_and_is_told():
    X, labels, groups = problem(d=60, noise=6.0)
    train = groups % 4 > 0
    names = ("a", "b")
    chosen = train_probes(X, labels, names, groups, train, ProbeSettings(C_grid=GRID))
    [C] = {metric.C for metric in chosen.metrics}
    assert C in GRID
    same = train_probes(X, labels, names, groups, train, ProbeSettings(C=C))
    np.testing.assert_allclose(chosen.coef_raw, same.coef_raw)
    assert [metric.C for metric in same.metrics] == [None, None]
    losses = grid_losses(
        make_design(scale_samples(X, np.flatnonzero(train), "paper")),
        labels[train],
        groups[train],
        ProbeSettings(C_grid=GRID),
    )
    assert GRID[int(np.argmin(losses))] == C


def test_noise_asks_for_a_stronger_penalty_than_a_clear_signal():
    values = []
    for noise in (0.3, 60.0):
        X, labels, groups = problem(noise=noise)
        probes = train_probes(X, labels, ("a", "b"), groups, groups % 4 > 0, ProbeSettings(C_grid=C_GRID))
        values.append(probes.metrics[0].C)
    assert values[0] > values[1]


def test_features_with_samples_of_their_own_share_the_penalty():
    X, labels, groups = problem()
    members = np.column_stack([np.arange(240) < 180, np.arange(240) >= 60])
    train = members & (groups % 4 > 0)[:, None]
    probes = train_probes(
        X, labels & members, ("a", "b"), groups, train, ProbeSettings(C_grid=GRID), members=members
    )
    assert len({metric.C for metric in probes.metrics} & set(GRID)) == 1


def test_positives_in_one_group_cannot_be_cross_validated():
    X, labels, groups = problem()
    labels[:] = (groups == 5)[:, None]
    with pytest.raises(ArgumentError, match="give C as a number"):
        train_probes(X, labels, ("a", "b"), groups, groups < 60, ProbeSettings(C_grid=GRID))


@given(st.integers(2, 6), st.integers(1, 3), st.integers(0, 10**6), st.floats(0.05, 0.5), st.integers(30, 80))
@settings(max_examples=40, deadline=None)
def test_parts_hold_whole_groups_and_even_shares(n_parts, k, seed, share, n_groups):
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups) * 7, generator.integers(1, 5, n_groups))
    labels = generator.random((len(groups), k)) < share
    parts = deal_groups(labels, groups, n_parts, np.random.default_rng(seed))
    assert set(parts) == set(range(n_parts))
    for group in np.unique(groups):
        assert len(set(parts[groups == group])) == 1
    sizes = np.bincount(parts, minlength=n_parts)
    assert np.max(np.abs(sizes / len(parts) - 1 / n_parts)) < 0.1
    for column in labels.T:
        counts = np.bincount(parts[column], minlength=n_parts)
        assert np.ptp(counts) <= max(8, 0.35 * column.sum())


@pytest.mark.parametrize("grid", [(1.0,), (1.0, 1.0), (2.0, 1.0), (0.0, 1.0), (1.0, float("nan"))])
def test_a_grid_is_ascending_positive_numbers(grid):
    with pytest.raises(ArgumentError, match="C_grid"):
        ProbeSettings(C_grid=grid)


def test_a_grid_leaves_no_other_penalty():
    assert ProbeSettings(C=3.0, C_grid=GRID) == ProbeSettings(C_grid=list(GRID))
    assert ProbeSettings(C_grid=GRID).C == 0.0
    assert ProbeSettings("lda", C_grid=GRID) == ProbeSettings("lda")
