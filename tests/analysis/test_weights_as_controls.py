"""Schemes of random weights as controls: the same set, seed by seed, each scheme by itself."""

from __future__ import annotations

import pandas as pd
import pytest

from superpos.analysis.answering import axes_of, compared
from superpos.analysis.verdicts import answers
from superpos.kinds.questions import QUESTIONS

OWN = QUESTIONS.get("own_energy")
SETTING = {
    "model": "net", "revision": "", "dataset": "a", "hookpoint": "mlp.act", "pooling": "token",
    "method": "logistic", "probe_C": 1.0, "split_seed": 0, "space": "raw", "target": "features",
    "replicate": 0,
    "similarity": "cosine", "rbf_scale": 0.0, "kernel": "exp", "softening": 0.0, "n_dims": 0, "layer": 0,
    "measure": "own_energy",
}  # fmt: skip


def rows(schemes: dict[str, int], sets: tuple[str, ...] = ("a",)) -> pd.DataFrame:
    """Trained weights at 1, seed k of a scheme at 2 + k / 100, each scheme 10 further away."""
    found = [{**SETTING, "model_weights": "pretrained", "model_seed": -1, "value_scaled": 1.0}]
    for place, (scheme, n_seeds) in enumerate(schemes.items()):
        found += [
            {
                **SETTING, "model_weights": scheme, "model_seed": seed,
                "value_scaled": 2.0 + 10.0 * place + seed / 100.0,
            }
            for seed in range(n_seeds)
        ]  # fmt: skip
    frame = pd.concat([pd.DataFrame(found).assign(dataset=name) for name in sets])
    return frame[list(axes_of(OWN))]


def test_each_scheme_is_a_control_of_its_own_with_its_seeds_as_draws() -> None:
    found = list(answers(OWN, list(compared(OWN, rows({"random": 3, "shuffled": 2})))))
    assert [(one.control, one.n_independent) for one in found] == [
        ("random weights", 3),
        ("shuffled weights", 2),
    ]
    assert [one.estimate for one in found] == pytest.approx([-1.01, -11.005])


def test_a_few_seeds_are_not_testable_and_the_sentence_says_the_least_p() -> None:
    (one,) = answers(OWN, list(compared(OWN, rows({"random": 3}))))
    assert one.strength == "not testable here"
    assert one.p_smallest == 0.25
    assert "3 draws" in one.sentence
    assert "no p could be below 0.25" in one.sentence


def test_many_seeds_are_a_test() -> None:
    (one,) = answers(OWN, list(compared(OWN, rows({"random": 19}))))
    assert one.strength == "shown"
    assert one.p_value == 0.05


def test_a_set_is_held_against_the_same_set_alone() -> None:
    frame = rows({"random": 3}, sets=("a", "b"))
    other = (frame["dataset"] == "b") & (frame["model_weights"] == "random")
    found = list(compared(OWN, frame[~other]))
    assert [(one.subject["dataset"], one.control) for one in found] == [("a", "random weights")]
