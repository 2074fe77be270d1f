"""`plan`, `run` and `datasets show` say how a set is split; options of the corpus are checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_study import Tiny

from superpos.cli.parser import main

WINDOWS = "fewer than 10, so the split is by window"


@pytest.fixture
def one_file(tiny: Tiny) -> Path:
    """The files of the tiny corpus, cut small, as one text with titles."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(tiny.corpus.glob("*.py"))]
    words = [piece for text in texts for piece in text.split("\n\n") if len(piece) > 200]
    path = tiny.folder / "texts.txt"
    path.write_text("".join(f" = Text {i} = \n{piece}\n" for i, piece in enumerate(words)), encoding="utf-8")
    return path


def test_plan_says_that_the_split_is_by_window(
    tiny: Tiny, one_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(tiny.file(corpus=one_file, more=""))]) == 0
    out = capsys.readouterr().out
    assert f"note: data set text_features: sequences come from 1 document, {WINDOWS}" in out
    assert main(["plan", "--json", str(tiny.file(corpus=one_file, more=""))]) == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert WINDOWS in note


def test_show_says_it_and_a_division_mends_it(one_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show = ["datasets", "show", "text_features", "--corpus", str(one_file), "--n-samples", "200"]
    assert main(show) == 0
    assert f"note: sequences come from 1 document, {WINDOWS}" in capsys.readouterr().out
    assert main([*show, "--documents", "heading"]) == 0
    out = capsys.readouterr().out
    assert WINDOWS not in out
    assert "groups: documents" in out
    assert 'documents = "heading"' in out
    assert main([*show, "--documents", "heading", "--heading", " = Text", "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert page["provenance"]["heading"] == " = Text"
    assert page["notes"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--documents", "pages"], "--documents: 'pages' is unknown; allowed: file, heading, paragraph"),
        (["--heading", "# "], "--heading: '# ' applies beside documents = \"heading\" only"),
        (["--documents", "heading", "--heading", "("], "--heading: '(' is not a regular expression"),
        (["--documents", "heading", "--heading", "x?"], "--heading: 'x?' matches an empty line"),
        (
            ["--documents", "heading", "--heading", "§"],
            "heading: no line matches '§'; give a pattern that does",
        ),
    ],
)
def test_wrong_options_are_one_line(
    options: list[str], said: str, one_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", "show", "text_features", "--corpus", str(one_file), *options]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_the_standard_library_has_documents_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "show", "text_features", "--documents", "paragraph"]) == 2
    err = capsys.readouterr().err
    assert (
        "--documents: 'paragraph' does not apply: the documents of the standard library are its files" in err
    )


@pytest.mark.parametrize(
    ("corpus", "said"),
    [
        ('{ path = "stdlib", documents = "heading" }', "corpus.documents: 'heading' does not apply"),
        ('{ path = "x.txt", documents = 3 }', "corpus.documents: 3 is not text"),
        ('{ path = "x.txt", document = "heading" }', "corpus.document: unknown key"),
        ('{ parts = { a = "x" }, documents = "heading" }', "corpus.documents: unknown key"),
    ],
)
def test_wrong_keys_of_a_study_are_one_line(
    corpus: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.txt").write_text("text", encoding="utf-8")
    study = tmp_path / "study.toml"
    study.write_text(
        f"[models.nano]\n[datasets.text_features]\ncorpus = {corpus}\n[[blocks]]\n", encoding="utf-8"
    )
    assert main(["plan", str(study)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
