"""Measures of a matrix: exact values, stacks, measures from elsewhere, what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.errors import ArgumentError, InputError
from superpos.kinds.measures import MEASURES, Measure
from superpos.psms import (
    cosine,
    describe_psm,
    distance_to_identity,
    distance_to_simplex,
    rms_offdiagonal,
    simplex_psm,
    simplex_score,
)
from superpos.psms.measuring import measure_matrices

SQUARE = cosine([[1, 0], [0, 1], [-1, 0], [0, -1]])
EXACT: list[tuple[str, np.ndarray, float]] = [
    ("min_eigenvalue", np.eye(5), 1.0),
    ("min_eigenvalue", np.array([[1.0, 2.0], [2.0, 1.0]]), -1.0),
    ("rank", np.eye(5), 5),
    ("rank", simplex_psm(5), 4),
    ("rank", np.ones((5, 5)), 1),
    ("rank", SQUARE, 2),
    ("effective_dimension", np.eye(5), 5.0),
    ("effective_dimension", simplex_psm(5), 4.0),
    ("effective_dimension", np.ones((5, 5)), 1.0),
    ("value_q25", SQUARE, -0.75),
    ("value_median", SQUARE, 0.0),
    ("value_q75", SQUARE, 0.0),
    ("value_median", simplex_psm(5), -0.25),
    ("distance_identity", np.eye(4), 0.0),
    ("distance_identity", np.ones((3, 3)), math.sqrt(6)),
    ("rms_identity", np.ones((3, 3)), 1.0),
    ("rms_identity", simplex_psm(5), 0.25),
    ("rms_even", simplex_psm(6), 0.0),
    ("rms_even", SQUARE, math.sqrt(2) / 3),
    ("distance_simplex", simplex_psm(6), 0.0),
    ("distance_simplex", np.eye(3), math.sqrt(6) / 2),
    ("rms_simplex", simplex_psm(6), 0.0),
    ("rms_simplex", np.eye(3), 0.5),
    ("simplex_score", simplex_psm(6), 1.0),
    ("simplex_score", np.eye(6), 0.0),
    ("simplex_score", np.ones((3, 3)), -2.0),
]


def value(name: str, matrix: np.ndarray) -> float:
    found, failed = measure_matrices([matrix], [MEASURES.get(name)])
    assert not failed
    return float(found[name][0])


@pytest.mark.parametrize(("name", "matrix", "expected"), EXACT)
def test_exact_values(name: str, matrix: np.ndarray, expected: float) -> None:
    assert value(name, matrix) == pytest.approx(expected, abs=1e-12)


def test_every_own_measure_has_an_exact_value_and_would_pass_from_elsewhere() -> None:
    own = [kind for kind in MEASURES if MEASURES.origin(kind.name) is None]
    assert {kind.name for kind in own} == {name for name, _, _ in EXACT}
    for kind in own:
        kind.check()
        assert MEASURES.identity(kind.name) == {}
    assert MEASURES.names()[:3] == ("min_eigenvalue", "rank", "effective_dimension")


@given(st.integers(2, 12), st.integers(1, 12), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_measures_agree_with_the_functions_of_one_matrix(n: int, rank: int, seed: int) -> None:
    matrix = cosine(np.random.default_rng(seed).standard_normal((n, rank)))
    record = describe_psm(matrix, similarity="cosine", kind="features")
    assert value("min_eigenvalue", matrix) == record.min_eigenvalue
    assert value("rank", matrix) == record.rank
    assert value("effective_dimension", matrix) == record.effective_dimension
    quartiles = [value(f"value_{part}", matrix) for part in ("q25", "median", "q75")]
    np.testing.assert_array_equal(quartiles, record.quartiles)
    np.testing.assert_array_equal(quartiles, np.quantile(matrix[np.triu_indices(n, 1)], (0.25, 0.5, 0.75)))
    for name, expected in (
        ("distance_identity", distance_to_identity(matrix)),
        ("distance_simplex", distance_to_simplex(matrix, "cosine")),
        ("rms_simplex", rms_offdiagonal(matrix, simplex_psm(n))),
        ("rms_identity", rms_offdiagonal(matrix, np.eye(n))),
        ("simplex_score", simplex_score(matrix)),
    ):
        assert value(name, matrix) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_values_do_not_depend_on_the_company_a_matrix_is_in() -> None:
    rng = np.random.default_rng(2)
    matrices = [cosine(rng.standard_normal((n, 20))) for n in (2, 3, 11, 3, 2, 11, 30, 11)]
    together, failed = measure_matrices(matrices, list(MEASURES))
    assert not failed
    for name, column in together.items():
        np.testing.assert_array_equal(column, [value(name, matrix) for matrix in matrices], err_msg=name)


def test_a_matrix_of_zeros_has_no_effective_dimension() -> None:
    assert math.isnan(value("effective_dimension", np.zeros((3, 3))))


def measure(function: Any = lambda matrices: matrices[:, 0, 1], **changes: Any) -> Measure:
    values = {
        "name": "mine",
        "version": 1,
        "meaning": "Of mine.",
        "formula": "T_12",
        "reads": "matrix",
        "function": function,
    }
    return Measure(**(values | changes))  # type: ignore[arg-type]


def writes(matrices: np.ndarray) -> np.ndarray:
    matrices[:, 0, 0] = 0.0
    return np.asarray(matrices[:, 0, 1])


def test_what_passes() -> None:
    measure().check()
    measure(lambda entries: entries.max(axis=1), reads="entries", low=-1.0, high=1.0).check()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (measure(lambda T: T[0, 0, 1]), r"gives shape \(\) for matrix \(4, 3, 3\); use \(m,\)"),
        (measure(lambda T: T), r"gives shape \(4, 3, 3\)"),
        (measure(lambda T: T[:, 0, 1] * np.nan), "not finite"),
        (measure(lambda T: T[:, 0, 1] - T[:, 0, 1].mean()), "other numbers for a stack than one by one"),
        (measure(under=("cosin",)), "under: 'cosin' is unknown; .*did you mean 'cosine'"),
        (measure(high=0.1), "outside of -inf to 0.1"),
        (measure(lambda eigenvalues: eigenvalues[:, 0], reads="eigenvalues", low=1.0), "outside of 1 to inf"),
        (measure(writes), "read-only"),
        (measure(lambda: 1.0), "TypeError"),
    ],
)
def test_functions_that_disagree_are_refused(wrong: Measure, said: str) -> None:
    with pytest.raises(InputError, match=rf"^measure 'mine': .*{said}"):
        MEASURES.register(wrong)
    assert "mine" not in MEASURES


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reads": "diagonal"}, "^reads: 'diagonal' is unknown; allowed: matrix, eigenvalues, entries"),
        ({"formula": " "}, "^formula: is empty"),
        ({"low": 1.0, "high": 0.0}, "^low: 1 is above high, 0"),
    ],
)
def test_words_that_are_wrong(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        measure(**changes)


def test_a_measure_that_fails_on_a_matrix_is_said_and_the_others_stay() -> None:
    def fails(matrices: np.ndarray) -> np.ndarray:
        if len(matrices[0]) == 2:
            raise ZeroDivisionError("n - 2 is 0\nand that is that")
        return np.asarray(matrices[:, 0, 1])

    found, failed = measure_matrices([np.eye(3), np.eye(2)], [measure(fails), MEASURES.get("rank")])
    assert set(found) == {"rank"}
    assert failed["mine"].startswith("mine failed: ZeroDivisionError: n - 2 is 0")
    assert "\n" not in failed["mine"]


@pytest.mark.parametrize(("similarity", "applies"), [("cosine", True), ("rbf", False)])
def test_the_simplex_is_one_of_cosines(similarity: str, applies: bool) -> None:
    assert MEASURES.get("simplex_score").applies_to(similarity) is applies
    assert MEASURES.get("rank").applies_to(similarity)
