"""The figure on what matrices follow from: its numbers are those of the view."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import superpos
from superpos.reporting.charts.explained import CEILING, _known, explained
from superpos.reporting.sections import CHAPTERS
from superpos.reporting.study_data import StudyData

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


@pytest.fixture(scope="module")
def data(make_study, study_plan):
    plan = study_plan(
        datasets={"one": WEEK}, layers=(0, 1), fits=False, match=False, controls=("gaussian",), replicates=3,
        similarities=("cosine",), explained=True, phi=True, n_resamples=20,
    )  # fmt: skip
    with superpos.connect(make_study(plan)) as results:
        yield StudyData(results, "synthetic")


def test_shares_are_those_of_the_view(data):
    numbers = explained(data, data.subjects[0], "cosine")
    assert numbers is not None
    assert numbers.groups == ("features", "gaussian", "random weights", CEILING)
    titles = [panel.measure for panel in numbers.panels]
    assert {"label_phi, alone", "label_phi, unique", "list_line, alone", "list_lag, alone"} <= set(titles)
    view = data.results.frame("explained_results", study="synthetic", model_weights="pretrained")
    for column, said in (("r2", "alone"), ("r2_unique", "unique")):
        for group, n_values in (("features", 1), ("gaussian", 3)):
            rows = view[(view["predictor"] == "list_line") & (view["target"] == group) & (view["layer"] == 1)]
            found = numbers.values[
                (numbers.values["measure"] == f"list_line, {said}")
                & (numbers.values["group"] == group)
                & (numbers.values["layer"] == 1)
            ].iloc[0]
            kernel = rows["kernel"].iloc[0]
            values = rows[rows["kernel"] == kernel][column]
            assert found["n_values"] == len(values) == n_values
            assert found["median"] == np.median(values)
    ceilings = numbers.values[numbers.values["group"] == CEILING]
    known = data.psms[(data.psms["target"] == "features") & (data.psms["model_weights"] == "pretrained")]
    assert set(ceilings["median"]) == set(known["reliability"])


def test_the_chapter_draws_them(data):
    found = list(CHAPTERS.get("labels").draw(data, data.subjects))
    assert found[-1].name.startswith("explained-")
    assert found[-1].name.endswith("-cosine")
    assert len(found[-1].table) > 0


def test_shares_that_are_0_but_for_rounding_are_drawn_as_0():
    shares = pd.Series([2.8e-17, -1e-16, 0.0, 0.02, np.nan])
    assert _known(shares)[:4].tolist() == [0.0, 0.0, 0.0, 0.02]
    assert _known(shares).isna().tolist() == [False] * 4 + [True]
