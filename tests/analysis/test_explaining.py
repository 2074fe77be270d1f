"""What a matrix follows from: planted answers, other routes to the same numbers, and what has no answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from superpos.analysis.explaining import N_RELABELLINGS, Explained, explain
from superpos.analysis.mantel import mantel_test
from superpos.analysis.predictors import Predictor, of_energy, of_labels, of_order
from superpos.errors import ShapeError
from superpos.facts import ListOrder, order_of_words, token_list
from superpos.kinds.potentials import Potential

EXP, LOG = Potential("exp"), Potential("log")


def cosines(seed: int, n: int, d: int = 12) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows @ rows.T)


def by_name(found: list[Explained], kernel: Potential | None = None) -> dict[str, Explained]:
    return {one.predictor: one for one in found if kernel is None or one.kernel == kernel}


def upper(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(matrix[np.triu_indices(len(matrix), 1)])


def on_circle(names: tuple[str, ...]) -> np.ndarray:
    angles = 2 * np.pi * np.arange(len(names)) / len(names)
    return np.asarray(np.cos(angles[:, None] - angles))


def test_the_numbers_are_those_of_other_routes() -> None:
    n = 7
    matrix, phi, gram = cosines(0, n), cosines(1, n), cosines(2, n)
    matrix = (matrix + 0.8 * phi) / 1.8
    found = by_name(explain(matrix, [*of_labels(phi, None, 0), of_energy(gram, EXP)]))
    phi_row, energy = found["label_phi"], found["energy"]
    y, x, z = (stats.rankdata(np.round(upper(one), 9)) for one in (matrix, phi, np.round(gram, 6)))
    assert phi_row.correlation == pytest.approx(stats.spearmanr(x, y).statistic)
    assert phi_row.r2 == pytest.approx(phi_row.correlation**2)  # type: ignore[operator]

    def r2(*columns: np.ndarray) -> float:
        design = np.column_stack([np.ones(len(y)), *columns])
        left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        return float(1 - left @ left / np.sum((y - y.mean()) ** 2))

    assert phi_row.r2_model == energy.r2_model == pytest.approx(r2(x, z))
    assert phi_row.r2_unique == pytest.approx(r2(x, z) - r2(z))
    assert phi_row.r2_common == pytest.approx(energy.r2_common) == pytest.approx(r2(x) + r2(z) - r2(x, z))
    expected = mantel_test(matrix, phi)
    assert phi_row.n_permutations == expected.n_permutations == math.factorial(n)
    # Two-sided, so that it is no less than the one-sided p of the Mantel test.
    assert expected.p_value is not None
    assert expected.p_value <= phi_row.p_value <= 2.5 * expected.p_value  # type: ignore[operator]
    assert phi_row.beside == "energy"
    assert phi_row.kernel == energy.kernel == EXP


def test_planted_shares_are_found() -> None:
    # Two predictors whose ranks do not correlate, with weights 2 and 1: shares near 4/5 and 1/5.
    n = 16
    rng = np.random.default_rng(5)
    first = stats.rankdata(rng.standard_normal(n * (n - 1) // 2))
    second = stats.rankdata(rng.standard_normal(first.size))
    second -= np.polyval(np.polyfit(first, second, 1), first)
    matrix = np.eye(n)
    matrix[np.triu_indices(n, 1)] = (2 * stats.zscore(first) + stats.zscore(second)) / 100
    matrix = np.maximum(matrix, matrix.T) + np.minimum(matrix, matrix.T) * (1 - np.eye(n))
    columns = [Predictor("label_phi", first), Predictor("energy", second, EXP)]
    found = by_name(explain(matrix, columns))
    assert found["label_phi"].r2_unique == pytest.approx(0.8, abs=0.05)
    assert found["energy"].r2_unique == pytest.approx(0.2, abs=0.05)
    assert found["label_phi"].r2_common == pytest.approx(0.0, abs=0.01)
    assert found["energy"].p_unique == found["energy"].p_unique_smallest == 1 / (N_RELABELLINGS + 1)


def test_a_week_on_a_circle_is_found_exactly() -> None:
    names = token_list("weekdays")
    order = order_of_words(names)
    rows = by_name(explain(on_circle(names), of_order(order), order))
    circle = rows["list_circle"]
    assert circle.correlation == pytest.approx(1.0)
    assert (circle.p_value, circle.n_permutations) == (1 / 360, 360)
    assert circle.p_smallest == 1 / 360
    assert circle.list_order == "cyclic"
    # What the circle says beyond the line is kept by the way back alone.
    assert circle.p_unique == circle.p_unique_smallest == 2 / 5040
    assert rows["list_line"].r2_unique == pytest.approx(0.0, abs=1e-12)
    assert rows["list_lag"].r2 == pytest.approx(1.0)
    # The lags 1, 2, 3 of seven change places under multiplication: three orders have the same levels.
    assert rows["list_lag"].p_value == rows["list_lag"].p_smallest == 3 / 360


def test_numbers_on_a_line_do_not_close() -> None:
    names = token_list("planets")
    order = order_of_words(names)
    places = np.arange(len(names), dtype=float)
    matrix = np.exp(-0.2 * np.abs(places[:, None] - places))
    rows = by_name(explain(matrix, of_order(order), order))
    assert rows["list_line"].correlation == pytest.approx(1.0)
    assert rows["list_line"].p_value == 2 / math.factorial(8)
    assert rows["list_circle"].r2_unique == pytest.approx(0.0, abs=1e-12)
    assert rows["list_circle"].r2 > 0.1  # type: ignore[operator]


def test_words_in_another_order_and_a_part_of_a_list_keep_their_places() -> None:
    names = token_list("weekdays")
    matrix = on_circle(names)
    mixed = [3, 0, 6, 2, 5, 1, 4]
    order = order_of_words([names[i] for i in mixed])
    found = by_name(explain(matrix[np.ix_(mixed, mixed)], of_order(order), order))
    plain = by_name(explain(matrix, of_order(order_of_words(names)), order_of_words(names)))
    for name in ("list_line", "list_circle", "list_lag"):
        assert found[name].r2 == pytest.approx(plain[name].r2)
        assert found[name].p_value == pytest.approx(plain[name].p_value)
    part = [0, 1, 4, 5]
    order = order_of_words([names[i] for i in part])
    assert order == ListOrder("weekdays", (0, 1, 4, 5), 7, cyclic=True)
    few = by_name(explain(matrix[np.ix_(part, part)], of_order(order), order))
    assert few["list_circle"].correlation == pytest.approx(1.0)
    assert few["list_circle"].n_permutations == math.factorial(4)


def test_labels_of_counted_pairs_have_the_information_that_counts_say() -> None:
    rng = np.random.default_rng(2)
    labels = rng.random((500, 5)) < np.array([0.5, 0.3, 0.2, 0.4, 0.1])
    labels[:, 1] &= ~labels[:, 2]  # never together
    phi = np.corrcoef(labels.T.astype(float))
    _, npmi = of_labels(phi, labels.mean(axis=0), len(labels))
    expected = []
    for i in range(5):
        for j in range(i + 1, 5):
            both = np.mean(labels[:, i] & labels[:, j])
            pmi = np.log(both / labels[:, i].mean() / labels[:, j].mean()) if both else -np.inf
            expected.append(pmi / -np.log(both) if both else -1.0)
    np.testing.assert_allclose(npmi.entries, expected, atol=1e-8)
    assert npmi.instead_of == ("label_phi",)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_few_features_have_numbers_or_reasons(n: int) -> None:
    matrix, phi = cosines(3, n), cosines(4, n)
    order = ListOrder("made", tuple(range(n)), n, cyclic=True)
    predictors = [*of_labels(phi, np.full(n, 0.2), 100), of_energy(cosines(5, n), EXP), *of_order(order)]
    for one in explain(matrix, predictors, order):
        numbers = [one.r2, one.r2_unique, one.p_value, one.p_unique, one.r2_model]
        assert all(value is None or math.isfinite(value) for value in numbers)
        assert one.reason or one.r2_unique is not None
        if one.r2 is not None:
            assert 0.0 <= one.r2 <= 1.0
    if n == 3:
        row = by_name(explain(matrix, predictors, order))["label_phi"]
        assert row.p_smallest is not None
        assert row.p_smallest >= 1 / 6
        assert "too few" in row.reason


def test_what_explains_nothing_says_why() -> None:
    n = 6
    exclusive = np.full((n, n), -0.2)
    np.fill_diagonal(exclusive, 1.0)
    simplex = of_energy(exclusive, EXP)
    rows = by_name(explain(cosines(0, n), [*of_labels(exclusive, np.full(n, 1 / 6), 600), simplex]))
    assert rows["label_phi"].reason == "all pairs of labels have the same phi"
    assert "regular simplex" in rows["energy"].reason
    assert rows["label_npmi"].r2 is None
    alike = by_name(explain(exclusive, [of_energy(cosines(1, n), EXP)]))
    assert "nothing to explain" in alike["energy"].reason
    none = by_name(explain(cosines(0, n), of_labels(None, None, 0)))
    assert none["label_phi"].reason == none["label_npmi"].reason != ""


def test_predictors_of_one_thing_cannot_be_told_apart() -> None:
    n = 6
    matrix, phi = cosines(0, n), cosines(1, n)
    rows = by_name(explain(matrix, [*of_labels(phi, None, 0), of_energy(-phi, EXP)]))
    for one in (rows["label_phi"], rows["energy"]):
        assert one.r2_unique == pytest.approx(0.0, abs=1e-12)
        assert one.r2_common == pytest.approx(one.r2)
        assert one.p_unique is None
        assert one.reason.startswith("it says nothing beyond")


def test_every_kernel_has_a_model_of_its_own() -> None:
    n = 7
    found = explain(
        cosines(0, n),
        [*of_labels(cosines(1, n), None, 0), of_energy(cosines(2, n), EXP), of_energy(None, LOG, "why")],
    )
    assert {(one.predictor, one.kernel) for one in found} == {
        ("label_phi", EXP),
        ("label_npmi", EXP),
        ("energy", EXP),
        ("energy", LOG),
    }
    assert by_name(found, LOG)["energy"].reason == "why"


@given(seed=st.integers(0, 500), n=st.integers(4, 6))
@settings(max_examples=15, deadline=None)
def test_the_order_of_features_does_not_matter(seed: int, n: int) -> None:
    order = np.random.default_rng(seed).permutation(n)
    three = [cosines(seed + i, n) for i in range(3)]
    moved = [one[np.ix_(order, order)] for one in three]
    first, second = (
        by_name(explain(t, [*of_labels(phi, None, 0), of_energy(gram, EXP)]))
        for t, phi, gram in (three, moved)
    )
    for name, one in first.items():
        other = second[name]
        for field in ("correlation", "r2_unique", "r2_model", "partial", "p_value", "p_unique"):
            assert getattr(one, field) == pytest.approx(getattr(other, field), abs=1e-9), (name, field)


def test_a_monotone_change_of_similarities_changes_nothing() -> None:
    matrix, phi = cosines(0, 6), cosines(1, 6)
    assert explain(matrix, of_labels(phi, None, 0)) == explain(np.exp(3 * matrix), of_labels(phi, None, 0))


def test_controls_have_the_same_numbers_without_a_test() -> None:
    matrix, phi = cosines(0, 6), cosines(1, 6)
    tested, plain = (explain(matrix, of_labels(phi, None, 0), tested=how)[0] for how in (True, False))
    assert (tested.r2_unique, tested.partial) == (plain.r2_unique, plain.partial)
    assert plain.p_value is None
    assert plain.p_unique is None
    assert plain.n_permutations == 0


def test_a_predictor_of_other_features_is_refused() -> None:
    with pytest.raises(ShapeError, match="pairs are not those of 5 features"):
        explain(cosines(0, 5), [Predictor("label_phi", np.arange(3.0))])
