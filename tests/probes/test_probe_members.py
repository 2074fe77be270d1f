"""Features with samples of their own: as if each were trained alone on them."""

from __future__ import annotations

import numpy as np
import pytest

from superpos.errors import ArgumentError
from superpos.probes.permutation import permute_labels
from superpos.probes.train import train_probes
from superpos.specs.probes import ProbeSettings

NAMES = ("first", "second", "third")


def problem(n=400, d=12, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d)) * 10.0 ** generator.uniform(-1, 1, d) + 1.0
    scores = (X / X.std(axis=0)) @ generator.standard_normal((d, 3))
    labels = scores > np.quantile(scores, [0.5, 0.7, 0.9], axis=0).diagonal()
    rows = np.arange(n)
    members = np.column_stack([rows < 250, rows % 2 == 0, rows >= 100])
    train = members & (rows % 10 < np.array([7, 6, 8])[:, None]).T
    return X, labels & members, members, train


def run(X, labels, members, train, *, names=NAMES, replicate=-1, **settings):
    return train_probes(
        X,
        labels,
        names,
        np.arange(len(X)),
        train,
        ProbeSettings(**settings),
        label_replicate=replicate,
        members=members,
    )


@pytest.mark.parametrize("replicate", [-1, 0])
@pytest.mark.parametrize("method", ["logistic", "lda", "mean_difference"])
@pytest.mark.parametrize("d", [12, 300])
def test_each_feature_is_trained_as_if_alone(method, replicate, d):
    X, labels, members, train = problem(d=d)
    probes = run(X, labels, members, train, method=method, replicate=replicate)
    assert probes.scale.shape == (3, d)
    assert np.array_equal(probes.train_rows, train)
    for column, name in enumerate(NAMES):
        own = members[:, column]
        alone = train_probes(
            X[own],
            labels[own][:, [column]],
            (name,),
            np.arange(own.sum()),
            train[own, column],
            ProbeSettings(method),
            label_replicate=replicate,
        )
        assert np.array_equal(alone.coef_raw[0], probes.coef_raw[column])
        assert np.array_equal(alone.coef_scaled[0], probes.coef_scaled[column])
        assert np.array_equal(alone.scale, probes.scale[column])
        assert alone.intercept[0] == probes.intercept[column]
        assert alone.metrics[0] == probes.metrics[column]
        assert probes.metrics[column].n_train == train[:, column].sum()
        assert probes.metrics[column].n_test == own.sum() - train[:, column].sum()
        assert probes.metrics[column].n_positive == labels[own, column].sum()


def test_members_everywhere_are_the_ordinary_case_bit_for_bit():
    X, labels, _, _ = problem()
    train = np.arange(len(X)) % 4 > 0
    plain = run(X, labels, None, train)
    everywhere = run(X, labels, np.ones_like(labels), train)
    assert np.array_equal(plain.coef_raw, everywhere.coef_raw)
    assert np.array_equal(plain.scale, everywhere.scale)
    assert plain.metrics == everywhere.metrics
    assert plain.scale.shape == (X.shape[1],)


def test_samples_of_others_change_nothing():
    X, labels, members, train = problem()
    before = run(X, labels, members, train)
    changed = X.copy()
    changed[~members[:, 0]] *= 3.0
    after = run(changed, labels, members, train)
    assert np.array_equal(before.coef_raw[0], after.coef_raw[0])
    assert not np.array_equal(before.coef_raw[2], after.coef_raw[2])


def test_labels_are_permuted_among_the_training_samples_of_the_feature():
    X, labels, members, train = problem()
    control = run(X, labels, members, train, replicate=3)
    by_hand = labels.copy()
    for column in range(3):
        rows = train[:, column]
        own = permute_labels(labels[rows][:, [column]], NAMES[column : column + 1], np.flatnonzero(rows), 3)
        by_hand[rows, column] = own.labels[:, 0]
    assert np.array_equal(run(X, by_hand, members, train).coef_raw, control.coef_raw)


def test_a_feature_without_both_classes_among_its_own_samples_is_left_out():
    X, labels, members, train = problem()
    labels[:, 0] = members[:, 0]  # no negative of its own, though others have samples without the label
    labels[:, 1] &= ~train[:, 1]
    probes = run(X, labels, members, train)
    assert [metric.status for metric in probes.metrics] == ["no_negatives", "too_few", "converged"]
    assert probes.feature_names == ("third",)
    assert probes.scale.shape == (1, X.shape[1])
    assert probes.train_rows.shape == (len(X), 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"members": np.ones((400, 2), bool)}, r"members: bool \(400, 2\) is not boolean \(400, 3\)"),
        ({"members": np.ones((400, 3))}, "members: float64"),
        ({"train": np.arange(400) < 300}, r"train_rows: bool \(400,\) is not boolean \(400, 3\)"),
        ({"train": np.ones((400, 3), bool)}, "not its own"),
        ({"train": np.zeros((400, 3), bool)}, "no training samples"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, message):
    X, labels, members, train = problem()
    with pytest.raises(ArgumentError, match=message):
        run(**({"X": X, "labels": labels, "members": members, "train": train} | change))


def test_a_group_on_both_sides_of_one_feature_is_refused():
    X, labels, members, train = problem()
    groups = np.arange(len(X)) // 2 * 2  # neighbours share a group; the second feature has only one of them
    with pytest.raises(ArgumentError, match="both sides"):
        train_probes(X, labels, NAMES, groups, train, ProbeSettings(), members=members)
