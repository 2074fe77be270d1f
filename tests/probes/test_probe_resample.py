"""Resampled probes beside probes trained on the rows written out; ceilings where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from superpos.errors import ArgumentError
from superpos.probes.ceiling import interval, reliability
from superpos.probes.resample import AskedPsm, noise_ceilings, resample_counts, resampled_directions
from superpos.probes.train import train_probes
from superpos.specs.probes import ProbeSettings

NAMES = ("a", "b", "c")


def problem(n=300, d=15, k=3, noise=1.0, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d)) + 0.5
    scores = X @ generator.standard_normal((d, k)) + noise * d**0.5 * generator.standard_normal((n, k))
    labels = scores > np.quantile(scores, np.linspace(0.5, 0.85, k), axis=0).diagonal()
    groups = np.arange(n) // 3
    return X, labels, groups, groups % 4 > 0


def cosines(raw):
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return unit @ unit.T


def asked(X, labels, groups, train):
    """The cosines of the probes of all training samples, to be known better."""
    names = tuple("abcdefg"[: labels.shape[1]])
    estimate = cosines(train_probes(X, labels, names, groups, train, ProbeSettings()).coef_raw)
    return AskedPsm(estimate, "cosine", lambda drawn: cosines(drawn.raw))


def directions(X, labels, groups, train, kind, replicates, *, members=None, C=None, **settings):
    return list(
        resampled_directions(
            X,
            labels,
            NAMES[: labels.shape[1]],
            groups,
            train,
            ProbeSettings(**settings),
            kind=kind,
            replicates=replicates,
            members=members,
            C=C,
        )
    )


@pytest.mark.parametrize("method", ["logistic", "lda", "mean_difference"])
@pytest.mark.parametrize("kind", ["halves", "bootstrap"])
@pytest.mark.parametrize("d", [15, 300])
def test_resampled_probes_are_those_of_the_rows_written_out(method, kind, d):
    X, labels, groups, train = problem(d=d)
    found = directions(X, labels, groups, train, kind, 2, method=method, scaler="none")
    rows = np.flatnonzero(train)
    resamples = [
        counts
        for replicate in range(2)
        for counts in resample_counts(labels[train], groups[train], kind, replicate)
    ]
    assert len(found) == len(resamples) == (4 if kind == "halves" else 2)
    for (raw, scaled), counts in zip(found, resamples, strict=True):
        assert np.array_equal(raw, scaled)
        written_out = np.repeat(rows, counts)
        expected = train_probes(
            X[written_out],
            labels[written_out],
            NAMES,
            groups[written_out],
            np.ones(len(written_out), bool),
            ProbeSettings(method, scaler="none"),
        ).coef_raw
        gap = np.linalg.norm(raw - expected, axis=1) / np.linalg.norm(expected, axis=1)
        assert np.all(gap < 1e-4)


def test_halves_share_no_group_and_bootstraps_draw_whole_groups():
    _, labels, groups, train = problem()
    labels, groups = labels[train], groups[train]
    one, other = resample_counts(labels, groups, "halves", 0)
    assert np.array_equal(one + other, np.ones(len(groups)))
    assert not set(groups[one == 1]) & set(groups[other == 1])
    assert abs(one.sum() - other.sum()) <= 6
    for column in labels.T:
        assert abs(one @ column - other @ column) <= 6
    again, _ = resample_counts(labels, groups, "halves", 0)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, resample_counts(labels, groups, "halves", 1)[0])
    [drawn] = resample_counts(labels, groups, "bootstrap", 0)
    times = [set(drawn[groups == group]) for group in np.unique(groups)]
    assert all(len(values) == 1 for values in times)
    assert sum(values.pop() for values in times) == len(np.unique(groups))
    assert 0.25 < np.mean(drawn == 0) < 0.5  # a share of exp(-1) is left out


@pytest.mark.parametrize("kind", ["halves", "bootstrap"])
def test_scaled_coefficients_are_in_the_scale_of_all_training_samples(kind):
    X, labels, groups, train = problem()
    probes = train_probes(X, labels, NAMES, groups, train, ProbeSettings())
    for raw, scaled in directions(X, labels, groups, train, kind, 3):
        np.testing.assert_allclose(raw, scaled / probes.scale)
        assert np.all(np.diagonal(cosines(np.vstack([raw, probes.coef_raw]))[:3, 3:]) > 0.5)


def test_batches_do_not_change_the_probes(monkeypatch):
    X, labels, groups, train = problem()
    whole = directions(X, labels, groups, train, "bootstrap", 5)
    monkeypatch.setattr("superpos.probes.resample.BATCH", 3)
    for (one, _), (other, _) in zip(whole, directions(X, labels, groups, train, "bootstrap", 5), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_features_with_samples_of_their_own_are_resampled_among_them():
    X, labels, groups, train = problem()
    members = np.column_stack([np.arange(300) < 240, np.arange(300) >= 60, np.ones(300, bool)])
    rows = members & train[:, None]
    found = directions(X, labels & members, groups, rows, "halves", 2, members=members)
    for column in range(3):
        own = members[:, column]
        alone = list(
            resampled_directions(
                X[own],
                labels[own][:, [column]],
                ("a",),
                groups[own],
                train[own],
                ProbeSettings(),
                kind="halves",
                replicates=2,
            )
        )
        for (raw, _), (expected, _) in zip(found, alone, strict=True):
            assert np.array_equal(raw[column], expected[0])


def test_a_feature_in_one_group_is_nan_and_leaves_the_others_known():
    X, labels, groups, train = problem()
    labels[:, 2] = groups == 5
    labels[3, 2] = True
    labels[train, 2] = (groups == 5)[train]
    for raw, _ in directions(X, labels, groups, train, "halves", 1):
        assert np.all(np.isfinite(raw[:2]))
    assert any(np.isnan(raw[2]).all() for raw, _ in directions(X, labels, groups, train, "halves", 1))
    estimate = AskedPsm(np.eye(3), "cosine", lambda drawn: cosines(drawn.raw))
    [ceiling] = noise_ceilings(
        X, labels, NAMES, groups, train, ProbeSettings(), [estimate], halves=2, bootstraps=20
    )
    assert np.isnan(ceiling.low[0, 2])
    assert np.isnan(ceiling.standard_error[0, 2])
    assert np.isfinite(ceiling.low[0, 1])
    assert ceiling.reliability is None  # one pair has no correlation


def test_the_ceiling_rises_with_the_number_of_samples():
    found = []
    for n in (300, 6000):
        X, labels, groups, train = problem(n=n, k=3)
        wide = np.hstack([labels, labels[:, :1] ^ labels[:, 1:2]])
        estimate = asked(X, wide, groups, train)
        [ceiling] = noise_ceilings(
            X, wide, (*NAMES, "d"), groups, train, ProbeSettings(), [estimate], halves=5, bootstraps=40
        )
        assert np.all((ceiling.low <= estimate.estimate) & (estimate.estimate <= ceiling.high))
        found.append(ceiling)
        off = ~np.eye(4, dtype=bool)
        assert np.all(ceiling.low[off] < ceiling.high[off])
        np.testing.assert_allclose(np.diagonal(ceiling.low), 1.0)
        assert ceiling.n_resamples == 40
        np.testing.assert_allclose(ceiling.low, ceiling.low.T)
    small, large = found
    assert np.mean(large.high - large.low) < 0.5 * np.mean(small.high - small.low)
    assert large.reliability > small.reliability
    assert large.reliability > 0.9


def test_reliability_by_hand():
    generator = np.random.default_rng(0)
    one, other = (np.tril(generator.random((5, 5)), -1) for _ in range(2))
    one, other = one + one.T, other + one.T + one + other.T
    pairs = np.triu_indices(5, 1)
    r = np.corrcoef(one[pairs], other[pairs])[0, 1]
    assert reliability([one], [other]) == pytest.approx(2 * r / (1 + r))
    assert reliability([one], [one]) == pytest.approx(1.0)
    assert reliability([one], [-one]) == 0.0
    assert reliability([np.eye(5)], [one]) is None


def test_what_is_missing_or_unknown_is_refused():
    X, labels, groups, train = problem()
    with pytest.raises(ArgumentError, match="kind"):
        directions(X, labels, groups, train, "jackknife", 2)
    with pytest.raises(ArgumentError, match="replicates"):
        directions(X, labels, groups, train, "halves", 0)
    with pytest.raises(ArgumentError, match="C: must be given"):
        directions(X, labels, groups, train, "halves", 1, C_grid=(0.1, 1.0))
    given = directions(X, labels, groups, train, "halves", 1, C_grid=(0.1, 1.0), C=0.1)
    plain = directions(X, labels, groups, train, "halves", 1, C=0.1)
    assert np.array_equal(given[0][0], plain[0][0])
    with pytest.raises(ArgumentError, match="level"):
        noise_ceilings(X, labels, NAMES, groups, train, ProbeSettings(), [], level=1.0)
    wrong = [AskedPsm(np.eye(3), "cosine", lambda drawn: drawn.raw)]
    with pytest.raises(ArgumentError, match="psms: a similarity of shape"):
        noise_ceilings(X, labels, NAMES, groups, train, ProbeSettings(), wrong, halves=1, bootstraps=2)
    others = [AskedPsm(np.eye(4), "cosine", lambda drawn: cosines(drawn.raw))]
    with pytest.raises(ArgumentError, match="psms: shape"):
        noise_ceilings(X, labels, NAMES, groups, train, ProbeSettings(), others, halves=1, bootstraps=2)
    with pytest.raises(ArgumentError, match="bootstraps"):
        noise_ceilings(X, labels, NAMES, groups, train, ProbeSettings(), wrong, halves=1, bootstraps=1)


def test_the_interval_by_hand():
    estimate = np.array([[1.0, 0.4], [0.4, 1.0]])
    pair = np.tanh(np.arctanh(0.4) + np.array([-0.3, -0.1, 0.0, -0.2]))
    drawn = np.array([[[1.0, c], [c, 1.0]] for c in pair])
    low, high, error = interval(estimate, drawn, "cosine")
    u, s, t = np.arctanh(0.4), np.std([-0.3, -0.1, 0.0, -0.2], ddof=1), 3.182446305284263
    assert low[0, 1] == pytest.approx(np.tanh(u - t * s))
    assert high[0, 1] == pytest.approx(np.tanh(u + 0.15 + t * s))  # the bias is -0.15
    assert error[0, 1] == pytest.approx(s * (1 - 0.4**2))
    np.testing.assert_allclose([low[0, 0], high[0, 0], error[0, 0]], [1.0, 1.0, 0.0], atol=1e-14)


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
def test_intervals_stay_in_the_range_and_hold_the_estimate(similarity):
    generator = np.random.default_rng(3)
    estimate = np.array([1.0, 0.999, 0.5, 1e-9, 0.0])
    spread = generator.uniform(0.5 if similarity == "rbf" else -1.0, 1.0, (30, 5))
    drawn = np.clip(estimate * spread, -1.0, 1.0)
    low, high, error = interval(estimate, drawn, similarity)
    lowest = 0.0 if similarity == "rbf" else -1.0
    assert np.all((lowest <= low) & (low <= estimate) & (estimate <= high) & (high <= 1.0))
    assert np.all(np.isfinite(error) & (error >= 0.0))
    assert np.all(low[1:3] < high[1:3])


@pytest.mark.parametrize("shift", [0.0, -0.5])
def test_intervals_cover_what_the_estimate_varies_around(shift):
    """Normal estimates on the scale, replicates to one side of them: coverage of the mean, few replicates."""
    generator = np.random.default_rng(5)
    center, spread, n = np.arctanh(0.3), 0.1, 4000
    places = center + spread * generator.standard_normal(n)
    replicates = places + spread * (shift + generator.standard_normal((20, n)))
    low, high, error = interval(np.tanh(places), np.tanh(replicates), "cosine")
    covered = np.mean((low <= 0.3) & (high >= 0.3))
    assert (0.94 if shift == 0.0 else 0.95) < covered < 0.985
    assert np.median(error) == pytest.approx(spread * (1 - 0.3**2), rel=0.1)
    tails = np.percentile(np.tanh(replicates), [2.5, 97.5], axis=0)
    assert np.mean((tails[0] <= 0.3) & (tails[1] >= 0.3)) < 0.91
