"""Answers of sets against their own relabellings, from rows with p-values of their own."""

from __future__ import annotations

import pandas as pd
import pytest

from superpos.analysis.answering import axes_of, compared
from superpos.analysis.relabelled import RELABELLED, relabelled
from superpos.errors import ArgumentError
from superpos.kinds.questions import QUESTIONS, Question

ENERGY = QUESTIONS.get("energy_explains")
BASE = {
    "model": "nano", "revision": "", "model_weights": "pretrained", "model_seed": -1, "hookpoint": "resid",
    "pooling": "none", "method": "logistic", "similarity": "cosine", "target": "features", "replicate": 0,
    "predictor": "energy", "partial": 0.5, "p_unique": 0.001, "p_unique_smallest": 0.0005,
    "n_permutations_unique": 1999, "reason": "", "r2_unique": 0.3, "softening": 0.0,
}  # fmt: skip


def rows(*changes: dict[str, object]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [{**BASE, "dataset": "one", "layer": 0, "kernel": "exp", **change} for change in changes]
    )
    for name in axes_of(ENERGY):
        if name not in frame.columns:
            frame[name] = 0
    return frame


def layers(dataset: str, p: tuple[float, ...], **change: object) -> list[dict[str, object]]:
    return [{"dataset": dataset, "layer": layer, "p_unique": one, **change} for layer, one in enumerate(p)]


def test_the_least_p_counts_for_every_layer_and_set() -> None:
    found = {
        one.dataset: one
        for one in relabelled(ENERGY, rows(*layers("one", (0.4, 0.004)), *layers("two", (0.2, 0.03, 0.9))))
    }
    assert found["one"].p_value == pytest.approx(2 * 0.004)
    assert found["one"].p_adjusted == pytest.approx(2 * 2 * 0.004)  # Holm over two sets
    assert found["two"].p_value == found["two"].p_adjusted == pytest.approx(3 * 0.03)
    assert (found["one"].strength, found["two"].strength) == ("shown", "not shown")
    assert found["one"].p_smallest == pytest.approx(2 * 0.0005)
    assert (found["one"].n_cells, found["one"].n_independent) == (2, 1999)
    assert found["one"].control == RELABELLED
    assert "partial correlation +0.50" in found["one"].sentence
    assert found["one"].sentence.startswith("Shown: one (cosine): ")


def test_shares_that_labels_explain_carry_no_claim() -> None:
    """Matrix and phi share their samples: planted studies of nothing called a quarter of them more."""
    question = QUESTIONS.get("labels_explain")
    (one,) = relabelled(question, rows({"predictor": "label_phi"}))
    assert (one.strength, one.estimate) == ("not testable here", None)
    assert one.sentence == f"Not testable here: one (cosine): its rows are {question.unsound}."


def test_an_optimum_that_says_nothing_beyond_the_labels_carries_no_claim() -> None:
    nothing = {"partial": None, "r2_unique": 2.8e-17, "p_unique": None}
    features = [{"layer": layer, **nothing} for layer in range(2)]
    draws = [
        {"target": "shuffled_labels", "replicate": draw, "layer": layer, **nothing, "r2_unique": 0.0}
        for draw in range(199)
        for layer in range(2)
    ]
    (one,) = compared(ENERGY, rows(*features, *draws))
    assert (one.control, one.found, one.n_rows, one.n_unsound) == ("shuffled_labels", None, 2, 2)


def test_a_set_without_a_number_says_the_reason_and_is_in_no_family() -> None:
    nothing = {"p_unique": None, "r2_unique": None, "partial": None, "reason": "no labels"}
    found = {
        one.dataset: one
        for one in relabelled(ENERGY, rows(*layers("one", (0.03,)), *layers("two", (0.5,), **nothing)))
    }
    assert found["one"].n_tests == 1
    assert found["two"].sentence == "Not testable here: two (cosine): no labels."
    assert found["two"].estimate is None
    assert all("nan" not in one.sentence for one in found.values())


def test_few_relabellings_are_said_to_be_too_few() -> None:
    (one,) = relabelled(ENERGY, rows(*layers("one", (1 / 6, 0.5), p_unique_smallest=1 / 6)))
    assert one.strength == "not testable here"
    assert "no p could be below 0.33" in one.sentence


def test_sets_at_two_places_name_them_and_random_weights_are_no_sets() -> None:
    frame = rows(
        {"hookpoint": "embed"},
        {"hookpoint": "unembed"},
        {"model_weights": "random", "model_seed": 0, "p_unique": 1e-9},
    )
    sentences = [one.sentence for one in relabelled(ENERGY, frame)]
    assert len(sentences) == 2
    assert "one at embed" in sentences[0]
    assert "one at unembed" in sentences[1]


def test_rows_without_the_number_are_compared_with_no_control() -> None:
    nothing = {"p_unique": None, "r2_unique": None, "reason": "no labels"}
    frame = rows(
        {},
        {"target": "permuted", "p_unique": None},
        {"dataset": "two", **nothing},
        {"dataset": "two", "target": "permuted", **nothing},
    )
    assert [one.subject["dataset"] for one in compared(ENERGY, frame)] == ["one"]


def test_a_question_says_by_which_columns_its_rows_are_tested() -> None:
    def made(**more: object) -> Question:
        return Question(
            name="made", version=1, meaning="Is it?", view="explained_results", columns=("r2", "p_value"),
            value=lambda rows: rows["r2"], quantity="r2", unit="", lower="less", higher="more", **more,  # type: ignore[arg-type]
        )  # fmt: skip

    made().check()
    with pytest.raises(ArgumentError, match="give all or none"):
        made(p_value="p_value").check()
    with pytest.raises(ArgumentError, match="lack p_smallest, reason"):
        made(p_value="p_value", p_smallest="p_smallest", n_permutations="r2").check()


@pytest.mark.parametrize(
    "name", ["labels_explain", "energy_explains", "follows_order", "closes", "word_statistics"]
)
def test_each_question_reads_its_own_rows(name: str) -> None:
    question = QUESTIONS.get(name)
    question.check()
    frame = pd.DataFrame(
        [
            {"predictor": predictor, "list_order": order}
            for predictor in ("label_phi", "label_npmi", "energy", "list_line", "list_circle", "list_lag")
            for order in ("linear", "cyclic", "")
        ]
    )
    assert question.rows is not None
    read = frame[question.rows(frame)].to_records(index=False).tolist()
    assert (
        read
        == {
            "labels_explain": [("label_phi", one) for one in ("linear", "cyclic", "")],
            "energy_explains": [("energy", one) for one in ("linear", "cyclic", "")],
            "follows_order": [("list_line", "linear"), ("list_circle", "cyclic")],
            "closes": [("list_circle", "cyclic")],
            "word_statistics": [("list_lag", one) for one in ("linear", "cyclic", "")],
        }[name]
    )
