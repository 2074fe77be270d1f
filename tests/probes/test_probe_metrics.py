"""Metrics against counts by hand, pair counts and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as theirs

from superpos.probes.metrics import HeldOut, held_out_metrics


def test_counts_by_hand():
    positive = np.array([1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    scores = np.array([2.0, 0.5, -1.0, 1.0, -0.5, -2.0, -3.0, -4.0])  # TP 2, FN 1, FP 1, TN 4
    found = held_out_metrics(positive, scores)
    assert found.accuracy == pytest.approx(6 / 8)
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found.f1 == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert found.mcc == pytest.approx((2 * 4 - 1 * 1) / math.sqrt(3 * 3 * 5 * 5))
    assert found.roc_auc == pytest.approx(12 / 15)
    assert found.average_precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 5) / 3)


@given(
    arrays(bool, st.integers(2, 40)).filter(lambda labels: labels.any() and not labels.all()),
    st.integers(0, 10**6),
)
def test_area_under_the_curve_is_the_share_of_ordered_pairs(positive, seed):
    scores = np.random.default_rng(seed).integers(-3, 4, size=positive.size).astype(float)
    gaps = scores[positive][:, None] - scores[~positive][None]
    expected = np.mean((gaps > 0) + 0.5 * (gaps == 0))
    assert held_out_metrics(positive, scores).roc_auc == pytest.approx(expected)


def test_one_class_leaves_only_the_accuracy():
    scores = np.array([1.0, -1.0, 2.0, 0.5])
    assert held_out_metrics(np.ones(4, bool), scores) == HeldOut(0.75)
    assert held_out_metrics(np.zeros(4, bool), scores) == HeldOut(0.25)
    assert held_out_metrics(np.zeros(0, bool), np.zeros(0)) == HeldOut()


def test_a_probe_that_never_says_yes_has_f1_and_mcc_of_zero():
    found = held_out_metrics(np.array([True, False, False]), np.array([-1.0, -2.0, 0.0]))
    assert (found.f1, found.mcc, found.roc_auc) == (0.0, 0.0, 0.5)
    assert found.balanced_accuracy == 0.5


@given(
    arrays(bool, st.integers(2, 60)).filter(lambda labels: labels.any() and not labels.all()),
    st.sampled_from(["apart", "ties", "two values", "one value", "never", "always"]),
    st.integers(0, 10**6),
)
def test_metrics_are_those_of_scikit_learn_to_the_bit(positive, kind, seed):
    scores = np.random.default_rng(seed).standard_normal(positive.size) + positive
    if kind == "ties":
        scores = np.round(scores, 1)
    elif kind in ("two values", "one value"):
        scores = np.where((scores > 0.0) & (kind == "two values"), 1.0, -1.0)
    elif kind != "apart":
        scores = scores + (10.0 if kind == "always" else -10.0)
    said = scores > 0.0
    expected = HeldOut(
        float(np.mean(said == positive)),
        theirs.balanced_accuracy_score(positive, said),
        theirs.f1_score(positive, said),
        theirs.matthews_corrcoef(positive, said),
        theirs.roc_auc_score(positive, scores),
        theirs.average_precision_score(positive, scores),
    )
    assert held_out_metrics(positive, scores) == expected


@given(st.integers(0, 10**6))
def test_the_order_of_samples_changes_nothing(seed):
    draw = np.random.default_rng(seed)
    positive = np.append(draw.random(30) < 0.3, [True, False])
    scores = np.round(draw.standard_normal(32), 1)
    order = draw.permutation(32)
    assert held_out_metrics(positive[order], scores[order]) == held_out_metrics(positive, scores)
