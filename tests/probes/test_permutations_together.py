"""Label permutations of a layer that are trained together: what each is alone, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from superpos.errors import NotPermutableError, ShapeError
from superpos.probes import design, newton
from superpos.probes.train import train_permutations, train_probes
from superpos.records.data import ProbeSet
from superpos.specs.probes import ProbeSettings

NAMES = ("a", "b", "c")
WHY = "cannot be permuted: they are alike within every group and in all groups of one size"
ARRAYS = ("coef_raw", "coef_scaled", "intercept", "scale", "train_rows")
SETTINGS = {
    "logistic": ((90, 8), {}),
    "in the span": ((60, 90), {"C": 10.0}),
    "sketched": ((1000, 1500), {"max_iter": 3}),
    "grid": ((60, 90), {"C_grid": (0.01, 1.0)}),
    "mean differences": ((60, 90), {"method": "mean_difference"}),
    "discriminants": ((90, 8), {"method": "lda"}),
}


def problem(shape):
    n, d = shape
    draw = np.random.default_rng(11)
    X = draw.standard_normal((n, d)).astype(np.float32)
    labels = X[:, :3] + 0.8 * draw.standard_normal((n, 3)) > [0.0, 0.3, 0.6]
    groups = np.arange(n) // 2
    return X, labels, NAMES, groups, groups % 4 > 0


def check_same(one, other):
    assert isinstance(one, ProbeSet)
    for name in ARRAYS:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.metrics == other.metrics
    assert one.feature_names == other.feature_names
    assert (one.label_permutation, one.permutation_note) == (other.label_permutation, other.permutation_note)


@pytest.mark.parametrize("case", SETTINGS)
def test_company_changes_no_bit(case):
    shape, settings = SETTINGS[case]
    given = (*problem(shape), ProbeSettings(**settings))
    order = (4, -1, 0, 2)
    together = list(train_permutations(*given, label_replicates=order))
    for replicate, found in zip(order, together, strict=True):
        check_same(found, train_probes(*given, label_replicate=replicate))
    assert not np.array_equal(together[0].coef_raw, together[2].coef_raw)


def test_company_changes_no_bit_of_features_with_samples_of_their_own():
    X, labels, names, groups, train = problem((200, 6))
    members = np.random.default_rng(3).random(labels.shape) < 0.8
    given = (X, labels, names, groups, members & train[:, None], ProbeSettings())
    together = list(train_permutations(*given, label_replicates=(1, -1), members=members))
    for replicate, found in zip((1, -1), together, strict=True):
        check_same(found, train_probes(*given, label_replicate=replicate, members=members))


@pytest.mark.parametrize("sketch_steps", [2, 60])
def test_coordinates_are_made_once_unless_a_sketch_is_no_good(sketch_steps, monkeypatch):
    for module in (newton, __import__("superpos.probes.fit", fromlist=["fit"])):
        monkeypatch.setattr(module, "SINGLE_SIZE", 0)
    monkeypatch.setattr(newton, "SKETCH_WORTH", 0.0)
    monkeypatch.setattr(newton, "SKETCH_WIDTH", 0)
    monkeypatch.setattr(newton, "SKETCH_CG", sketch_steps)
    made = []
    make = design.make_design
    monkeypatch.setattr(design, "make_design", lambda *a, **k: made.append(k["reduce"]) or make(*a, **k))
    given = (*problem((60, 90)), ProbeSettings())
    found = list(train_permutations(*given, label_replicates=range(3)))
    assert all(metrics.status == "converged" for one in found for metrics in one.metrics)
    assert made == ([False] if sketch_steps == 60 else [False, True] * 3)


def test_a_refusal_stands_where_its_set_would():
    groups = np.array([0, 0, 1, 1, 1, 2, 2, 3, 3, 3])
    labels = np.array([[1, 1], [0, 1], [1, 0], [0, 0], [0, 0], [1, 1], [0, 1], [1, 0], [0, 0], [0, 0]], bool)
    given = (np.random.default_rng(0).standard_normal((10, 2)), labels, ("a", "b"), groups, groups < 2)
    plain, *refused = train_permutations(*given, ProbeSettings(), label_replicates=(-1, 0, 1))
    check_same(plain, train_probes(*given, ProbeSettings()))
    assert [str(one) for one in refused] == ["labels of b: " + WHY] * 2
    assert all(isinstance(one, NotPermutableError) for one in refused)


def test_bad_input_is_refused_before_anything_is_trained():
    X, labels, names, groups, train = problem((90, 8))
    with pytest.raises(ShapeError, match="labels"):
        next(train_permutations(
            X, labels[:-1], names, groups, train, ProbeSettings(), label_replicates=(0,)
        ))  # fmt: skip
