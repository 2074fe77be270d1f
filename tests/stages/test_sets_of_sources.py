"""Sets of a source through planning and database: what is the same has one key, its package is kept."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tiny_study import Notes

from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.db.tables.datasets import datasets
from superpos.errors import InputError
from superpos.reporting.charts.feature_counts import counts_table, feature_counts
from superpos.reporting.study_data import StudyData
from superpos.specs.studyfile import load_study
from superpos.stages.executor import SerialExecutor
from superpos.stages.pipeline import run_study
from superpos.stages.plan import plan_study
from superpos.stages.tasks import TASKS

SOURCE = """
meaning = "Labelled texts"
distribution = "tiny-texts"
folder = "tiny/data"
suffixes = [".csv"]
[keys]
builder = "labelled_texts"
ctx_len = 32
[sets.animals]
files = { cats = "cats", dogs = "dogs" }
"""


BLOCK = """
[[blocks]]
layers = [1]
backend = "scipy"
n_dims = [2]
max_iter = 5
[[blocks.reoptimisations]]
xtol = 1e-2
ftol = 1e-2
max_iter = 1
"""


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a source whose distribution is installed."""
    data = tmp_path / "site" / "tiny" / "data"
    data.mkdir(parents=True)
    for name in ("cats", "dogs"):
        rows = [(f"the {name} of house {n} sleep", int(n % 3 == 0)) for n in range(90)]
        with (data / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("text", "label"), *rows])
    metadata = tmp_path / "site" / "tiny_texts-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny-texts\nVersion: 1.0\nLicense: MIT\n"
    )
    (metadata / "RECORD").write_text("tiny/data/cats.csv,,\ntiny/data/dogs.csv,,\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (tmp_path / "texts.toml").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def study(folder: Path, sets: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(f"name = 'mine'\n[models.nano]\n{sets}\n{BLOCK}", encoding="utf-8")
    return path


def provenances(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        return list(connection.execute(sa.select(datasets.c.provenance)).scalars())


def test_a_set_has_one_key_whether_it_comes_from_a_source_or_is_written_out(workplace: Path) -> None:
    named = study(workplace, '[datasets.animals]\nsource = "texts.toml"\n')
    key = plan_study(load_study(named)).datasets[0].key
    by_hand = study(
        workplace,
        "[datasets.mine]\nbuilder = 'labelled_texts'\nctx_len = 32\n[datasets.mine.files]\n"
        'cats = "site/tiny/data/cats.csv"\ndogs = "site/tiny/data/dogs.csv"\n',
    )
    (planned,) = plan_study(load_study(by_hand)).datasets
    assert (planned.key, planned.corpus) == (key, "")
    folder = study(workplace, '[datasets.animals]\nsource = "texts.toml"\nsource_folder = "site/tiny/data"\n')
    assert plan_study(load_study(folder)).datasets[0].key == key
    (workplace / "site/tiny/data/cats.csv").write_text("text,label\na cat,1\nno cat,0\n", encoding="utf-8")
    assert plan_study(load_study(named)).datasets[0].key != key


def test_two_names_of_one_content_are_one_set_and_a_note_says_so(workplace: Path) -> None:
    path = study(
        workplace,
        '[datasets.cats]\nsource = "texts.toml"\n[datasets.felines]\nset = "cats"\nsource = "texts.toml"\n',
    )
    plan = plan_study(load_study(path))
    assert [one.name for one in plan.datasets] == ["cats"]
    assert "data set felines: is the same as cats; its results have that name alone" in plan.notes


def test_the_database_and_the_report_name_the_package(
    workplace: Path, new_database: Callable[[str], Database]
) -> None:
    path = study(workplace, '[datasets.cats]\nsource = "texts.toml"\n')
    database = new_database("sources")
    plan = plan_study(load_study(path))
    run_study(database, plan, SerialExecutor(TASKS), Notes(), data_folder=workplace / "data")
    results = Results(database)
    package = {"name": "tiny-texts", "version": "1.0", "licence": "MIT"}
    (provenance,) = provenances(database)
    assert provenance["packages"] == [package]
    probe = results.frame("probe_results", study="mine").iloc[0]  # one feature is probed, it has no geometry
    assert (probe["feature"], probe["n_positive"]) == ("label", 30)
    assert 0.0 <= probe["roc_auc"] <= 1.0
    assert results.frame("psm_results", study="mine").empty
    data = StudyData(results, "mine")
    table = counts_table(feature_counts(data))
    assert list(table["feature"]) == ["label"]  # one feature has no fits, which keeps this quick
    assert set(table["corpus"]) == {"tiny-texts 1.0 (MIT)"}
    assert list(table["n_positive"]) == [30]


def test_a_package_that_is_gone_is_one_line_with_the_command(workplace: Path) -> None:
    path = study(workplace, '[datasets.animals]\nsource = "texts.toml"\n')
    (workplace / "site" / "tiny_texts-1.0.dist-info" / "METADATA").unlink()
    (workplace / "site" / "tiny_texts-1.0.dist-info" / "RECORD").unlink()
    (workplace / "site" / "tiny_texts-1.0.dist-info").rmdir()
    with pytest.raises(InputError, match=r"pip install --no-deps tiny-texts$") as caught:
        plan_study(load_study(path))
    assert "\n" not in str(caught.value)
