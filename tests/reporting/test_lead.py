"""The figures that come first: numbers by another route, and what their titles count."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import superpos
from superpos.analysis.settings import TARGET_SETTING
from superpos.reporting.chapters.lead import draw_lead
from superpos.reporting.charts.differences import beyond_all, differences, draw_differences
from superpos.reporting.charts.gradients import draw_gradients, gradients
from superpos.reporting.charts.own_energies import (
    OwnEnergies,
    beyond_controls,
    draw_own_energies,
    own_energies,
)
from superpos.reporting.study_data import StudyData, lead_subject
from superpos.reporting.style import row_names
from superpos.reporting.subjects import Subject


@pytest.fixture(scope="module")
def data(full_study):
    with superpos.connect(full_study) as results:
        yield StudyData(results, "synthetic")


def energies(**groups):
    rows = [
        ("one", group, draw, value, 1)
        for group, values in groups.items()
        for draw, value in enumerate(values)
    ]
    names = ["subject", "group", "draw", "value", "n_layers"]
    return OwnEnergies("cosine", "exp", 1, ("one",), tuple(groups), pd.DataFrame(rows, columns=names))


def test_a_set_is_below_its_controls_only_where_it_is_below_all_of_them():
    assert beyond_controls(energies(features=[0.1], permuted=[0.5, 0.9], gaussian=[0.2, 0.3])) == (1, 0)
    assert beyond_controls(energies(features=[0.25], permuted=[0.5, 0.9], gaussian=[0.2, 0.3])) == (0, 0)
    assert beyond_controls(energies(features=[2.0], permuted=[0.5, 0.9], gaussian=[0.2, 0.3])) == (0, 1)
    assert beyond_controls(energies(features=[0.1])) == (0, 0)


def test_a_figure_of_own_energies_has_a_row_a_set():
    figure = draw_own_energies(energies(features=[0.1], permuted=[0.5, 0.9], gaussian=[-0.2, 20.0]))
    (panel,) = figure.panels
    assert panel.y.ruler.labels == ("one",)
    assert panel.x.ruler.limits()[0] == 0.0


def test_own_energies_are_medians_over_layers(make_study, study_plan):
    plan = study_plan(
        datasets={"one": ("a", "b", "c", "d")}, fits=False, match=False, controls=("permuted",),
        measures=("own_energy@log", "own_energy@exp"), replicates=3,
    )  # fmt: skip
    with superpos.connect(make_study(plan)) as results:
        study = StudyData(results, "synthetic")
        found = own_energies(study, study.subjects)
        rows = results.frame("geometry_results", study="synthetic", measure="own_energy")
    assert (found.similarity, found.kernel) == ("cosine", "exp")
    assert found.groups == ("features", "permuted", "random weights")
    rows = rows[(rows["kernel"] == "exp") & (rows["similarity"] == "cosine")]
    assert len(found.values) == 1 + 3 + 1
    for row in found.values.itertuples():
        weights = "random" if row.group == "random weights" else "pretrained"
        target = "permuted" if row.group == "permuted" else "features"
        own = rows[(rows["model_weights"] == weights) & (rows["target"] == target)]
        own = own[own["replicate"] == row.draw] if target == "permuted" else own
        assert row.n_layers == len(own) == 3
        assert row.value == np.median(own["value_scaled"])


def test_a_set_without_a_control_is_not_said_to_lie_beside_any(make_study, study_plan):
    plan = study_plan(
        datasets={"one": ("a", "b", "c", "d")}, fits=False, match=False, controls=(),
        weights=("pretrained",), measures=("own_energy@exp",),
    )  # fmt: skip
    with superpos.connect(make_study(plan)) as results:
        study = StudyData(results, "synthetic")
        titles = {one.name: one.title for one in draw_lead(study, study.subjects)}
    assert titles["own-energy"] == "Own energy of 1 set, without a control"


def test_a_set_by_two_methods_has_a_row_of_each():
    """Where means had more layers than probes, they once stood for the set without a word."""
    axes = {"model": "net", "revision": "", "model_weights": "pretrained", "model_seed": -1, "dataset": "one"}
    axes |= {"hookpoint": "resid", "similarity": "cosine", "kernel": "exp", "softening": 0.0, "replicate": 0}
    numbers = {("logistic", 0): 0.5, ("mean_difference", 0): 3.0, ("mean_difference", 1): 5.0}
    rows = pd.DataFrame(
        {**axes, "target": "features", "method": method, "layer": layer, "value_scaled": value}
        for (method, layer), value in numbers.items()
    )
    for name in TARGET_SETTING:
        if name not in rows.columns:
            rows[name] = 0
    subject = Subject("net", "", "pretrained", "one", "resid")
    data = SimpleNamespace(
        own_energies=rows, of=lambda _, rows: rows, untrained_of=lambda _, rows: rows.iloc[:0]
    )
    found = own_energies(data, (subject,))
    assert found.subjects == ("one · net · resid · probes", "one · net · resid · means")
    assert found.n_sets == 1
    assert found.values.set_index("subject")["value"].to_dict() == dict(
        zip(found.subjects, (0.5, 4.0), strict=True)
    )
    (panel,) = draw_own_energies(found).panels
    assert panel.y.ruler.labels == ("probes", "means")


def test_rows_are_named_by_what_they_do_not_share():
    assert row_names(["a · net · resid", "b · net · resid"]) == ["a", "b"]
    assert row_names(["a · net · resid", "a · net · embed"]) == ["resid", "embed"]
    assert row_names(["a · net · resid"]) == ["a · net · resid"]
    assert row_names(["a", "a"]) == ["a", "a"]


def test_differences_are_those_of_the_cells(data):
    found = differences(data, data.subjects)
    assert found.similarity == "cosine"
    assert found.certified == found.panels[1]
    subject = data.subjects[0]
    own = data.main_fits(subject)
    own = own[(own["similarity"] == "cosine") & (own["optimiser"] == "powell") & (own["sigma"] == 0.1)]
    expected = []
    for _, cell in own.groupby(["layer", "kernel", "n_dims", "lambda_d"]):
        features = cell[cell["target"] == "features"]
        control = cell[cell["target"] == "permuted"]
        if len(features) and len(control):
            rms = [
                part["distance_final"]
                / math.sqrt(part["n_features"].iloc[0] * (part["n_features"].iloc[0] - 1))
                for part in (features, control)
            ]
            expected.append(float(np.median(rms[0]) - np.median(rms[1])))
    row = found.values[
        (found.values["panel"] == found.panels[0])
        & (found.values["subject"] == subject.label)
        & (found.values["target"] == "permuted")
    ].iloc[0]
    assert row["n_values"] == len(expected) > 1
    assert row["median"] == pytest.approx(float(np.median(expected)), abs=1e-12)
    assert sum(beyond_all(found)) <= len(found.subjects)
    assert len(draw_differences(found).panels) == 2


def test_only_certified_minima_are_in_the_panel_that_says_so(data):
    subject = data.subjects[0]
    own = data.main_fits(subject)
    minima = own[(own["optimiser"] == "manifold") & own["verdict"].isin(("strict", "degenerate"))]
    minima = minima[(minima["sigma"] == 0.0) & (minima["similarity"] == "cosine")]
    found = differences(data, (subject,)).values
    cells = found[found["panel"].str.contains("certified")]["n_values"].max()
    assert cells <= len(minima[minima["target"] == "features"])


def test_gradients_are_counted_for_every_optimiser(data):
    found = gradients(data)
    rows = data.fits[data.fits["target"] == "features"].dropna(subset=["relative_gradient"])
    assert dict(zip(found.optimisers, map(len, found.values), strict=True)) == (
        rows["optimiser"].value_counts().to_dict()
    )
    table = found.table().set_index("optimiser")
    for name, part in rows.groupby("optimiser"):
        assert table.loc[name, "n_critical"] == int((part["relative_gradient"] <= 1e-6).sum())
        assert table.loc[name, "median"] == pytest.approx(part["relative_gradient"].median())
    assert len(draw_gradients(found).panels) == 1


def test_the_lead_subject_has_the_most_layers(make_study, study_plan, place):
    plan = study_plan(
        datasets={"few": ("a", "b", "c"), "many": ("d", "e", "f")}, fits=False, match=False, layers=(0, 1, 2),
        places={"few": place(layers=(1,))},
    )  # fmt: skip
    with superpos.connect(make_study(plan)) as results:
        study = StudyData(results, "synthetic")
        assert lead_subject(study, 12).dataset == "many"
        assert lead_subject(study, 1).dataset == "few"
        assert lead_subject(study, 0) is None
