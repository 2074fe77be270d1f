"""`superpos datasets` with `--source`: the list, a set of it, and every mistake in one line."""

from __future__ import annotations

import argparse
import csv
import io
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from superpos.cli.datasets import list_sets
from superpos.cli.parser import main
from superpos.cli.source_listing import list_source
from superpos.specs.set_sources import load_source, set_sources
from superpos.specs.studyfile import load_study

SOURCE = """
meaning = "Labelled texts"
cite = "Somebody 2025"
suffixes = [".csv"]
[keys]
builder = "labelled_texts"
ctx_len = 900
[sets.animals]
files = { cats = "cats", dogs = "dogs" }
description = "Cats and dogs"
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with a source and its files."""
    (tmp_path / "data").mkdir()
    for name in ("cats", "dogs", "sizes"):
        rows = [(f"the {name} of house {n} sleep", n if name == "sizes" else n % 2) for n in range(60)]
        with (tmp_path / "data" / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("text", "label"), *rows, rows[0]])
    (tmp_path / "texts.toml").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs an action: exit status, what it printed, and its complaint."""

    def call(*arguments: str) -> tuple[int, str, str]:
        outcome = main(["datasets", *arguments])
        return (outcome, *capsys.readouterr())

    return call


OF_TEXTS = ("--source", "texts.toml", "--source-folder", "data")


def test_the_list_is_a_line_a_set(run: Run) -> None:
    outcome, out, _ = run("list", *OF_TEXTS)
    assert outcome == 0
    assert [line.split("\t") for line in out.splitlines()] == [
        ["animals", "2", "120", "2", "0", "26", "2 files", "Cats and dogs"],
        ["cats", "2", "60", "1", "0", "26", "", ""],
        ["dogs", "2", "60", "1", "0", "26", "", ""],
        ["sizes", "60", "60", "1", "0", "27", "numbers: give `bins`", ""],
    ]


def test_the_list_as_json_has_everything(run: Run) -> None:
    said = json.loads(run("list", *OF_TEXTS, "--json")[1])
    assert (said["source"], said["cite"]) == ("texts", "Somebody 2025")
    sets = {one["name"]: one for one in said["sets"]}
    assert [one["name"] for one in sets["animals"]["features"]] == ["cats", "dogs"]
    assert sets["sizes"]["is_numeric"]
    assert sets["cats"]["counts"]["repeated"] == 1


def test_on_a_terminal_it_is_a_table_that_says_whom_to_cite() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=140, color_system=None)
    assert list_source(load_source("texts.toml"), "data", console, as_json=False) == 0
    shown = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "4 sets of texts. Somebody 2025" in shown
    assert "superpos datasets show NAME --source texts" in shown
    assert "contradictory" in shown


def test_the_bundled_list_names_the_sources() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=140, color_system=None)
    options = argparse.Namespace(json=False, source=None, source_folder=None)
    assert list_sets(options, console) == 0
    shown = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    for name in set_sources():
        assert f"superpos datasets list --source {name}: " in shown


def test_the_lines_that_show_prints_are_a_study_that_works(run: Run, workplace: Path) -> None:
    outcome, out, err = run("show", "animals", *OF_TEXTS, "--json")
    assert outcome == 0, err
    page = json.loads(out)
    assert [feature["feature"] for feature in page["features"]] == ["cats", "dogs"]
    assert any("512 tokens at most" in note for note in page["notes"])
    table = tomllib.loads(page["study"])["datasets"]["animals"]
    assert table == {"source": "texts.toml", "source_folder": "data", "ctx_len": 512}
    (workplace / "mine.toml").write_text(page["study"], encoding="utf-8")
    (spec,) = load_study(workplace / "mine.toml").datasets
    assert (spec.ctx_len, [one.name for one in spec.options.files]) == (512, ["cats", "dogs"])


def test_a_key_of_the_command_overrides_that_of_the_source(run: Run, workplace: Path) -> None:
    path = workplace / "data" / "cats.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("text,label", "text,tame"), encoding="utf-8")
    outcome, out, err = run("show", "cats", *OF_TEXTS, "--label-key", "tame", "--json")
    assert outcome == 0, err
    assert [feature["feature"] for feature in json.loads(out)["features"]] == ["tame"]
    assert tomllib.loads(json.loads(out)["study"])["datasets"]["cats"]["label_key"] == "tame"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--source", "text.toml"), "--source: 'text.toml' is no source; allowed: "),
        (
            ("list", "--source", "texts.toml"),
            "source texts is a folder of files; name it with `source_folder`",
        ),
        (
            ("list", "--source", "texts.toml", "--source-folder", "date"),
            "date: no such folder; source texts is",
        ),
        (("list", "--source-folder", "data"), "--source-folder: does not apply without --source"),
        (("show", "animal", *OF_TEXTS), "'animal' is no set of texts; allowed: animals, "),
        (("show", "animal", *OF_TEXTS), "(did you mean 'animals'?)"),
        (("show", "sizes", *OF_TEXTS), "60 different numbers under 'label' are no classes; divide them at"),
        (
            ("show", "cats", *OF_TEXTS, "--label-key", "tame"),
            "no column 'tame' for the label; columns: text, label",
        ),
        (("build", "cats", *OF_TEXTS, "--out", "x.toml"), "--out: x.toml does not end in .safetensors"),
    ],
)
def test_mistakes_are_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    outcome, out, err = run(*arguments)
    assert (outcome, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert said in err
