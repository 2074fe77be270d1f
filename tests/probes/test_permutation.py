"""What changes places in the control `shuffled_labels`, and whether it gives the right null distribution."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import stats

from superpos.errors import NotPermutableError
from superpos.probes.permutation import describe, permute_labels
from superpos.probes.train import train_probes
from superpos.specs.probes import ProbeSettings

NAMES = ("first", "second", "third")


def grouped(sizes, seed=0, k=3):
    """Exclusive classes, one a group, and the group of every row."""
    draw = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    classes = np.concatenate([np.arange(k), draw.integers(k, size=len(sizes) - k)])
    return np.eye(k, dtype=bool)[classes][group], group


def varying(sizes, seed=0, k=3):
    group = np.repeat(np.arange(len(sizes)), sizes)
    labels = np.random.default_rng(seed).random((len(group), k)) < [0.2, 0.4, 0.6][:k]
    labels[:, 1] |= labels[:, 0]  # correlated features
    return labels, group


def as_numbers(labels):
    return labels @ (1 << np.arange(labels.shape[1]))


def test_constant_labels_change_places_by_whole_groups_of_any_size() -> None:
    labels, group = grouped([1, 5, 2, 9, 3, 3, 7, 4])
    found = permute_labels(labels, NAMES, group, 0)
    assert (found.unit, found.n_groups) == ("groups", 8)
    first = np.unique(group, return_index=True)[1]
    assert np.array_equal(found.labels, found.labels[first][group])  # still constant within groups
    assert sorted(as_numbers(found.labels[first])) == sorted(as_numbers(labels[first]))
    assert not np.array_equal(found.labels, labels)
    assert found.share_changed == np.mean(np.any(found.labels != labels, axis=1))


def test_with_groups_neither_the_order_nor_the_number_of_samples_matters() -> None:
    labels, group = grouped([1, 5, 2, 9, 3, 3, 7, 4])
    found = permute_labels(labels, NAMES, group, 1)
    order = np.random.default_rng(0).permutation(len(group))
    assert np.array_equal(permute_labels(labels[order], NAMES, group[order], 1).labels, found.labels[order])
    twice = np.repeat(np.arange(len(group)), 2)
    doubled = permute_labels(labels[twice], NAMES, group[twice], 1)
    assert np.array_equal(doubled.labels, found.labels[twice])
    renamed = np.array(list("abcdefgh"))[group]
    assert np.array_equal(permute_labels(labels, NAMES, renamed, 1).labels, found.labels)


def test_a_group_of_one_sample_makes_it_a_permutation_of_rows() -> None:
    labels, _ = varying([1] * 300)
    found = permute_labels(labels, NAMES, np.arange(300), 0)
    assert found.unit == "groups"
    assert sorted(as_numbers(found.labels)) == sorted(as_numbers(labels))


def test_varying_labels_stay_within_groups_of_one_size_and_rows_stay_together() -> None:
    sizes = [4] * 12 + [7] * 9 + [11]
    labels, group = varying(sizes)
    found = permute_labels(labels, NAMES, group, 0)
    assert (found.unit, found.n_groups) == ("rows", 22)

    def blocks(values, size):
        return sorted(tuple(sorted(as_numbers(values[group == g]))) for g, s in enumerate(sizes) if s == size)

    for size in (4, 7, 11):
        assert blocks(found.labels, size) == blocks(labels, size)
    same = [
        sorted(as_numbers(found.labels[group == g])) == sorted(as_numbers(labels[group == g]))
        for g in range(22)
    ]
    assert same[-1]  # alone in its size
    assert not all(same)
    assert np.array_equal(found.labels.sum(axis=0), labels.sum(axis=0))


def test_a_replicate_is_one_draw_and_replicates_differ() -> None:
    for labels, group in (grouped([3] * 40), varying([5] * 40)):
        draws = [permute_labels(labels, NAMES, group, replicate).labels for replicate in (0, 0, 1)]
        assert np.array_equal(draws[0], draws[1])
        assert not np.array_equal(draws[0], draws[2])


def test_the_draw_does_not_depend_on_the_labels() -> None:
    """Replicate r of another set on the same groups is the same exchange of groups."""
    one, group = grouped([3] * 40, seed=1)
    other, _ = grouped([3] * 40, seed=2)
    both = permute_labels(np.hstack([one, other]), NAMES * 2, group, 0).labels
    assert np.array_equal(permute_labels(one, NAMES, group, 0).labels, both[:, :3])
    assert np.array_equal(permute_labels(other, NAMES, group, 0).labels, both[:, 3:])


@pytest.mark.parametrize("replicate", range(40))
def test_no_replicate_is_the_labels_as_they_are(replicate: int) -> None:
    """Of two groups half of all draws would be the identity."""
    labels = np.array([[True], [True], [False]])
    found = permute_labels(labels, ("only",), np.array([0, 0, 1]), replicate)
    assert found.labels[:, 0].tolist() == [False, False, True]
    assert found.share_changed == 1.0
    rows = permute_labels(np.array([[True], [False]]), ("only",), np.zeros(2), replicate)
    assert (rows.unit, rows.labels[:, 0].tolist()) == ("rows", [False, True])


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        ([[1], [1], [1]], [0, 0, 0], "labels of a: cannot be permuted: they are alike in the one group"),
        ([[1], [1], [1]], [0, 0, 1], "labels of a: cannot be permuted: they are alike in all 2 groups"),
        (  # b is constant within two groups of different sizes, while a varies
            [[1, 1], [0, 1], [1, 0], [0, 0], [0, 0]],
            [0, 0, 1, 1, 1],
            "labels of b: cannot be permuted: they are alike within every group and in all groups of",
        ),
    ],
)
def test_what_no_exchange_changes_is_refused(
    labels: list[list[int]], groups: list[int], message: str
) -> None:
    values = np.array(labels, dtype=bool)
    with pytest.raises(NotPermutableError, match=message) as caught:
        permute_labels(values, ("a", "b")[: values.shape[1]], np.array(groups), 0)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 (bytes of our own)


def test_it_is_said_what_was_done() -> None:
    whole = permute_labels(*grouped([4] * 10)[:1], NAMES, grouped([4] * 10)[1], 0)
    assert describe([]) == ("", "")
    unit, note = describe([(NAMES, whole)])
    assert unit == "groups"
    assert f"10 groups, {round(100 * whole.share_changed)} % of the training samples" in note
    labels, group = varying([5] * 8)
    within = permute_labels(labels, NAMES, group, 0)
    assert describe([(NAMES, within)])[0] == "rows"
    unit, note = describe([(("x", "y"), whole), (("z",), within)])
    assert unit == "mixed"
    assert "(x, y)" in note
    assert "(z)" in note
    assert "8 to 10 groups" in note


def separation(X, labels):
    """Squared distance of the class means: large where labels have something to do with activations."""
    difference = X[labels].mean(axis=0) - X[~labels].mean(axis=0)
    return float(difference @ difference)


def ranks(permuted, n_sets, n_replicates, make):
    """Rank of the statistic of the labels as they are among its replicates, for data without a signal."""
    found = []
    for seed in range(n_sets):
        X, labels, group = make(np.random.default_rng(seed))
        null = [separation(X, permuted(labels, group, r)) for r in range(n_replicates)]
        found.append(sum(value < separation(X, labels) for value in null))
    return np.bincount(found, minlength=n_replicates + 1)


def by_groups(labels, group, replicate):
    return permute_labels(labels[:, None], ("only",), group, replicate).labels[:, 0]


def by_rows(labels, group, replicate):
    return permute_labels(labels[:, None], ("only",), np.arange(len(group)), replicate).labels[:, 0]


def no_signal(draw):
    """Random effects of groups of unequal size, labels drawn for groups: no signal, but dependent samples."""
    group = np.repeat(np.arange(24), draw.integers(3, 15, size=24))
    labels = draw.permutation(np.arange(24) % 2 == 0)[group]
    return draw.standard_normal((24, 4))[group] + 0.5 * draw.standard_normal((len(group), 4)), labels, group


def no_signal_within(draw):
    """The same with labels that vary within groups, each group with a share of its own."""
    group = np.repeat(np.arange(24), 8)
    labels = draw.random(len(group)) < draw.uniform(0.05, 0.95, size=24)[group]
    return draw.standard_normal((24, 4))[group] + 0.5 * draw.standard_normal((len(group), 4)), labels, group


@pytest.mark.parametrize("make", [no_signal, no_signal_within])
def test_the_planted_null_is_uniform_with_groups_and_not_with_rows(make) -> None:
    n_sets, n_replicates = 200, 9
    right = ranks(by_groups, n_sets, n_replicates, make)
    wrong = ranks(by_rows, n_sets, n_replicates, make)
    assert stats.chisquare(right).pvalue > 1e-3
    assert wrong[-1] > 0.4 * n_sets  # above all replicates, where a tenth is right
    assert stats.chisquare(wrong).pvalue < 1e-12


def test_probes_record_what_was_exchanged_and_measure_on_the_labels_as_they_are() -> None:
    labels, group = grouped([6] * 40)
    X = np.random.default_rng(3).standard_normal((len(group), 10))
    train = group % 10 < 7
    probes = train_probes(X, labels, NAMES, group, train, ProbeSettings(), label_replicate=2)
    found = permute_labels(labels[train], NAMES, group[train], 2)
    assert probes.label_permutation == "groups"
    assert probes.permutation_note == describe([(NAMES, found)])[1]
    by_hand = labels.copy()
    by_hand[train] = found.labels
    again = train_probes(X, by_hand, NAMES, group, train, ProbeSettings())
    assert np.array_equal(again.coef_raw, probes.coef_raw)
    assert (again.label_permutation, again.permutation_note) == ("", "")
    for column, metrics in enumerate(probes.metrics):
        assert metrics.n_positive == found.labels[:, column].sum() + labels[~train, column].sum()


def test_features_with_samples_of_their_own_have_a_permutation_of_their_own() -> None:
    labels, group = grouped([6] * 40)
    labels = labels[:, :2].copy()
    labels[:, 1] = np.random.default_rng(0).random(len(group)) < 0.5  # varies within groups
    members = np.column_stack([group < 30, group >= 10])
    train = members & (group % 10 < 7)[:, None]
    X = np.random.default_rng(3).standard_normal((len(group), 10))
    probes = train_probes(
        X, labels & members, ("a", "b"), group, train, ProbeSettings(), label_replicate=0, members=members
    )
    assert probes.label_permutation == "mixed"
    assert "(a)" in probes.permutation_note
    assert "(b)" in probes.permutation_note


def test_probes_of_a_feature_that_cannot_be_permuted_are_refused() -> None:
    group = np.array([0, 0, 1, 1, 1, 2, 2, 3, 3, 3])
    labels = np.array([[1, 1], [0, 1], [1, 0], [0, 0], [0, 0], [1, 1], [0, 1], [1, 0], [0, 0], [0, 0]], bool)
    X = np.random.default_rng(0).standard_normal((10, 2))
    with pytest.raises(NotPermutableError, match="labels of b: cannot be permuted"):
        train_probes(X, labels, ("a", "b"), group, group < 2, ProbeSettings(), label_replicate=0)
