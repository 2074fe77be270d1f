"""Features that are counted twice: found exactly, the first kept, opposite ones told apart."""

from __future__ import annotations

import numpy as np
import pytest

from superpos.datasets.build import build_dataset
from superpos.datasets.duplicates import label_copies, matrix_copies, vector_copies
from superpos.datasets.labels import feature_counts
from superpos.datasets.summaries import summarise
from superpos.models import bundled_model
from superpos.records.data import FeatureCopy, FeatureStatus
from superpos.specs.datasets import DatasetSpec
from superpos.specs.feature_sets import load_feature_set

DUPLICATE, OPPOSITE = FeatureStatus.DUPLICATE, FeatureStatus.OPPOSITE


def columns(**features: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels of named features, written as zeros and ones."""
    labels = np.array([[digit == "1" for digit in text] for text in features.values()]).T
    return tuple(features), np.ascontiguousarray(labels)


def found(names, labels, members=None, usable=None):
    members = np.ones_like(labels) if members is None else members
    return label_copies(names, labels, members, usable or [True] * len(names))


def test_the_first_of_equal_features_is_kept() -> None:
    names, labels = columns(a="110010", b="101010", c="110010", d="101010", e="110010")
    assert found(names, labels) == (
        FeatureCopy("c", "a", DUPLICATE),
        FeatureCopy("d", "b", DUPLICATE),
        FeatureCopy("e", "a", DUPLICATE),
    )


def test_complements_are_opposites_where_other_features_are_left() -> None:
    names, labels = columns(a="110010", b="001101", c="101010", d="001101")
    assert found(names, labels) == (FeatureCopy("b", "a", OPPOSITE), FeatureCopy("d", "a", OPPOSITE))


def test_two_exclusive_classes_are_left_alone() -> None:
    names, labels = columns(a="110010", b="001101")
    assert found(names, labels) == ()
    names, labels = columns(a="110010", b="110010", c="001101", d="001101")
    assert found(names, labels) == (FeatureCopy("b", "a", DUPLICATE), FeatureCopy("d", "c", DUPLICATE))


def test_all_features_alike_leave_one() -> None:
    names, labels = columns(a="110010", b="110010", c="110010")
    assert [copy.of for copy in found(names, labels)] == ["a", "a"]


def test_one_differing_sample_makes_another_feature() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.random((999, 1)) < 0.4, 3, axis=1)
    labels[500, 1] ^= True
    assert found(("a", "b", "c"), labels) == (FeatureCopy("c", "a", DUPLICATE),)


def test_order_of_samples_does_not_matter_and_doubled_samples_neither() -> None:
    rng = np.random.default_rng(1)
    labels = rng.random((200, 4)) < 0.5
    labels = np.hstack([labels, labels[:, [2]], ~labels[:, [0]]])
    names = tuple("abcdef")
    wanted = (FeatureCopy("e", "c", DUPLICATE), FeatureCopy("f", "a", OPPOSITE))
    assert found(names, labels) == wanted
    assert found(names, labels[rng.permutation(200)]) == wanted
    assert found(names, np.repeat(labels, 3, axis=0)) == wanted


def test_features_with_other_samples_are_other_features() -> None:
    names, labels = columns(a="110010", b="110010", c="001101")
    members = np.array([[True] * 3, [True] * 3, [True] * 3, [True, False, True], [True] * 3, [True] * 3])
    assert found(names, labels & members, members) == (FeatureCopy("c", "a", OPPOSITE),)


def test_labels_outside_of_a_features_samples_mean_nothing() -> None:
    names, labels = columns(a="110010", b="110110", c="011011")
    members = np.repeat([[True], [True], [True], [False], [True], [True]], 3, axis=1)
    assert found(names, labels & members, members) == (FeatureCopy("b", "a", DUPLICATE),)


def test_a_feature_that_cannot_be_probed_is_no_original() -> None:
    names, labels = columns(a="000000", b="000000", c="110010", d="110010")
    assert found(names, labels, usable=[False, False, True, True]) == (FeatureCopy("d", "c", DUPLICATE),)
    assert found(names, labels, usable=[False, False, False, False]) == ()


def test_equal_and_negative_rows_of_vectors() -> None:
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((3, 5))
    rows[0, 0] = 0.0
    signed = rows[0].copy()
    signed[0] = -0.0
    stacked = np.vstack([rows, signed, -rows[1], rows[2] * 2.0, np.nextafter(rows[2], 2.0)])
    assert vector_copies(tuple("abcdefg"), stacked) == (
        FeatureCopy("d", "a", DUPLICATE),
        FeatureCopy("e", "b", OPPOSITE),
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equal_and_negative_rows_of_a_cosine_matrix(dtype) -> None:
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((4, 6))
    rows = np.vstack([rows, 3.0 * rows[1], -rows[2], rows[1]])
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)
    matrix = (unit @ unit.T).astype(np.float64)
    assert matrix_copies(tuple("abcdefg"), matrix) == (
        FeatureCopy("e", "b", DUPLICATE),
        FeatureCopy("f", "c", OPPOSITE),
        FeatureCopy("g", "b", DUPLICATE),
    )


def test_an_entry_of_1_alone_makes_no_copy() -> None:
    """A matrix that is not positive semidefinite can have it between rows that differ."""
    matrix = np.eye(3)
    matrix[0, 1] = matrix[1, 0] = 1.0
    matrix[0, 2] = matrix[2, 0] = 0.5
    assert matrix_copies(tuple("abc"), matrix) == ()


@pytest.mark.parametrize("duplicates", ["drop", "keep"])
def test_digits_are_one_feature_of_a_byte_level_tokenizer(duplicates) -> None:
    spec = DatasetSpec(
        "t", "text_features", n_sequences=60, n_samples=600, min_positives=30, duplicates=duplicates
    )
    tokens = build_dataset(spec, bundled_model("nano"))
    counts = {count.feature: count for count in feature_counts(tokens)}
    pair = {"features": ["contains_digit", "all_digits"], "relation": "same"}
    assert pair in tokens.provenance["identical_features"]
    summary = {one.feature: one for one in summarise(tokens, "").features}
    if duplicates == "drop":
        assert FeatureCopy("all_digits", "contains_digit", DUPLICATE) in tokens.copies
        assert (counts["all_digits"].status, counts["all_digits"].duplicate_of) == (
            DUPLICATE,
            "contains_digit",
        )
        assert summary["all_digits"].duplicate_of == "contains_digit"
        assert summary["all_digits"].n_positive == summary["contains_digit"].n_positive
    else:
        assert tokens.copies == ()
        assert counts["all_digits"].status is FeatureStatus.OK
        assert summary["all_digits"].duplicate_of == ""
    assert counts["contains_digit"].status is FeatureStatus.OK


def test_two_exclusive_classes_of_a_set_that_ships_stay() -> None:
    tokens = build_dataset(load_feature_set("is_alive"), bundled_model("nano"))
    assert tokens.copies == ()
