"""The archive that ships with the pages: it is read by this version, and says what the findings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from superpos.db.engine import Database
from superpos.export.restored import restore
from tools.findings_page import document

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHIPPED = sorted(path for path in (DOCS / "archives").iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_findings_say_what_the_archive_says(folder: Path, tmp_path: Path) -> None:
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 20e6
    url = f"sqlite:///{tmp_path / 'shipped.db'}"
    with Database(url) as database:
        assert restore(database, folder)[0] == (folder.name,)
    page = (DOCS / "findings.md").read_text(encoding="utf-8")
    own = document([(url, folder.name)])
    for title in ("## The claims of the thesis", "## Traps, and the share of cells in them"):
        said, found = (column(one, title, f"`{folder.name}`") for one in (page, own))
        assert len(found) > 5
        assert {name: said[name] for name in found} == found
    introduction, claims = own.split("## The claims of the thesis")
    assert page.startswith(introduction)
    # What is behind each claim is of the study where it weighs most; what follows is of each study.
    rest = claims[claims.index("## Repulsion") :]
    assert f"| `{folder.name}` |" in rest
    for block in rest.strip().split("\n\n"):
        for part in block.splitlines() if block.startswith("|") else [block]:
            assert f"\n{part}\n" in page


def column(page: str, title: str, study: str) -> dict[str, str]:
    """Return the cells of a study in the table of a section, by what stands first in their rows."""
    section = page[page.index(title) + len(title) :]
    table = [line for line in section[: section.index("\n## ")].splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    place = rows[0].index(study)
    return {row[0]: row[place] for row in rows[1:]}
