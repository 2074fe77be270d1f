"""Measures of a matrix: exact values, stacks, measures from elsewhere, what is refused."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superpos.errors import ArgumentError, InputError
from superpos.kinds.measures import MEASURES, Measure
from superpos.kinds.potentials import Potential
from superpos.psms import (
    cosine,
    describe_psm,
    distance_to_identity,
    distance_to_simplex,
    rms_offdiagonal,
    simplex_psm,
    simplex_score,
)
from superpos.psms.measuring import Answer, Asked, answer, measure_matrices

SQUARE = cosine([[1, 0], [0, 1], [-1, 0], [0, -1]])
COPIES = cosine([[1, 0], [1, 0], [0, 1]])
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
    ("frame_potential", np.eye(4), 4.0),
    ("frame_potential", SQUARE, 8.0),  # n^2 / d: a tight frame
    ("frame_potential", simplex_psm(4), 16 / 3),
    ("frame_potential", np.ones((3, 3)), 9.0),
    ("effective_rank", np.eye(5), 5.0),
    ("effective_rank", simplex_psm(5), 4.0),
    ("effective_rank", np.ones((5, 5)), 1.0),
    (
        "effective_rank",
        np.array([[1.0, 0.6], [0.6, 1.0]]),
        math.exp(-0.8 * math.log(0.8) - 0.2 * math.log(0.2)),
    ),
    ("coherence", np.eye(3), 0.0),
    ("coherence", SQUARE, 1.0),
    ("coherence", simplex_psm(6), 0.2),
    ("mean_length", np.eye(4), 0.5),
    ("mean_length", simplex_psm(7), 0.0),
    ("mean_length", SQUARE, 0.0),
    ("mean_length", np.ones((3, 3)), 1.0),
    ("etf_error", simplex_psm(7), 0.0),
    ("etf_error", np.eye(5), math.sqrt(2.0 - 2.0 * math.sqrt(4.0 / 5.0))),
    ("etf_error", np.ones((3, 3)), math.sqrt(2.0)),
    ("dimensionality_mean", np.eye(4), 1.0),
    ("dimensionality_mean", SQUARE, 0.5),
    ("dimensionality_mean", simplex_psm(5), 0.8),
    ("dimensionality_min", COPIES, 0.5),
    ("dimensionality_max", COPIES, 1.0),
    ("dimensionality_mean", COPIES, 2.0 / 3.0),
    ("uniformity", np.eye(4), -4.0),
    ("uniformity", np.ones((4, 4)), 0.0),
    ("uniformity", SQUARE, math.log((4.0 * math.exp(-4.0) + 2.0 * math.exp(-8.0)) / 6.0)),
    ("rms_orthoplex", SQUARE, 0.0),
    ("rms_orthoplex", np.eye(4), math.sqrt(2.0 / 6.0)),
    ("rms_orthoplex", simplex_psm(2), 0.0),
    ("rms_orthoplex", cosine(np.vstack([np.eye(3), -np.eye(2, 3)])), 0.0),
]
HEXAGON = cosine([[math.cos(k * math.pi / 3), math.sin(k * math.pi / 3)] for k in range(6)])
ORTHOPLEX = cosine(np.vstack([np.eye(3), -np.eye(3)]))
PAIR = np.array([[1.0, 0.5], [0.5, 1.0]])
EXP, LOG, COULOMB = Potential("exp"), Potential("log"), Potential("riesz", 1.0)
FAN = np.array([[1.0, 0.5, -0.5], [0.5, 1.0, 0.5], [-0.5, 0.5, 1.0]])
EXACT_IN: list[tuple[str, np.ndarray, Potential | None, int, float, float]] = [
    # kernel, n_dims, width, value
    ("squared_cosine_ratio", np.eye(4), None, 0, 7, 0.0),
    ("squared_cosine_ratio", SQUARE, None, 0, 2, 2.0 / 3.0),
    ("squared_cosine_ratio", np.eye(4), None, 0, math.nan, math.nan),
    ("own_energy", np.eye(4), EXP, 0, 4, 1.0),
    ("own_energy", simplex_psm(5), EXP, 0, 4, math.exp(-0.25)),
    ("own_energy", SQUARE, LOG, 0, 2, -math.log(2.0) * (4 * 0.5 + 2 * 1.0) / 6),
    ("own_energy", PAIR, COULOMB, 0, 2, 1.0),
    ("own_energy", PAIR, Potential("riesz", 1.0, 2.0), 0, 2, 1.0 / math.sqrt(5.0)),
    ("own_energy", PAIR, Potential("riesz", -2.0), 0, 2, -1.0),
    ("own_energy", COPIES, COULOMB, 0, 5, math.nan),  # infinite where features coincide
    ("own_energy", COPIES, EXP, 0, 5, (math.e + 2.0) / 3.0),
    ("rms_code", HEXAGON, None, 2, 2, 0.0),
    ("rms_code", ORTHOPLEX, None, 3, 3, 0.0),
    ("rms_code", simplex_psm(6), None, 5, 5, 0.0),
    ("rms_code", np.eye(4), None, 3, 4, 1.0 / 3.0),
    ("rms_code", np.eye(9), None, 4, 9, math.nan),
    ("rms_configuration", ORTHOPLEX, None, 3, 3, 0.0),
    ("rms_configuration", np.eye(2), None, 1, 2, 1.0),
    ("force_residual", ORTHOPLEX, COULOMB, 3, 3, 0.0),
    ("force_residual", HEXAGON, LOG, 2, 2, 0.0),
    ("force_residual_least", ORTHOPLEX, EXP, 3, 3, 0.0),
    ("force_residual_least", HEXAGON, COULOMB, 2, 2, 0.0),
    ("force_residual_free", ORTHOPLEX, None, 3, 3, 0.0),
    # At 60, 0 and -60 degrees: the one in the middle is balanced, the others feel it and nothing against it.
    ("force_residual_free", FAN, None, 2, 2, math.sqrt(1.0 / 3.0)),
]


def value(name: str, matrix: np.ndarray) -> float:
    found, failed = measure_matrices([matrix], [MEASURES.get(name)])
    assert not failed
    return float(found[name][0])


def ask(
    name: str,
    matrices: list[np.ndarray],
    kernel: Potential | None = None,
    n_dims: int = 0,
    width: float = 99.0,
) -> Answer:
    asked = Asked(MEASURES.get(name), kernel)
    found, failed = answer(matrices, [asked], n_dims=n_dims, widths=[width] * len(matrices))
    assert not failed
    return found[asked]


@pytest.mark.parametrize(("name", "matrix", "expected"), EXACT)
def test_exact_values(name: str, matrix: np.ndarray, expected: float) -> None:
    assert value(name, matrix) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("name", "matrix", "kernel", "n_dims", "width", "expected"), EXACT_IN)
def test_exact_values_under_a_kernel_or_in_a_dimension(
    name: str, matrix: np.ndarray, kernel: Potential | None, n_dims: int, width: float, expected: float
) -> None:
    found = ask(name, [matrix], kernel, n_dims, width).value[0]
    assert found == pytest.approx(expected, abs=1e-8, nan_ok=True)


@pytest.mark.parametrize("kernel", [EXP, LOG, COULOMB, Potential("riesz", -1.0)])
def test_own_energy_runs_from_the_best_code_to_orthogonal_features(kernel: Potential) -> None:
    low = ask("own_energy", [simplex_psm(6)], kernel)
    assert 0.0 <= low.scaled[0] < 1e-7  # the bound is proved, with a margin below what is reached
    assert ask("own_energy", [np.eye(6)], kernel).scaled[0] == pytest.approx(1.0, abs=1e-12)
    for code, width in ((ORTHOPLEX, 3), (HEXAGON, 2)):  # the best of their spaces, though no simplexes
        found = ask("own_energy", [code], kernel, width=width)
        assert found.bound[0] == pytest.approx(found.value[0], rel=1e-7)
    values = np.mean(kernel.value(SQUARE[np.triu_indices(4, 1)]))
    simplex = float(kernel.value(np.array([-1.0 / 3.0]))[0])
    free = float(kernel.value(np.zeros(1))[0])
    wide = ask("own_energy", [SQUARE], kernel)
    assert wide.scaled[0] == pytest.approx((values - simplex) / (free - simplex), rel=1e-7)
    assert ask("own_energy", [SQUARE], kernel, width=math.nan).scaled[0] == wide.scaled[0]


def test_features_that_have_no_room_for_right_angles_have_no_scale() -> None:
    rows = np.random.default_rng(3).standard_normal((9, 2))
    found = ask("own_energy", [cosine(rows)], EXP, width=2)
    assert 1.0 < found.bound[0] <= found.value[0]
    assert math.isnan(found.scaled[0])
    tight = ask("frame_potential", [HEXAGON], width=2)
    assert tight.bound[0] == pytest.approx(tight.value[0])
    assert ask("coherence", [np.eye(3)], width=2).bound[0] == pytest.approx(0.5)
    assert ask("coherence", [np.eye(3)], width=math.nan).bound[0] == 0.0


@given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_no_vectors_fall_below_a_bound_and_nothing_depends_on_order(n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, d))
    turned = rows[rng.permutation(n)] @ np.linalg.qr(rng.standard_normal((d, d)))[0]
    asked = [Asked(kind, EXP if kind.per_kernel else None) for kind in MEASURES if not kind.per_dimension]
    found, failed = answer([cosine(rows), cosine(turned)], asked, widths=[d, d])
    assert not failed
    for one, each in found.items():
        assert each.value[0] == pytest.approx(each.value[1], rel=1e-6, abs=1e-7, nan_ok=True), one.said
        if one.measure.bound is not None:
            assert np.all(each.bound <= each.value + 1e-9 * np.abs(each.value)), one.said


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([(0.0, 0.2), (0.1, 0.3), (0.2, 0.4)], 1),
        ([(0.0, 0.1), (0.2, 0.3), (0.1, 0.2)], 2),
        ([(-0.5, 0.5), (0.0, 0.0), (0.1, 0.1)], 2),
        ([(0.0, 0.1), (math.nan, math.nan), (0.2, 0.3)], 2),
        ([(math.nan, math.nan)] * 3, math.nan),
    ],
)
def test_distinct_values_by_hand(intervals: list[tuple[float, float]], expected: float) -> None:
    kind = MEASURES.get("distinct_values")
    assert kind.function(np.array([intervals]))[0] == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3)), min_size=1, max_size=7))
@settings(max_examples=60, deadline=None)
def test_no_fewer_values_meet_every_interval(pairs: list[tuple[int, int]]) -> None:
    intervals = [(low, low + width) for low, width in pairs]
    found = MEASURES.get("distinct_values").function(np.array([intervals], dtype=float))[0]

    def met(count: int) -> bool:
        chosen = itertools.combinations(range(11), count)
        return any(all(any(a <= v <= b for v in values) for a, b in intervals) for values in chosen)

    assert met(int(found))
    assert not met(int(found) - 1)


def test_every_own_measure_has_an_exact_value_and_would_pass_from_elsewhere() -> None:
    own = [kind for kind in MEASURES if MEASURES.origin(kind.name) is None]
    assert {kind.name for kind in own} == {case[0] for case in (*EXACT, *EXACT_IN)} | {"distinct_values"}
    for kind in own:
        kind.check()
        assert MEASURES.identity(kind.name) == {}
    assert MEASURES.names()[:4] == ("own_energy", "min_eigenvalue", "rank", "effective_dimension")


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
    for n_dims in (0, 2):
        given = [matrix for matrix in matrices if len(matrix) > n_dims]
        kinds = [kind for kind in MEASURES if kind.per_dimension == (n_dims > 0)]
        asked = [Asked(kind, LOG if kind.per_kernel else None) for kind in kinds]
        together, failed = answer(given, asked, n_dims=n_dims, widths=[20.0] * len(given))
        assert not failed
        for one, found in together.items():
            alone = [ask(one.measure.name, [matrix], one.kernel, n_dims, 20.0) for matrix in given]
            for part in ("value", "bound", "scaled"):
                column = [getattr(each, part)[0] for each in alone]
                np.testing.assert_array_equal(getattr(found, part), column, err_msg=f"{one.said} {part}")


def test_a_matrix_of_zeros_has_no_effective_dimension() -> None:
    assert math.isnan(value("effective_dimension", np.zeros((3, 3))))


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((4, 4)),
        np.ones((4, 4)),
        1e200 * simplex_psm(4),
        COPIES,
        -np.eye(3),
        np.array([[1.0, -1.0], [-1.0, 1.0]]),
    ],
    ids=["zeros", "one direction", "huge", "copies", "indefinite", "a pair"],
)
def test_what_no_vectors_have_is_a_number_or_nothing_and_never_fails(matrix: np.ndarray) -> None:
    for n_dims in (0, 1):
        kinds = [kind for kind in MEASURES if kind.per_dimension == (n_dims > 0)]
        asked = [
            Asked(kind, kernel) for kind in kinds for kernel in ((EXP, LOG) if kind.per_kernel else (None,))
        ]
        for width in (1.0, 2.0, math.nan):
            found, failed = answer([matrix], asked, n_dims=n_dims, widths=[width])
            assert not failed
            assert len(found) == len(asked)


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
        ({"given": ("kernels",)}, "^given: 'kernels' is unknown; .*did you mean 'kernel'"),
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
