from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import matthews_corrcoef

from superpos.datasets.labels import (
    count_labels,
    feature_status,
    identical_features,
    phi_defined,
    phi_matrix,
)
from superpos.datasets.tokens import TokenTable
from superpos.records.data import FeatureStatus, LabelledTokens

LABELS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 30), st.integers(1, 5)))


@given(LABELS)
@settings(deadline=None)
def test_phi_is_the_matthews_coefficient(labels: np.ndarray) -> None:
    phi, defined = phi_matrix(labels), phi_defined(labels)
    assert np.all(np.isfinite(phi))
    assert np.array_equal(phi, phi.T)
    assert np.all(np.diag(phi) == 1.0)
    for i in range(labels.shape[1]):
        for j in range(i):
            if defined[i, j]:
                expected = matthews_corrcoef(labels[:, i], labels[:, j])
                assert phi[i, j] == pytest.approx(expected, abs=1e-12)
            else:
                assert phi[i, j] == 0.0
                assert len(set(labels[:, i])) == 1 or len(set(labels[:, j])) == 1


def test_identical_and_opposite_columns_are_exact() -> None:
    x = np.random.default_rng(0).random(1001) < 0.3
    labels = np.stack([x, x, ~x, np.zeros(1001, dtype=bool), np.zeros(1001, dtype=bool)], axis=1)
    assert phi_matrix(labels)[0, 1] == 1.0
    assert phi_matrix(labels)[0, 2] == -1.0
    assert identical_features(labels) == ((0, 1, True), (0, 2, False), (1, 2, False))


@pytest.mark.parametrize(
    ("positive", "negative", "status"),
    [
        (0, 5, FeatureStatus.NO_POSITIVES),
        (5, 0, FeatureStatus.NO_NEGATIVES),
        (9, 100, FeatureStatus.TOO_FEW),
        (100, 9, FeatureStatus.TOO_FEW),
        (10, 10, FeatureStatus.OK),
    ],
)
def test_status(positive: int, negative: int, status: FeatureStatus) -> None:
    assert feature_status(positive, negative) == status
    labels = np.repeat([True, False], [positive, negative])[:, None]
    [counts] = count_labels(["a"], labels)
    assert (counts.n_positive, counts.n_negative, counts.status) == (positive, negative, status)
    assert counts.balance == positive / (positive + negative)


def test_examples_show_a_positive_in_its_text(syntax_set: LabelledTokens, table: TokenTable) -> None:
    for column, example in enumerate(syntax_set.examples):
        assert example is not None
        assert example.document in syntax_set.documents
        positives = np.flatnonzero(syntax_set.labels[:, column])
        starts = syntax_set.sequence_starts[syntax_set.sample_sequences[positives]]
        ids = syntax_set.token_ids[starts + syntax_set.sample_positions[positives]]
        assert example.token in {table.tokenizer.decode([int(index)]) for index in ids}
        assert "<|endoftext|>" not in example.before + example.after
