"""The archive that ships with the pages: it is read by this version, and says what the findings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from superpos.db.engine import Database
from superpos.db.results import Results
from superpos.export.restored import restore
from superpos.reporting.study_data import StudyData
from tools.findings_claims import claims

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHIPPED = sorted(path for path in (DOCS / "archives").iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_findings_say_what_the_archive_says(folder: Path, tmp_path: Path) -> None:
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 20e6
    database = Database(f"sqlite:///{tmp_path / 'shipped.db'}")
    studies, _ = restore(database, folder)
    assert studies == (folder.name,)
    page = (DOCS / "findings.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page if line.startswith("| ")]
    place = rows[0].index(f"`{folder.name}`")
    said = {row[0]: row[place] for row in rows[1:] if len(row) == len(rows[0])}
    found = [line for line in claims([StudyData(Results(database), folder.name)]) if line.startswith("| ")]
    own = {cells[0]: cells[2] for line in found for cells in [[c.strip() for c in line.split("|")[1:-1]]]}
    database.dispose()
    del own["claim"]
    assert len(own) > 10
    assert {claim: said[claim] for claim in own} == own
