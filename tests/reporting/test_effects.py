"""Effect sizes of the report against plain formulas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from superpos.reporting.effects import (
    PAIR_AXES,
    Effect,
    control_pairs,
    direction,
    median_effect,
    percent,
    rms,
)


def frame(records):
    base = {
        "model": "m",
        "revision": "",
        "dataset": "d",
        "hookpoint": "mlp.act",
        "similarity": "cosine",
        "kernel": "exp",
        "sigma": 0.1,
    }
    return pd.DataFrame([{**base, **record} for record in records])


def test_rms_over_the_entries_off_the_diagonal():
    rng = np.random.default_rng(0)
    difference = rng.normal(size=(5, 5))
    np.fill_diagonal(difference, 0.0)
    table = pd.DataFrame({"n_features": [5], "distance": [np.linalg.norm(difference)]})
    off = difference[~np.eye(5, dtype=bool)]
    assert rms(table, "distance")[0] == pytest.approx(math.sqrt(np.mean(off**2)), rel=1e-14)


def test_pairs_take_the_median_over_replicates_and_match_axes():
    rows = frame(
        [
            {"layer": 0, "target": "features", "value": 1.0},
            {"layer": 0, "target": "permuted", "value": 3.0},
            {"layer": 0, "target": "permuted", "value": 5.0},
            {"layer": 0, "target": "permuted", "value": 100.0},
            {"layer": 1, "target": "features", "value": 2.0},
            {"layer": 1, "target": "gaussian", "value": 2.5},
            {"layer": 2, "target": "permuted", "value": 7.0},
            {"layer": 3, "target": "features", "value": 7.0},
        ]
    )
    pairs = control_pairs(rows, rows["value"]).sort_values(["layer", "target"])
    assert set(PAIR_AXES) <= set(pairs.columns)
    assert pairs[["layer", "target", "features", "control"]].to_numpy().tolist() == [
        [0, "permuted", 1.0, 5.0],
        [1, "gaussian", 2.0, 2.5],
    ]


def test_a_pair_without_a_number_is_left_out():
    rows = frame(
        [
            {"layer": 0, "target": "features", "value": math.nan},
            {"layer": 0, "target": "permuted", "value": 1.0},
        ]
    )
    assert control_pairs(rows, rows["value"]).empty


def test_medians_and_their_intervals():
    values = np.arange(1.0, 22.0)
    effect = median_effect(values)
    assert effect is not None
    assert effect.median == 11.0
    assert effect.n == 21
    # The 95 % interval of a median by order statistics of 21 values is (6, 16); the bootstrap is near it.
    assert effect.low == pytest.approx(6.0, abs=1.5)
    assert effect.high == pytest.approx(16.0, abs=1.5)


def test_few_values_have_no_interval_and_none_no_effect():
    effect = median_effect([1.0, math.nan, 4.0])
    assert effect == Effect(2.5, None, None, 2)
    assert effect.text() == "2.5"
    assert median_effect([math.nan]) is None
    assert median_effect([]) is None


def test_text_carries_the_sign_where_asked():
    effect = Effect(0.1234, 0.01, 0.2, 9)
    assert effect.text() == "0.123 [0.01, 0.2]"
    assert effect.text(sign=True) == "+0.123 [+0.01, +0.2]"


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(-2.0, -1.0, "below"), (1.0, 2.0, "above"), (-1.0, 1.0, "unclear"), (0.0, 1.0, "unclear")],
)
def test_only_an_interval_clear_of_zero_is_a_direction(low, high, word):
    assert direction(Effect(0.5, low, high, 10), "below", "above", "unclear") == word


def test_without_an_interval_nothing_is_claimed():
    assert direction(Effect(9.0, None, None, 2), "below", "above", "unclear").startswith("unclear, too few")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.001, "under 1 %"), (0.5, "50 %"), (0.999, "over 99 %"), (1.0, "100 %")],
)
def test_percent_rounds_neither_some_to_none_nor_most_to_all(share, text):
    assert percent(share) == text
