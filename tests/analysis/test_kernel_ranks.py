"""Whether sets rank the kernels alike, beside random rankings and beside draws of a control."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy.stats import friedmanchisquare

from superpos.analysis.answering import axes_of
from superpos.analysis.kernel_ranks import RANDOM_RANKINGS, best_energy, kernel_scores
from superpos.kinds.questions import QUESTIONS
from superpos.records.answers import AnswerRecord

KEEPS = QUESTIONS.get("keeps_low")
KERNELS = ("exp", "log", "riesz:1")
BASE = {
    "model": "nano", "revision": "", "model_weights": "pretrained", "model_seed": -1, "hookpoint": "resid",
    "pooling": "none", "method": "logistic", "similarity": "cosine", "optimiser": "manifold", "sigma": 0.0,
    "n_features": 5, "verdict": "strict", "verdict_joint": "strict", "status": "converged",
    "status_joint": "converged",
}  # fmt: skip


def rows(distances: dict[tuple[str, str, int], tuple[float, ...]], layers: int = 2) -> pd.DataFrame:
    """Return fits of sets, targets and draws, whose distances under each kernel are given."""
    frame = pd.DataFrame(
        {
            **BASE, "dataset": dataset, "target": target, "replicate": draw, "kernel": kernel, "layer": layer,
            "distance_final": distance + 0.01 * layer,
        }
        for (dataset, target, draw), found in distances.items()
        for kernel, distance in zip(KERNELS, found, strict=True)
        for layer in range(layers)
    )  # fmt: skip
    for name in axes_of(KEEPS):
        if name not in frame.columns:
            frame[name] = 0
    return frame


def asked(frame: pd.DataFrame, *, stated: bool = False) -> dict[str, AnswerRecord]:
    return {one.control: one for one in best_energy(kernel_scores(frame), stated=stated)}


def sets(orders: dict[str, tuple[float, ...]], target: str = "features", draw: int = 0):
    return {(name, target, draw): found for name, found in orders.items()}


ALIKE = {"a": (0.2, 0.1, 0.3), "b": (0.5, 0.4, 0.9), "c": (0.3, 0.2, 0.4), "d": (0.3, 0.1, 0.8)}
TURNED = {"a": (0.1, 0.2, 0.3), "b": (0.9, 0.4, 0.5), "c": (0.3, 0.4, 0.2), "d": (0.3, 0.8, 0.1)}


def test_agreement_is_that_of_friedman() -> None:
    """Kendall's W is the statistic of Friedman's test over m (k - 1)."""
    found = asked(rows(sets(TURNED)))[RANDOM_RANKINGS]
    chi2 = friedmanchisquare(*zip(*TURNED.values(), strict=True)).statistic
    assert found.estimate == pytest.approx(chi2 / (4 * 2), abs=1e-12)
    assert found.n_independent == 4


def test_what_exchanged_labels_rank_alike_too_is_not_shown() -> None:
    """Sets agree beside random rankings, and their exchanged labels agree as much."""
    drawn: dict[tuple[str, str, int], tuple[float, ...]] = {}
    for draw in range(39):
        drawn |= sets(ALIKE, "shuffled_labels", draw)
    found = asked(rows(sets(ALIKE) | drawn))
    assert found[RANDOM_RANKINGS].strength == "shown"
    against = found["shuffled_labels"]
    assert (against.estimate, against.p_value, against.strength) == (0.0, 1.0, "not shown")
    assert (
        "4 sets do not agree more than shuffled labels on 3 kernels: Kendall's W 1.00, median of 39"
        in against.sentence
    )


def test_more_agreement_than_every_draw_is_shown() -> None:
    drawn: dict[tuple[str, str, int], tuple[float, ...]] = {}
    for draw in range(39):
        drawn |= sets(TURNED, "shuffled_labels", draw)
    found = asked(rows(sets(ALIKE) | drawn))["shuffled_labels"]
    assert (found.p_value, found.n_independent, found.strength) == (1 / 40, 39, "shown")
    assert (found.estimate or 0.0) > 0.5
    stated = asked(rows(sets(ALIKE) | drawn), stated=True)
    assert {one.strength for one in stated.values()} == {"suggested"}


def test_a_draw_counts_only_where_every_set_has_it() -> None:
    drawn = sets(TURNED, "permuted", 0) | sets(dict(list(TURNED.items())[:3]), "permuted", 1)
    found = asked(rows(sets(ALIKE) | drawn))["permuted"]
    assert (found.n_independent, found.strength) == (1, "not testable here")
    assert "no p could be below 0.5" in found.sentence


def test_two_draws_of_one_set_are_no_raters() -> None:
    drawn = sets({"a": ALIKE["a"]}, "permuted", 0) | sets({"a": ALIKE["a"]}, "permuted", 1)
    assert set(asked(rows(sets(ALIKE) | drawn))) == {RANDOM_RANKINGS}


def test_ends_that_are_no_minima_rank_nothing() -> None:
    frame = rows(sets(ALIKE))
    frame.loc[frame["dataset"].isin(["b", "c", "d"]) & (frame["kernel"] == "log"), "verdict"] = "not_critical"
    (only,) = asked(frame).values()
    assert only.strength == "not testable here"
    assert "1 of 4 sets have certified minima" in only.sentence
