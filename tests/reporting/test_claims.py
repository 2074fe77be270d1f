"""The table of verdicts: every word from rows of answers, never from Powell's ends, never pooled."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from superpos.analysis.verdicts import NO_SIDE
from superpos.kinds.questions import QUESTIONS
from superpos.reporting.answers import STRUCTURE
from superpos.reporting.claims import CLAIMS, verdicts
from tools.findings_claims import WOULD_CHANGE

ROW = {
    "question": "own_energy", "dataset": "a", "hookpoint": "mlp.act", "similarity": "cosine", "optimiser": "",
    "control": "permuted", "estimate": -0.5, "low": None, "high": None, "unit": "u", "n_independent": 119,
    "p_adjusted": 0.02, "n_tests": 2, "strength": "shown", "sentence": "A sentence.",
}  # fmt: skip


def judged(*changes):
    frame = pd.DataFrame([{**ROW, **change} for change in changes])
    return verdicts(SimpleNamespace(answers=frame))


def test_every_claim_is_of_a_question_that_there_is():
    for claim in CLAIMS:
        assert claim.question in (*QUESTIONS.names(), *STRUCTURE), claim
    assert len({claim.claim for claim in CLAIMS}) == len(CLAIMS)
    assert {claim.claim for claim in CLAIMS} == set(WOULD_CHANGE)


def test_only_other_weights_judge_a_claim_on_training():
    """That probes read labels better than exchanged ones was once said to show what training does."""
    labels, weights = judged(
        {"question": "read_by_probes", "control": "shuffled_labels", "estimate": 0.3},
        {"question": "read_by_probes", "control": "random weights", "strength": "not testable here",
         "n_independent": 5, "n_tests": 1},
    )  # fmt: skip
    assert (labels.claim, labels.here.word) == ("Probes read the features", "Yes")
    assert (weights.claim, weights.here.word) == ("Training makes features readable", "Not testable")
    assert weights.here.text == "5 draws; 1 test needs 19"
    (only,) = judged({"question": "read_by_probes", "control": "shuffled_labels", "estimate": 0.3})
    assert only.claim == "Probes read the features"


def test_a_set_by_two_methods_is_one_set():
    (one,) = judged({}, {"strength": "not shown"}, {"dataset": "b"})
    assert one.here.text == "for 2 of 3 tests of 2 sets against permuted"


@pytest.mark.parametrize(
    ("first", "second", "word", "text"),
    [
        ({}, {}, "Yes", "for 2 of 2 sets against permuted"),
        ({}, {"strength": "not shown"}, "In part", "for 1 of 2 sets against permuted"),
        ({}, {"estimate": 0.5}, "Mixed", "holds for 1, the opposite for 1 of 2 sets against permuted"),
        ({"estimate": 0.5}, {"strength": "not shown"}, "No", "the opposite for 1 of 2 sets against permuted"),
        ({"strength": "suggested"}, {"strength": "not shown"}, "Suggested",
         "for 1 of 2 sets against permuted"),
        ({"strength": "suggested", "estimate": 0.5}, {"strength": "not shown"}, "Suggested",
         "the opposite for 1 of 2 sets against permuted"),
        ({"strength": "suggested", "estimate": 0.5}, {"strength": "suggested"}, "Suggested",
         "for 1, the opposite for 1 of 2 sets against permuted"),
        ({"strength": "suggested", "sentence": f"Suggested: a (cosine) {NO_SIDE} permuted: x."}, {},
         "In part", "for 1 of 2 sets against permuted"),
        ({"strength": "not shown"}, {"strength": "not shown"}, "Not shown",
         "for any of 2 sets against permuted"),
        ({}, {"strength": "not testable here", "estimate": None}, "Yes", "against permuted"),
        ({"strength": "not testable here"}, {"strength": "not testable here", "n_independent": 5},
         "Not testable", "119 draws; 2 tests need 39"),
    ],
)  # fmt: skip
def test_what_sets_say_together(first, second, word, text):
    (one,) = judged(first, {"dataset": "b", **second})
    assert (one.here.word, one.here.text) == (word, text)
    assert (one.powell.word, one.what) == ("", "no fit")


def test_what_goes_to_both_sides_holds_for_none():
    sentence = f"Shown: a (cosine) {NO_SIDE} permuted: x."
    (one,) = judged({"sentence": sentence}, {"dataset": "b", "strength": "not shown"})
    assert (one.here.word, one.here.text) == ("Mixed", "1 of 2 sets against permuted differ, to no one side")
    (one,) = judged({"sentence": sentence})
    assert (one.here.word, one.here.text) == ("Mixed", "differs from permuted, to no one side")


def test_a_hint_has_a_side_too():
    """Four sets that seemed to end farther were once said to suggest that the distance stays low."""
    (one,) = judged({"strength": "suggested"})
    assert (one.here.word, one.here.text) == ("Suggested", "against permuted")
    (one,) = judged({"strength": "suggested", "estimate": 0.5})
    assert (one.here.word, one.here.text) == ("Suggested", "the opposite against permuted")
    sentence = f"Suggested: a (cosine) {NO_SIDE} permuted: x."
    (one,) = judged({"strength": "suggested", "sentence": sentence})
    assert (one.here.word, one.here.text) == ("Suggested", "a difference to no one side against permuted")


def test_a_claim_on_the_higher_side():
    (one,) = judged({"question": "simplex", "estimate": 0.5})
    assert one.here.word == "Yes"
    (one,) = judged({"question": "simplex", "estimate": -0.5})
    assert (one.here.word, one.here.text) == ("No", "the opposite against permuted")


def test_the_strictest_control_that_can_be_tested_judges_and_none_is_pooled():
    (one,) = judged(
        {}, {"control": "shuffled_labels", "strength": "not shown", "n_independent": 199},
        {"control": "random weights", "strength": "not testable here", "n_independent": 1},
    )  # fmt: skip
    assert (one.here.word, one.here.text) == ("Not shown", "against shuffled labels")
    assert one.strongest == "a: -0.5 (u) against shuffled labels (cosine); p = 0.02, 199 draws"


def test_exchanged_labels_judge_even_where_their_draws_are_too_few():
    (one,) = judged(
        {}, {"control": "shuffled_labels", "strength": "not testable here", "n_independent": 5, "n_tests": 4}
    )
    assert (one.here.word, one.here.text) == ("Not testable", "5 draws; 4 tests need 79")


def test_ends_of_powell_stand_apart():
    (one,) = judged(
        {"question": "keeps_low", "optimiser": "powell", "strength": "not testable here", "estimate": None},
        {"question": "keeps_low", "optimiser": "manifold", "estimate": 0.3},
    )
    assert (one.powell.word, one.powell.text) == ("Not testable", "no row can carry a claim")
    assert (one.here.word, one.here.text, one.what) == ("No", "the opposite against permuted", "manifold")


def test_one_similarity_speaks():
    (one,) = judged({}, {"similarity": "rbf", "estimate": 0.5})
    assert one.here.word == "Yes"


def test_sets_together_speak_where_none_has_draws_enough():
    """Eight of eight sets that differ to one side were once called too few."""
    alone = {"question": "simplex", "control": "random weights", "estimate": 0.1,
             "strength": "not testable here", "n_independent": 1, "n_tests": 8}  # fmt: skip
    together = {**alone, "dataset": "", "strength": "suggested", "n_independent": 8, "p_adjusted": 0.0078}
    (one,) = judged(alone, {**alone, "dataset": "b"}, together)
    assert (one.here.word, one.strength) == ("Suggested", "suggested")
    assert one.here.text == "by the sign test over 8 sets against random weights"
    assert one.strongest == "all sets: +0.1 (u) against random weights (cosine); p = 0.0078, 8 sets"
    # A set that can be tested speaks for itself.
    (one,) = judged({**alone, "strength": "not shown"}, {**alone, "dataset": "b"}, together)
    assert (one.here.word, one.here.text) == ("Not shown", "against random weights")
    # And where sets are too few as well, nothing does.
    (one,) = judged(alone, {**together, "strength": "not testable here", "n_independent": 2})
    assert one.here.word == "Not testable"


def test_sets_together_speak_where_there_are_no_others():
    (one,) = judged({"question": "best_energy", "dataset": "", "estimate": 1.0, "optimiser": "manifold"})
    assert (one.here.word, one.here.text) == ("Yes", "against permuted")
    assert one.strongest.startswith("all sets: +1")


def test_without_answers_there_is_no_table():
    frame = pd.DataFrame([ROW]).iloc[:0]
    assert verdicts(SimpleNamespace(answers=frame)) == ()
