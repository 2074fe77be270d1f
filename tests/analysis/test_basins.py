"""Shares of ends that return or lie deeper: by hand, and as answers."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from superpos.analysis.answering import axes_of, compared
from superpos.analysis.basins import SHARE, deeper, returned, shares
from superpos.analysis.settings import headline_sigma
from superpos.analysis.verdicts import answers
from superpos.kinds.questions import QUESTIONS
from superpos.specs.axes import SPHERE_SIGMA

RETURNS, DEEPEST = QUESTIONS.get("returns"), QUESTIONS.get("deepest")
SETTING = {
    "revision": "", "hookpoint": "mlp.act", "pooling": "token", "method": "logistic", "probe_C": 1.0,
    "split_seed": 0, "space": "raw", "rbf_scale": 0.0, "self_energy": "exclude", "softening": 0.0,
    "gauge": "unit", "importance_mode": "learned", "joint_polish": "on", "lambda_d": 100.0, "restart": 0,
    "backend": "compiled", "lambda_x": 0.0, "config_key": "c",
    "similarity": "cosine", "model": "net", "model_weights": "pretrained", "model_seed": -1,
}  # fmt: skip
ALL = tuple(dict.fromkeys([*axes_of(RETURNS), *axes_of(DEEPEST)]))


def rows(end, sigmas=(0.1, SPHERE_SIGMA), draws=39, trials=3, layers=(0, 1)):
    """Rows of fit_results: sigma 0 and the trials, end(draw, sigma, trial): return, energy, verdict."""
    found = []
    for layer, draw in itertools.product(layers, range(-1, draws)):
        key = f"{layer}.{draw}"
        cells = [(0.0, 0), *itertools.product(sigmas, range(trials))]
        for sigma, trial in cells:
            back, energy, verdict = (0.0, 1.0, "strict") if sigma == 0.0 else end(draw, sigma, trial)
            found.append(
                {
                    **SETTING, "dataset": "a", "layer": layer, "kernel": "exp", "n_dims": 3, "sigma": sigma,
                    "sigma_rule": "sigma" if sigma == 0.0 else "sigma / sqrt(f)", "trial": trial,
                    "optimiser": "manifold", "target": "features" if draw < 0 else "permuted",
                    "replicate": max(draw, 0), "n_features": 5, "distance_return": back,
                    "energy_final": energy, "verdict": verdict, "target_key": key, "joint_key": key,
                }
            )  # fmt: skip
    return pd.DataFrame(found)[list(ALL)]


def test_a_share_is_of_certified_ends_alone():
    ends = {0: (0.0, 1.0, "strict"), 1: (0.5, 0.9, "degenerate"), 2: (0.0, 1.0, "saddle")}
    frame = rows(lambda _draw, _sigma, trial: ends[trial], draws=1)
    found = shares(frame, returned)
    assert len(found) == 2 * 2 * 2
    assert set(found[SHARE]) == {0.5}
    assert set(shares(frame, deeper)[SHARE]) == {0.5}
    assert shares(frame, returned)["trial"].eq(0).all()


def test_without_a_minimum_at_sigma_0_or_any_certified_end_there_is_no_share():
    frame = rows(lambda *_: (0.0, 1.0, "strict"), draws=1)
    frame.loc[(frame["sigma"] == 0.0) & (frame["target"] == "features"), "verdict"] = "saddle"
    found = shares(frame, returned).set_index("target")[SHARE]
    assert found["features"].isna().all()
    assert found["permuted"].eq(1.0).all()
    assert shares(rows(lambda *_: (0.0, 1.0, "saddle"), draws=1), returned)[SHARE].isna().all()
    assert shares(frame[frame["sigma"] > 0.0], returned).empty


def test_energies_that_differ_by_rounding_are_not_deeper():
    frame = rows(lambda *_: (0.5, 1.0 - 1e-12, "strict"), draws=1)
    assert shares(frame, deeper)[SHARE].eq(0.0).all()


def test_a_start_on_the_spheres_is_no_perturbation_of_the_headline():
    frame = pd.DataFrame({"sigma": [0.0, 0.5, SPHERE_SIGMA]})
    assert headline_sigma(frame) == 0.5
    assert headline_sigma(frame[frame["sigma"] != 0.5]) == 0.0


@pytest.mark.parametrize(
    ("question", "verb"), [(RETURNS, "returns more often"), (DEEPEST, "lies deeper among")]
)
def test_answers_are_on_shares_of_features_and_draws(question, verb):
    rng = np.random.default_rng(0)

    def end(draw, _sigma, trial):
        if draw < 0:
            return 0.0, 1.0, "strict"  # always back, never deeper
        back = 0.0 if trial == 0 and rng.uniform() < 0.5 else 0.7
        return back, 0.5 if back else 1.0, "strict"

    (answer,) = answers(question, list(compared(question, rows(end))))
    assert answer.strength == "shown"
    assert answer.n_independent == 39
    assert answer.n_cells == 2
    assert verb in answer.sentence


def test_without_random_starts_nothing_is_said_of_them():
    frame = rows(lambda *_: (0.0, 1.0, "strict"), sigmas=(0.1,), draws=3)
    assert list(compared(DEEPEST, frame)) == []
