"""`superpos studies`: what ships, what a database holds of it, and the file of one."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from superpos.cli.parser import main
from superpos.specs.studies import FOLDER, bundled_studies


def test_every_bundled_study_is_listed_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUPERPOS_DB_URL", raising=False)
    assert main(["studies", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["study"] for row in rows] == list(bundled_studies())
    assert all(len(row["about"]) > 20 for row in rows)
    assert {row["planned"] for row in rows} == {None}
    assert not list(tmp_path.iterdir())  # no database is made by looking
    assert main(["studies", "list"]) == 0
    said = capsys.readouterr().out
    assert "thesis-smollm2" in said
    assert "next: superpos plan NAME" in said


def test_a_database_that_is_named_and_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studies", "list", "--db", f"sqlite:///{tmp_path}/none.db"]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_file_of_a_study_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studies", "show", "nano-thesis"]) == 0
    said = capsys.readouterr().out
    assert said == (FOLDER / "nano-thesis.toml").read_text(encoding="utf-8")
    assert tomllib.loads(said)["name"] == "nano-thesis"


@pytest.mark.parametrize("name", [["nano-thesi"], []])
def test_an_unknown_study_is_one_line_with_the_nearest(
    name: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studies", "show", *name]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'nano-thesis'" in line or "nano-thesis" in line
