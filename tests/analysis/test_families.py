"""Families that a study declares, and differences that are shown absent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.analysis.against_control import compare, p_absent
from superpos.analysis.answering import Compared
from superpos.analysis.families import within_families
from superpos.analysis.permutation import holm
from superpos.analysis.verdicts import answers
from superpos.errors import ArgumentError
from superpos.kinds.questions import QUESTIONS
from superpos.specs.families import Family

ENERGY = QUESTIONS.get("own_energy")
SUBJECT = {
    "model": "net", "revision": "", "hookpoint": "mlp.act", "pooling": "token", "method": "logistic",
    "similarity": "cosine", "optimiser": "",
}  # fmt: skip


def one(dataset="a", control="permuted", *, own=0.0, draws=199, spread=1.0, layers=2, seed=0):
    """A set whose value is `own` in every layer, against normal draws."""
    rng = np.random.default_rng(seed)
    found = compare(np.full(layers, own), spread * rng.normal(size=(draws, layers)), np.arange(layers))
    columns = tuple((layer, "exp") for layer in range(layers))
    return Compared({**SUBJECT, "dataset": dataset}, control, found, columns, layers, 0)


def family(name="own", **given):
    return Family(name, **{"questions": ("own_energy",), "controls": ("permuted",), **given})


def test_without_families_the_sets_of_a_question_and_control_are_one():
    found = [one("a"), one("b", seed=1), one("a", "gaussian", seed=2)]
    tests = within_families({"own_energy": found})["own_energy"]
    assert [(test.family, test.n_tests, test.level, test.exploratory) for test in tests] == [
        ("", 2, 0.05, False), ("", 2, 0.05, False), ("", 1, 0.05, False),
    ]  # fmt: skip
    assert [test.p_adjusted for test in tests[:2]] == pytest.approx(
        holm([found[0].found.p_value, found[1].found.p_value])
    )


def test_a_family_reaches_over_questions_and_controls_and_what_is_in_none_shows_nothing():
    found = {
        "own_energy": [one("a", own=9.0), one("a", "gaussian", own=9.0), one("b", own=9.0)],
        "simplex": [one("a", own=9.0)],
    }
    declared = family(
        questions=("own_energy", "simplex"), controls=("permuted", "gaussian"), datasets=("a",), level=0.03
    )
    tests = within_families(found, [declared])
    assert [test.n_tests for test in (*tests["own_energy"], *tests["simplex"])] == [3, 3, 1, 3]
    assert tests["own_energy"][0].p_adjusted == pytest.approx(3 / 200)
    said = list(answers(ENERGY, found["own_energy"], tests["own_energy"]))
    by_set = {(row.dataset, row.control): row for row in said if row.dataset}
    assert by_set["a", "permuted"].strength == "shown"
    assert (by_set["a", "permuted"].family, by_set["a", "permuted"].level) == ("own", 0.03)
    assert "in the family own of 3" in by_set["a", "permuted"].sentence
    assert by_set["b", "permuted"].strength == "suggested"
    assert "a test that the study does not state" in by_set["b", "permuted"].sentence


def test_the_level_of_a_family_decides_what_can_be_tested():
    found = [one(own=9.0, draws=99)]
    for level, strength in ((0.01, "shown"), (0.009, "not testable here")):
        tests = within_families({"own_energy": found}, [family(level=level)])["own_energy"]
        assert next(answers(ENERGY, found, tests)).strength == strength


@pytest.mark.parametrize(
    ("own", "spread", "margin", "strength"),
    [
        (0.1, 0.1, 1.0, "shown absent"),
        (0.1, 0.1, 0.0, "not shown"),
        (0.1, 1.0, 1.0, "not shown"),  # draws scatter as widely as the margin
        (0.9, 0.1, 1.0, "shown"),
        (5.0, 0.1, 1.0, "shown"),
    ],
)
def test_absence_needs_a_margin_that_draws_leave_room_for(own, spread, margin, strength):
    found = [one(own=own, spread=spread)]
    tests = within_families({"own_energy": found}, [family(margin=margin)])["own_energy"]
    row = next(answers(ENERGY, found, tests))
    assert row.strength == strength
    assert row.margin == (margin or None)
    assert (row.p_absent is None) == (margin == 0.0)
    if strength == "shown absent":
        assert row.sentence.startswith("Shown absent: a (cosine) lies within 1 of permuted in every layer")
        assert row.p_absent == pytest.approx(1 / 200)
    if own == 0.9:
        assert ", and nowhere by 1 or more" not in row.sentence  # its draws reach beyond the margin


def test_a_small_difference_is_shown_and_said_to_be_small():
    found = [one(own=0.5, spread=0.1)]
    tests = within_families({"own_energy": found}, [family(margin=1.0)])["own_energy"]
    row = next(answers(ENERGY, found, tests))
    assert row.strength == "shown"
    assert "and nowhere by 1 or more (p = 0.005)" in row.sentence


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 30), st.floats(0.01, 3.0))
def test_two_one_sided_tests_are_those_of_plain_python(seed, n_columns, n_draws, margin):
    rows = np.random.default_rng(seed).normal(size=(n_draws + 1, n_columns))
    expected = max(
        max(
            1 + sum(draw <= own - margin for draw in draws),
            1 + sum(draw >= own + margin for draw in draws),
        )
        / (n_draws + 1)
        for own, *draws in rows.T
    )
    assert p_absent(rows, margin) == pytest.approx(expected)
    assert p_absent(-2.0 * rows + 5.0, 2.0 * margin) == pytest.approx(expected)


def test_a_difference_of_the_margin_is_called_absent_in_a_twentieth_of_all_cases():
    rng = np.random.default_rng(3)
    rows = rng.normal(scale=0.2, size=(2000, 40, 1))
    rows[:, 0] += 1.0  # features are a draw that was moved by the margin
    wrong = np.mean([p_absent(one, 1.0) <= 0.05 for one in rows])
    assert 0.035 < wrong < 0.065
    rows[:, 0] -= 1.0
    assert np.mean([p_absent(one, 1.0) <= 0.05 for one in rows]) > 0.95


def test_a_margin_is_a_positive_number():
    with pytest.raises(ArgumentError, match="margin"):
        p_absent(np.zeros((3, 1)), 0.0)
