"""What is installed: the package and what it reads, and nothing that only makes pages or tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HATCH = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"][
    "targets"
]
WRITES_A_PAGE = re.compile(r"(?:python -m [\w.]+ ?>? ?|write_text\()[^\n]*docs/[\w-]+\.md")


def test_the_wheel_holds_the_package_and_its_migrations() -> None:
    assert HATCH["wheel"] == {
        "packages": ["superpos"],
        "force-include": {
            "migrations": "superpos/_migrations",
            "docs/sql-cookbook.md": "superpos/export/sql-cookbook.md",
        },
    }


def test_what_makes_pages_is_no_part_of_the_package() -> None:
    assert {path.name for path in (ROOT / "tools").glob("*.py")} >= {
        "feature_set_doc.py",
        "feature_set_samples.py",
        "schema_page.py",
    }
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "superpos").rglob("*.py")
        if WRITES_A_PAGE.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_package_imports_nothing_of_the_tools() -> None:
    for path in (ROOT / "superpos").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) tools\b", path.read_text(encoding="utf-8"), re.MULTILINE), (
            path
        )
