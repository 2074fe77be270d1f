"""The page of the study file is what its generator writes, and its example is a study."""

from __future__ import annotations

import re
from pathlib import Path

from superpos.specs.explain import sections
from superpos.specs.studyfile import load_study
from tools import study_file_doc

PAGE = Path(__file__).resolve().parents[2] / "docs" / "study-file.md"


def test_the_page_is_up_to_date() -> None:
    """`python -m tools.study_file_doc > docs/study-file.md` writes it."""
    assert PAGE.read_text(encoding="utf-8") == study_file_doc.document()


def test_every_key_stands_in_it() -> None:
    text = study_file_doc.document()
    for section in sections():
        for key in section.keys:
            assert section.origin or f"- **`{key.name}`**" in text
    assert max(map(len, text.splitlines())) <= study_file_doc.WIDTH


def test_its_example_is_a_study(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.*?)```", study_file_doc.INTRODUCTION, re.DOTALL)
    assert found
    path = tmp_path / "example.toml"
    path.write_text(found[1], encoding="utf-8")
    study = load_study(path)
    assert [block.name for block in study.blocks] == ["cosine", "rbf"]
    assert [block.gauges for block in study.blocks] == [("unit",), ("none",)]
    assert len(study.blocks[1].kernels) == 3
