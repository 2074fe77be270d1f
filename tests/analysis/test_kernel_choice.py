"""The kernel is chosen on other layers than those where it is judged."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from superpos.analysis.answering import axes_of, compared
from superpos.analysis.kernel_choice import CHOICE, choices, chosen_on_other_layers
from superpos.analysis.verdicts import answers
from superpos.kinds.questions import QUESTIONS

WHICH = QUESTIONS.get("which_energy")
BUYS = QUESTIONS.get("importance_buys")
SETTING = {
    "revision": "", "hookpoint": "mlp.act", "pooling": "token", "method": "logistic", "probe_C": 1.0,
    "split_seed": 0, "space": "raw", "rbf_scale": 0.0, "similarity": "cosine", "model": "net",
    "model_weights": "pretrained", "model_seed": -1, "softening": 0.0,
}  # fmt: skip
KERNELS = ("exp", "log", "riesz:2")


def rows(value, sets=("a",), layers=(0, 1, 2, 3), kernels=KERNELS, n_dims=(3,), draws=0, measures=None):
    """Rows of geometry_results whose value is value(set, layer, kernel, n_dims, draw); draw -1: features."""
    found = []
    for name, layer, kernel, f, draw in itertools.product(sets, layers, kernels, n_dims, range(-1, draws)):
        for measure in measures or ("force_residual",):
            arguments = (name, layer, kernel, f, draw) + ((measure,) if measures else ())
            found.append(
                {
                    **SETTING, "dataset": name, "layer": layer, "kernel": kernel, "n_dims": f,
                    "target": "features" if draw < 0 else "permuted", "replicate": max(draw, 0),
                    "measure": measure, "value": value(*arguments),
                }
            )  # fmt: skip
    frame = pd.DataFrame(found)
    return frame.reindex(columns=list(dict.fromkeys([*axes_of(WHICH), *frame.columns])))


def by_hand(frame):
    """The choice by two loops, for rows of one matrix."""
    table = frame.pivot(index="layer", columns="kernel", values="value").sort_index()
    found = {}
    for place, layer in enumerate(table.index):
        others = [other for i, other in enumerate(table.index) if i % 2 != place % 2]
        best = table.loc[others].mean().idxmin()
        found[layer] = (table.loc[layer, best], best)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_choices_are_those_of_two_loops(seed):
    rng = np.random.default_rng(seed)
    frame = rows(lambda *_: float(rng.uniform()), layers=range(5), n_dims=(3, 6), draws=2)
    found = chosen_on_other_layers(frame, "value")
    assert len(found) == 5 * 2 * 3
    for (target, replicate, f), part in frame.groupby(["target", "replicate", "n_dims"]):
        own = found[(found["target"] == target) & (found["replicate"] == replicate) & (found["n_dims"] == f)]
        wanted = by_hand(part)
        made = {
            layer: (value, choice)
            for layer, value, choice in zip(own["layer"], own["value"], own[CHOICE], strict=True)
        }
        assert made == wanted


def test_a_kernel_that_fits_single_layers_gains_nothing():
    """Noise alone: the least over kernels is lower than a kernel's number, the chosen one is not."""
    rng = np.random.default_rng(0)
    frame = rows(lambda *_: float(rng.uniform()), layers=range(200), kernels=[f"k{i}" for i in range(8)])
    chosen = chosen_on_other_layers(frame, "value")["value"].mean()
    least = frame.groupby("layer")["value"].min().mean()
    assert least < 0.2
    assert chosen == pytest.approx(0.5, abs=0.08)


def test_one_layer_has_no_other_half_and_missing_kernels_are_no_candidates():
    assert chosen_on_other_layers(rows(lambda *_: 1.0, layers=(-1,)), "value").empty
    assert chosen_on_other_layers(rows(lambda *_: 1.0).iloc[:0], "value").empty

    def value(_, layer, kernel, *_rest):
        return np.nan if (kernel, layer) == ("exp", 1) else {"exp": 0.1, "log": 0.2, "riesz:2": 0.3}[kernel]

    assert set(chosen_on_other_layers(rows(value), "value")[CHOICE]) == {"log"}


def test_kernels_of_two_softenings_are_two():
    frame = pd.concat([rows(lambda *_: 0.5), rows(lambda *_: 0.1, kernels=("log",)).assign(softening=0.1)])
    assert set(chosen_on_other_layers(frame, "value")[CHOICE]) == {"log softened 0.1"}


def test_an_energy_of_the_features_alone_is_shown_and_named():
    rng = np.random.default_rng(1)

    def value(_name, _layer, kernel, _f, draw):
        balanced = draw < 0 and kernel == "riesz:2"
        return 0.02 if balanced else float(rng.uniform(0.3, 0.5))

    frame = rows(value, draws=39)
    (found,) = compared(WHICH, frame)
    (answer,) = answers(WHICH, [found])
    assert answer.strength == "shown"
    assert answer.n_independent == 39
    assert answer.estimate < -0.2
    assert "features choose riesz:2 in 4 of 4 cells, draws in" in answer.sentence
    assert "is nearer to an equilibrium of its best energy than permuted" in answer.sentence


def test_words_of_nothing_are_none():
    nothing = pd.DataFrame({CHOICE: []})
    assert choices(nothing, nothing) == ""


def test_what_importance_buys_is_a_quotient():
    rng = np.random.default_rng(2)

    def value(_name, _layer, _kernel, _f, draw, measure):
        if measure == "force_residual":
            return 0.4
        return (0.1 if draw < 0 else 0.35) + 0.01 * float(rng.uniform())

    frame = rows(value, draws=39, measures=("force_residual", "force_residual_least"))
    made = BUYS.prepare(frame)
    assert len(made) == len(frame) / 2
    (answer,) = answers(BUYS, list(compared(BUYS, frame)))
    assert answer.strength == "shown"
    assert answer.estimate == pytest.approx(-0.625, abs=0.02)
    assert BUYS.prepare(frame.assign(value=0.0)).empty
