"""The page of kinds is what the registers say."""

from __future__ import annotations

from pathlib import Path

from tools import kinds_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "kinds.md"


def test_the_page_is_written_from_the_registers() -> None:
    assert PAGE.read_text(encoding="utf-8") == kinds_page.document(), (
        "run python -m tools.kinds_page > docs/kinds.md"
    )


def test_every_kind_of_every_register_has_a_line() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    families = [register for _, _, register in kinds_page.families()]
    assert {register.what for register in families} >= {"energy", "target", "measure", "scheme of weights"}
    for register in families:
        for kind in register:
            if register.origin(kind.name) is None:
                assert any(line.startswith(f"| `{kind.name}` | ") for line in lines), kind.name
