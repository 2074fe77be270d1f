"""`superpos plan --explain KEY`."""

from __future__ import annotations

import json

import pytest

from superpos.cli.parser import main


def test_a_key_is_explained_without_a_study(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--explain", "self_energy"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "self_energy, in a kernel",
        "  Whether the sum runs over i = j too; None stands for the energy's default (`exp`: include).",
        "  type: text",
        "  default: the energy's own",
        "  allowed: exclude, include",
    ]
    assert said.err == ""


def test_kinds_are_explained_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--explain", "blocks.targets"]) == 0
    assert "\n    permuted: Directions whose coordinates are permuted" in capsys.readouterr().out


def test_what_the_blocks_of_a_study_say_stands_behind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "demo", "--explain", "n_dims"]) == 0
    assert "block lambda-rbf: [10]\n" in capsys.readouterr().out


def test_it_is_had_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "demo", "--explain", "gtol", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [key["section"] for key in found["keys"]] == ["blocks", "reoptimisations"]
    assert found["blocks"]["trained-cosine"] == "1e-05"


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        (["plan", "--explain", "n_dim"], "(did you mean 'n_dims'?)\n"),
        (["plan"], "superpos: plan: give a STUDY, or --explain KEY\n"),
        (["plan", "--explain", ""], "(103 in all)\n"),
        (["plan", "demoo", "--explain", "n_dims"], "(did you mean 'demo'?)\n"),
    ],
)
def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], end: str) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert said.err.endswith(end) or end.startswith("(103")
