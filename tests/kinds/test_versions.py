"""The version of a kind stands at the kind: code that moves without it is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from superpos.kinds.energies import ENERGIES
from tools import kind_versions

ENERGY = '''"""An energy."""
from superpos.hashing import text_digest
def value(a):
    """Return it."""
    return {number} * a  # as it is
'''


def test_every_own_kind_agrees_with_its_pin() -> None:
    pinned = json.loads(kind_versions.FILE.read_text())
    assert kind_versions.moved(pinned, kind_versions.current()) == []
    assert {f"energy/{name}" for name in ENERGIES.names()} <= pinned.keys()


def test_every_family_is_pinned() -> None:
    families = {register.what for register in kind_versions.registers()}
    pinned = {name.partition("/")[0] for name in json.loads(kind_versions.FILE.read_text())}
    assert families == pinned


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "an_energy_of_tests.py"
    file.write_text(ENERGY.format(number="2.0"))
    return file


def test_comments_docstrings_and_layout_do_not_count(module: Path) -> None:
    before = kind_versions.digest(module.stem)
    module.write_text(
        module.read_text().replace("  # as it is", "").replace('"""Return it."""', '"""Give it.\n    """')
    )
    assert kind_versions.digest(module.stem) == before
    module.write_text(ENERGY.format(number="2.5"))
    assert kind_versions.digest(module.stem) != before


def test_code_that_a_kind_imports_counts(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kind_versions.digest(module.stem)
    moved = tmp_path / "hashing.py"
    moved.write_text("text_digest = None\n")
    tree = kind_versions._tree
    monkeypatch.setattr(
        kind_versions, "_tree", lambda name: tree(moved.stem if name == "superpos.hashing" else name)
    )
    assert kind_versions.digest(module.stem) != before


def test_moved_code_needs_a_version_or_a_waiver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"energy/exp": {"version": 1, "digest": "a"}}
    monkeypatch.setattr(kind_versions, "FILE", tmp_path / "kinds" / "versions.json")
    monkeypatch.setattr(kind_versions, "current", lambda: found)
    assert kind_versions.main([]) == 1
    assert "energy/exp: is not pinned" in capsys.readouterr().out
    assert kind_versions.main(["--update"]) == 0

    found["energy/exp"]["digest"] = "b"
    assert kind_versions.main(["--update"]) == 1, "an update alone must not hide code that moved"
    assert "its code moved, its version 1 did not" in capsys.readouterr().out
    assert kind_versions.main(["--waive", "a name of a variable"]) == 0
    pinned = json.loads(kind_versions.FILE.read_text())
    assert pinned == {"energy/exp": {"version": 1, "digest": "b", "waiver": "a name of a variable"}}

    found["energy/exp"].update(version=2, digest="c")
    assert kind_versions.main([]) == 1
    assert kind_versions.main(["--update"]) == 0
    assert "waiver" not in json.loads(kind_versions.FILE.read_text())["energy/exp"]

    found.clear()
    assert kind_versions.main([]) == 1
    assert "energy/exp: is gone" in capsys.readouterr().out
