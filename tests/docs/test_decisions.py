"""Decisions: each says context, decision and consequences, in this order, and stands in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "decisions"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_has_three_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(rf"# {page.name[:4]} \S", text)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert all(len(part.split()) > 5 for part in re.split(r"^#.*$", text, flags=re.MULTILINE)[2:])


def test_the_index_lists_every_decision() -> None:
    listed = re.findall(
        r"^\| \[(\d{4})\]\(([\w-]+\.md)\) \| \S", (FOLDER / "index.md").read_text("utf-8"), re.MULTILINE
    )
    assert [name for _, name in listed] == [page.name for page in PAGES]
    assert [number for number, _ in listed] == [page.name[:4] for page in PAGES]
