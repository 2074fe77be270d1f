"""Arguments of the command that no file system and no counter takes: one short line, exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from superpos.cli.parser import main

LONG = "x" * 5_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", LONG],
        ["plan", f"{LONG}.toml"],
        ["run", f"folder/{LONG}"],
        ["plan", "a\0b"],
        ["run", "demo", "--workers", "9" * 5_000],
        ["run", "demo", "--workers", "9" * 30 + LONG],
        ["run", "demo", "--stage", LONG],
        ["report", "--out", LONG],
        ["report", "--out", "~no-user-of-this-name/out"],
        ["datasets", "show", LONG],
        ["datasets", "show", "text_features", "--corpus", LONG],
        ["datasets", "show", "digits", "--tokenizer", LONG],
        ["datasets", "import", LONG],
        ["datasets", "import", "here.csv", "--rows", "9" * 5_000],
        [LONG],
        ["plan", "demo", f"--{LONG}"],
    ],
    ids=lambda arguments: " ".join(argument[:12].replace("\0", "NUL") for argument in arguments),
)
def test_what_is_too_long_is_said_shortly(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status = main(arguments)
    except SystemExit as error:  # argparse leaves this way
        status = int(error.code or 0)
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert len(err) < 2_500
    assert list(tmp_path.iterdir()) == []
