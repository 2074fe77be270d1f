"""A list of the user's own with an order: its tests, its places, and that nothing else moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tiny_study import Tiny, run_tiny

from superpos.analysis.explaining import explain
from superpos.analysis.predictors import of_order
from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.errors import InputError
from superpos.facts import ListOrder
from superpos.records.plan import StudyPlan
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study

STUDY = """
name = "orders"
[models.net]
name = "{model}"
[datasets.ring]
builder = "token_list"
words = ["7", "2", "9", "4", "0", "5", "1"]
ctx_len = 24
{ring}
[datasets.digits]
ctx_len = 24
{digits}
[datasets.vectors]
builder = "directions"
file = "vectors.csv"
{vectors}
[[blocks]]
name = "one"
targets = ["features", "gaussian"]
kernels = ["exp"]
n_dims = 3
reoptimisations = []
"""
VECTORS = "low,1,0.25,0.5\ncopy,1,0.25,0.5\nsome,0.25,1,-0.1\nmore,0.5,-0.125,1\nhigh,0.1,0.2,-1\n"


def planned(tiny: Tiny, ring: str = "", digits: str = "", vectors: str = "") -> StudyPlan:
    (tiny.folder / "vectors.csv").write_text(VECTORS, encoding="utf-8")
    file = tiny.folder / "orders.toml"
    text = STUDY.format(model=tiny.model, ring=ring, digits=digits, vectors=vectors)
    file.write_text(text, encoding="utf-8")
    return plan_study(load_study(file))


def test_a_list_with_an_order_of_its_own(tiny: Tiny, new_database: Callable[[str], Database]) -> None:
    plan = planned(tiny, 'order = "cyclic"', 'order = "none"', 'order = "linear"')
    database = new_database("orders")
    run_tiny(database, plan)
    results = Results(database)
    found = results.frame("explained_results", study="orders")
    found = found[(found["target"] == "features") & found["predictor"].str.startswith("list_")]
    assert set(found["dataset"]) == {"ring", "vectors"}  # and not the digits, which say that they have none
    assert set(found.loc[found["dataset"] == "ring", "list_order"]) == {"cyclic"}

    def by_hand(name: str, order: ListOrder) -> None:
        rows = found[found["dataset"] == name].set_index("predictor")
        matrix = np.asarray(results.psm(rows["psm_key"].iloc[0]))
        for one in explain(matrix, of_order(order), order):
            row = rows.loc[one.predictor]
            for column in ("correlation", "p_value", "p_smallest", "n_permutations", "r2"):
                value = getattr(one, column)
                assert (value is None and np.isnan(row[column])) or row[column] == value

    by_hand("ring", ListOrder("stated", tuple(range(7)), 7, cyclic=True))
    circle = found[(found["dataset"] == "ring") & (found["predictor"] == "list_circle")].iloc[0]
    assert circle["n_permutations"] == 360
    assert circle["p_smallest"] == 1 / 360
    # Where a row is left out as a copy, the others keep their places.
    by_hand("vectors", ListOrder("stated", (0, 2, 3, 4), 5, cyclic=False))
    answers = results.frame("answers", study="orders")
    assert set(answers.loc[answers["question"] == "follows_order", "dataset"]) >= {"ring", "vectors"}


def test_nothing_moves_where_nothing_is_said(tiny: Tiny) -> None:
    plain, said = planned(tiny), planned(tiny, digits='order = "known"')
    assert said.digest == plain.digest
    assert all("order" not in one for one in plain.study.as_dict()["datasets"])
    assert all("order" not in one.identity["builder"] for one in plain.datasets)
    stated = planned(tiny, 'order = "linear"')
    keys = [{one.name: one.key for one in plan.datasets} for plan in (plain, stated)]
    assert {name for name in keys[0] if keys[0][name] != keys[1][name]} == {"ring"}
    assert stated.study.as_dict()["datasets"][0]["order"] == "linear"
    ring = next(one.spec for one in stated.datasets if one.name == "ring")
    assert replace(ring, order="known").own_order == {}


def test_an_order_that_there_is_none_of(tiny: Tiny) -> None:
    said = r"datasets\.ring\.order: 'round' is unknown; allowed: known, none, linear, cyclic"
    with pytest.raises(InputError, match=said):
        planned(tiny, 'order = "round"')
