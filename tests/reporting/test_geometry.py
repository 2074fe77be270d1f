"""The chapter on measures of the matrices: numbers by hand, order, one layer, what is not there."""

from __future__ import annotations

import numpy as np
import pytest

import superpos
from superpos.reporting.charts.geometry import geometry
from superpos.reporting.sections import CHAPTERS
from superpos.reporting.study_data import StudyData

MEASURED = ("zz_unknown", "rank", "nothing", "min_eigenvalue")


@pytest.fixture(scope="module", params=[(0, 1, 2), (3,)], ids=["layers", "one layer"])
def data(request, make_study, study_plan):
    plan = study_plan(
        datasets={"one": ("a", "b", "c", "d")}, layers=request.param, fits=False, match=False,
        controls=("gaussian", "permuted"), measures=MEASURED, replicates=3,
    )  # fmt: skip
    with superpos.connect(make_study(plan)) as results:
        yield StudyData(results, "synthetic")


def test_medians_are_those_of_the_view(data):
    numbers = geometry(data, data.subjects[0], "cosine")
    rows = data.results.frame("geometry_results", study="synthetic", similarity="cosine", measure="rank")
    own = rows[rows["model_weights"] == "pretrained"]
    layer = numbers.layers[-1]
    for group in ("features", "gaussian", "permuted"):
        values = own[(own["target"] == group) & (own["layer"] == layer)]["value"]
        found = numbers.values[(numbers.values["measure"] == "rank") & (numbers.values["group"] == group)]
        found = found[found["layer"] == layer].iloc[0]
        assert found["n_values"] == len(values) == (1 if group == "features" else 3)
        assert found[["low", "median", "high"]].tolist() == np.percentile(values, (25, 50, 75)).tolist()


def test_order_is_that_of_the_registers_and_undefined_measures_are_left_out(data):
    numbers = geometry(data, data.subjects[0], "rbf")
    assert [panel.title for panel in numbers.panels] == ["smallest eigenvalue", "rank", "zz unknown"]
    assert numbers.groups == ("features", "permuted", "gaussian", "random weights")


def test_every_similarity_has_a_figure_with_its_numbers(data):
    found = list(CHAPTERS.get("geometry").draw(data, data.subjects))
    assert [one.name.rpartition("-")[2] for one in found] == ["cosine", "rbf"]
    assert all(set(one.table["measure"]) == set(MEASURED) - {"nothing"} for one in found)
    panels = [panel.title for panel in found[0].figure.panels if panel.shown]
    assert panels == ["smallest eigenvalue", "rank", "zz unknown"]


def test_without_measures_there_is_nothing(full_study):
    with superpos.connect(full_study) as results:
        study = StudyData(results, "synthetic")
        assert list(CHAPTERS.get("geometry").draw(study, study.subjects)) == []
