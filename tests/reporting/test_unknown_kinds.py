"""Kinds of a package that is not installed: an energy, a similarity, a control, an optimiser."""

from __future__ import annotations

import dataclasses
import sqlite3

import pytest
from synthetic_study import answer

import superpos
from superpos.db.engine import Database
from superpos.kinds.controls import CONTROLS
from superpos.kinds.energies import ENERGIES
from superpos.kinds.register import BY_HAND
from superpos.reporting.answers import answers
from superpos.reporting.charts.optimisers import optimisers
from superpos.reporting.charts.outcomes import outcomes
from superpos.reporting.charts.target_psms import target_psms
from superpos.reporting.page import render_page
from superpos.reporting.sections import CHAPTERS
from superpos.reporting.study_data import StudyData

FITS = ("targets", "optimal", "distances", "optimisers", "outcomes", "importance", "sensitivity")
ENERGY, CONTROL, OPTIMISER, SIMILARITY = "zz_energy", "zz_control", "zz_optimiser", "zz_similarity"
KERNELS = (("exp", 0.0, "exp", "include", 0.0), (ENERGY, 2.0, f"{ENERGY}:2", "exclude", 0.0))


def rename(url: str, optimiser: str) -> None:
    """Give rows of an optimiser and of the RBF names that nobody knows."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    with connection:
        connection.execute("update fit_axes set optimiser = ? where optimiser = ?", (OPTIMISER, optimiser))
        connection.execute("update targets set similarity = ? where similarity = 'rbf'", (SIMILARITY,))
        connection.execute("update psms set similarity = ? where similarity = 'rbf'", (SIMILARITY,))
    connection.close()
    answer(Database(url), 1)  # what was said before names the old kinds


@pytest.fixture(scope="module", params=["manifold", "powell"])
def data(request, make_study, study_plan):
    """The study with the optimiser beside Powell's unknown, or Powell's itself."""
    plan = study_plan(
        datasets={"one": ("a", "b", "c", "d", "e"), "two": ("f", "g", "h", "i")},
        layers=(0, 1), controls=("permuted", CONTROL), kernels=KERNELS, sweep=(), weights=("pretrained",),
    )  # fmt: skip
    url = make_study(plan)
    rename(url, request.param)
    with superpos.connect(url) as results:
        yield request.param, StudyData(results, "synthetic")


def drawn(data, name):
    return list(CHAPTERS.get(name).draw(data, data.subjects[:1]))


@pytest.mark.parametrize("name", FITS)
def test_every_chapter_draws_them(data, name):
    renamed, study = data
    found = drawn(study, name)
    assert (not found) == (name == "optimisers" and renamed == "powell")
    tables = [one.table for one in found if one.table is not None and "kernel" in one.table]
    assert all(f"{ENERGY}:2" in set(table["kernel"]) for table in tables)
    if name in ("targets", "optimal", "distances"):
        assert any(SIMILARITY in one.name for one in found)
        assert any("cosine" in one.name for one in found)
    if name in ("optimal", "distances", "sensitivity"):
        named = [one for one in found if OPTIMISER in one.name]
        assert named
        assert all("zz optimiser" in one.title for one in named)
        assert (len(named) < len(found)) == (renamed == "manifold")


def test_targets_and_kernels_come_after_ours(data):
    _, study = data
    (table, *_) = [one.table for one in drawn(study, "distances") if one.table is not None]
    assert list(dict.fromkeys(table["kernel"])) == ["exp", f"{ENERGY}:2"]
    assert set(table["target"]) == {"features", "permuted", CONTROL}


def test_outcomes_have_panels_for_every_optimiser(data):
    renamed, study = data
    titles = [panel.title for panel in outcomes(study, study.subjects[0]).panels]
    assert titles.count("zz optimiser: status") == titles.count("zz optimiser: verdict") == 1
    assert "Powell: status" in titles
    (panel,) = [p for p in outcomes(study, study.subjects[0]).panels if p.title == "zz optimiser: status"]
    assert panel.counts
    assert any(f"{ENERGY}:2" in setting for setting in panel.counts)
    assert renamed in ("manifold", "powell")


def test_an_unknown_optimiser_stands_beside_powell(data):
    renamed, study = data
    numbers = optimisers(study, study.subjects[0], OPTIMISER)
    if renamed == "powell":
        assert numbers is None
    else:
        assert numbers.other == "zz optimiser"
        assert numbers.has_manifold


def test_answers_name_them(data):
    renamed, study = data
    found = {one.question: one for one in answers(study)}
    assert CONTROL in found["keeps_low"].controls
    assert "zz control" in found["keeps_low"].sentence
    name = "zz optimiser" if renamed == "powell" else "Powell"
    assert any(name in line.under for line in found["keeps_low"].lines)
    assert any(SIMILARITY in line.under for line in found["preserved"].lines)


@pytest.fixture(scope="module")
def weighed(make_study, study_plan):
    """A study whose model has weights of an unknown scheme beside its own."""
    url = make_study(
        study_plan(
            datasets={"one": ("a", "b", "c", "d", "e")}, layers=(0, 1), controls=(), sweep=(), phi=True,
            kernels=KERNELS[:1],
        )
    )  # fmt: skip
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    with connection:
        connection.execute("update models set weights = 'zz_weights' where weights = 'random'")
    connection.close()
    with superpos.connect(url) as results:
        yield StudyData(results, "synthetic")


def test_weights_of_an_unknown_scheme_stand_beside_trained_ones(weighed):
    (subject,) = weighed.subjects
    assert subject.weights == "pretrained"
    numbers = target_psms(weighed, subject, "cosine")
    assert numbers is not None
    assert "zz weights" in numbers.rows


@pytest.mark.parametrize("name", ["probes", "labels", "targets", "optimal", "outcomes"])
def test_chapters_draw_them_under_names_of_their_own(weighed, name):
    found = list(CHAPTERS.get(name).draw(weighed, weighed.subjects))
    names = [one.name for one in found]
    assert names
    assert len(set(names)) == len(names)
    if name == "probes":
        assert {"trained weights", "zz weights"} <= set(found[0].table["probes"])
    elif name == "labels":
        assert {"trained weights", "zz weights"} == {w for one in found for w in one.table["weights"]}
    elif name == "targets":
        assert any("with zz weights" in one.caption for one in found)


def test_the_glossary_of_the_page_names_every_kind(monkeypatch):
    added = dataclasses.replace(ENERGIES.get("exp"), name="pale", formula="exp(2 cos)")
    monkeypatch.setattr(ENERGIES, "_found", {**ENERGIES._found, "pale": (added, BY_HAND)})
    page = render_page((), "sqlite:///x.db", "1")
    formulas = "exp:beta = exp(beta cos), log = -log r, riesz:s = sgn(s) r⁻ˢ, gauss:t = exp(-r²/t)"
    assert f"Energy of a pair: {formulas}, pale:beta = exp(2 cos)." in page
    for name in CONTROLS.names():
        control = CONTROLS.get(name)
        assert (f"{control.label}: {control.meaning[:1].lower()}" in page) == control.is_control
