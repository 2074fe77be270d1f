"""`superpos completion`: a shell completes what the parser knows; without the package it is one line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from superpos.cli.parser import main


def test_without_its_package_it_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install shtab" in line


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash")
def test_bash_completes_commands_and_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "superpos.sh"
    script.write_text(capsys.readouterr().out, encoding="utf-8")
    asked = (
        f"source {script}; "
        'COMP_WORDS=(superpos rep); COMP_CWORD=1; _shtab_superpos; echo "${COMPREPLY[@]}"; '
        'COMP_WORDS=(superpos report --on); COMP_CWORD=2; _shtab_superpos; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True, timeout=280)
    assert done.stdout.split() == ["report", "--only"]
