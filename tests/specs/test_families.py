"""Families of tests in a study file: what is read, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from superpos.errors import InputError
from superpos.specs.families import Family
from superpos.specs.studyfile import load_study

HEAD = "[models.nano]\n[datasets.text_features]\n[datasets.digits]\nmatrices = 'embed'\n"
OWN = "[tests.own]\nquestions = 'own_energy'\ncontrols = 'permuted'\n"


def read(folder: Path, text: str):
    path = folder / "mine.toml"
    path.write_text(f"{HEAD}{text}\n[[blocks]]\n", encoding="utf-8")
    return load_study(path)


def test_a_family_has_defaults_and_a_study_without_one_is_what_it_was(tmp_path: Path) -> None:
    study = read(tmp_path, f"{OWN}margin = 1")
    assert study.families == (Family("own", ("own_energy",), ("permuted",), margin=1.0),)
    assert study.as_dict()["families"][0]["level"] == 0.05
    assert "families" not in read(tmp_path, "").as_dict()


def test_a_family_of_a_study_that_is_extended_is_overridden_key_by_key(tmp_path: Path) -> None:
    read(tmp_path, OWN)
    path = tmp_path / "other.toml"
    path.write_text('extends = "mine.toml"\n[tests.own]\nlevel = 0.01\n', encoding="utf-8")
    assert load_study(path).families == (Family("own", ("own_energy",), ("permuted",), level=0.01),)


def test_families_that_differ_in_set_control_similarity_or_optimiser_have_no_test_in_common(
    tmp_path: Path,
) -> None:
    for first, second in (
        ("datasets = 'digits'", "datasets = 'text_features'"),
        ("similarities = 'cosine'", "similarities = 'rbf'"),
        ("optimisers = 'powell'", "optimisers = 'manifold'"),
    ):
        both = f"{OWN}{first}\n[tests.b]\nquestions = 'own_energy'\ncontrols = 'permuted'\n{second}"
        assert len(read(tmp_path, both).families) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tests.own]\ncontrols = 'permuted'", "tests.own.questions: is missing"),
        ("[tests.own]\nquestions = 'own_energy'", "tests.own.controls: is missing"),
        ("[tests.own]\nquestions = []\ncontrols = 'permuted'", "tests.own.questions: is empty"),
        (OWN.replace("own_energy", "own_energ"), "(did you mean 'own_energy'?)"),
        (OWN.replace("permuted", "features"), "tests.own.controls: 'features'; allowed: permuted, "),
        (OWN.replace("permuted", "pretrained weights"), "tests.own.controls: 'pretrained weights'"),
        (f"{OWN}level = 1.0", "tests.own.level: 1 must be below 1"),
        (f"{OWN}level = 0", "tests.own.level: 0 must be above 0"),
        (f"{OWN}margin = -1", "tests.own.margin: -1"),
        (f"{OWN}margin = nan", "tests.own.margin: "),
        (f"{OWN}datasets = 'colours'", "tests.own.datasets: 'colours'; allowed: text_features, digits"),
        (f"{OWN}similarities = 'cosin'", "(did you mean 'cosine'?)"),
        (f"{OWN}alpha = 1", "tests.own.alpha: unknown key; allowed: "),
        (
            OWN.replace("'own_energy'", "['own_energy', 'simplex']") + "margin = 1",
            "tests.own.margin: 1 has the unit of one question",
        ),
        (
            f"{OWN}\n[tests.b]\nquestions = ['simplex', 'own_energy']\ncontrols = 'permuted'",
            "tests.b: asks own_energy of text_features against permuted (cosine), as tests.own does",
        ),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    said = str(caught.value)
    assert message in said
    assert said.startswith(f"{tmp_path / 'mine.toml'}: tests.")
    assert "\n" not in said
